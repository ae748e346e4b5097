"""The demo's verdict: what HQ received, held against what the rendered street really had."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.core.box import Box
from agent.stage.judge import LATE_S, BoxAt, Reported, Verdict, match
from agent.stage.render import Renderer
from agent.stage.scene import Expected, Scene
from agent.stage.truth import true_box

_DELIVERY_S = 5.0
"""An alert due in the last seconds of the run may still be under way when it ends; it is not demanded."""
_SETTLE_S = 2.0
"""A tracker needs a moment before it knows what moves."""


@dataclass
class Played:
    """How the scenes ran.

    Attributes:
        start_us: monotonic µs at which they began.
        ran_s: for how long.
        watched_us: monotonic µs of the first frame that was judged, by camera.
    """

    start_us: int
    ran_s: float
    watched_us: dict[str, int] = field(default_factory=dict)

    def scene_s(self, mono_us: int) -> float:
        """Turn monotonic µs into scene time."""
        return (mono_us - self.start_us) / 1e6

    def watched_s(self, camera: str) -> float:
        """Scene time from which on a camera was watched; the end of the run if it never was."""
        return self.scene_s(self.watched_us[camera]) if camera in self.watched_us else self.ran_s


@dataclass
class Inbox:
    """What HQ has said so far.

    Attributes:
        alerts: one entry a received ``incident.open``, as HQ prints it in JSON.
        pictures: SHA-256 of every thumbnail that HQ has filed.
    """

    alerts: list[dict[str, Any]] = field(default_factory=list)
    pictures: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """Take in one line of ``commune-hq receive --json`` and show its readable form."""
        said = json.loads(line)
        if said.get("line"):
            print(f"HQ   {said['line']}", flush=True)
        if said["type"] == "image" and said.get("path"):
            self.pictures.add(said["sha256"])
        if said["type"] == "event" and said["kind"] == "incident.open" and not said.get("duplicate"):
            self.alerts.append(said)

    def complete(self, alert: dict[str, Any]) -> bool:
        """Tell whether every picture that an alert names is filed at HQ."""
        named = {image["sha256"] for image in alert["incident"].get("images", [])}
        return bool(named) and named <= self.pictures


def judge(scenes: dict[str, Scene], inbox: Inbox, played: Played) -> list[Verdict]:
    """Judge every alert, and every incident that had to be seen.

    What was there before the box began to watch is no test of its eyes: such incidents are not demanded, and alerts
    that say so themselves (``preexisting``) are not held against the scene.

    Args:
        scenes: by camera id; each repeats after its duration.
        inbox: what HQ said.
        played: how the scenes ran.
    """
    verdicts = []
    for camera, scene in scenes.items():
        alerts = [alert for alert in inbox.alerts if alert["incident"]["camera"] == camera]
        verdicts += [_without_picture(alert) for alert in alerts if not inbox.complete(alert)]
        reported = [_reported(alert, played) for alert in alerts if not alert["incident"].get("preexisting")]
        verdicts += match(_due(scene, camera, played, reported), _boxes(Renderer(scene)), reported)
    return verdicts


def _without_picture(alert: dict[str, Any]) -> Verdict:
    incident = alert["incident"]
    reason = f"{incident['rule']} in {incident['zone']}: its pictures did not arrive"
    return Verdict(passed=False, reason=reason, expected=None, reported=None)


def _due(scene: Scene, camera: str, played: Played, reported: Sequence[Reported]) -> list[Expected]:
    """Unroll the scene's repetitions: what had to be seen and to arrive, and of the rest what did."""
    from_s, until_s = played.watched_s(camera) + _SETTLE_S, played.ran_s - LATE_S - _DELIVERY_S
    due = []
    for round_ in range(int(played.ran_s // scene.duration_s) + 1):
        for one in scene.expected:
            later_s = round_ * scene.duration_s
            shifted = replace(one, begin_s=one.begin_s + later_s, alert_s=one.alert_s + later_s)
            demanded = shifted.begin_s >= from_s and shifted.alert_s <= until_s
            if demanded or any(abs(alert.at_s - shifted.alert_s) <= LATE_S for alert in reported):
                due.append(shifted)
    return due


def _boxes(renderer: Renderer) -> BoxAt:
    def at(actor: str, t_s: float) -> Box | None:
        found = true_box(renderer, actor, t_s % renderer.scene.duration_s)
        return None if found is None else found.box

    return at


def _reported(alert: dict[str, Any], played: Played) -> Reported:
    incident = alert["incident"]
    return Reported(incident["rule"], incident["zone"], played.scene_s(alert["mono_us"]), Box(*incident["box"]))
