"""Hold what was reported against what happened: one verdict for each expected incident and each stray alert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.core.box import Box
from agent.stage.scene import Expected

MIN_IOU = 0.5
EARLY_S, LATE_S = 1.0, 3.0
"""An alert counts from this long before to this long after it is due."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An alert as it arrived.

    Attributes:
        rule: rule id.
        zone: zone id.
        at_s: scene time of the alert.
        box: what it points at, normalised.
    """

    rule: str
    zone: str
    at_s: float
    box: Box


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one expected incident, or of one alert that nothing explains.

    Attributes:
        passed: whether all is as it should be.
        reason: one sentence for people.
        expected: the incident; None for a stray alert.
        reported: the alert; None where none came.
    """

    passed: bool
    reason: str
    expected: Expected | None
    reported: Reported | None


BoxAt = Callable[[str, float], "Box | None"]
"""Gives the true box of an actor at a scene time; None where it is not in the picture."""


def match(expected: Sequence[Expected], box_at: BoxAt, alerts: Sequence[Reported]) -> list[Verdict]:
    """Judge alerts against the truth.

    Each expected incident takes the alert of its rule and zone that is nearest to its time; what is left over has no
    cause and fails: a second alert for one incident is as wrong as an invented one.
    """
    left = list(alerts)
    verdicts = []
    for one in expected:
        same_place = [alert for alert in left if (alert.rule, alert.zone) == (one.rule, one.zone)]
        if not same_place:
            due = f"{one.rule} in {one.zone} by {one.actor} was due at {one.alert_s:.1f} s and never came"
            verdicts.append(Verdict(False, due, one, None))
            continue
        alert = min(same_place, key=lambda alert: abs(alert.at_s - one.alert_s))
        left.remove(alert)
        verdicts.append(_judge(one, box_at(one.actor, alert.at_s), alert))
    for alert in left:
        stray = f"{alert.rule} in {alert.zone} at {alert.at_s:.1f} s has no cause in the scene"
        verdicts.append(Verdict(False, stray, None, alert))
    return verdicts


def _judge(expected: Expected, truth: Box | None, alert: Reported) -> Verdict:
    subject = f"{expected.rule} in {expected.zone} by {expected.actor}"
    late_s = alert.at_s - expected.alert_s
    if not -EARLY_S <= late_s <= LATE_S:
        side = "late" if late_s > 0 else "early"
        reason = f"{subject}: {abs(late_s):.1f} s too {side} (due {expected.alert_s:.1f} s, came {alert.at_s:.1f} s)"
        return Verdict(False, reason, expected, alert)
    if truth is None:
        return Verdict(False, f"{subject}: not in the picture at {alert.at_s:.1f} s", expected, alert)
    overlap = truth.iou(alert.box)
    if overlap < MIN_IOU:
        reason = f"{subject}: the alert's box misses it (IoU {overlap:.2f}, needs {MIN_IOU})"
        return Verdict(False, reason, expected, alert)
    return Verdict(True, f"{subject}: {late_s:+.1f} s, IoU {overlap:.2f}", expected, alert)
