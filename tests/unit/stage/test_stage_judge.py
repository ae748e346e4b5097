import pytest

from agent.core.box import Box
from agent.stage.judge import Reported, match
from agent.stage.scene import Expected

STOP = Expected("stopped_vehicle", "kerb", "red", begin_s=12, alert_s=27, end_s=46)
THERE = Box(0.3, 0.5, 0.6, 0.7)
ASIDE = Box(0.5, 0.5, 0.8, 0.7)


def alert(at_s: float = 27.2, box: Box = THERE, rule: str = "stopped_vehicle", zone: str = "kerb") -> Reported:
    return Reported(rule, zone, at_s, box)


def where(actor: str, t_s: float) -> Box | None:
    return THERE if actor == "red" and 5 < t_s < 50 else None


@pytest.mark.parametrize(
    ("alerts", "passed", "says"),
    [
        ([alert()], [True], "+0.2 s, IoU 1.00"),
        ([alert(26.0)], [True], "-1.0 s"),
        ([alert(30.0)], [True], "+3.0 s"),
        ([alert(25.9)], [False], "1.1 s too early"),
        ([alert(30.1)], [False], "3.1 s too late"),
        ([alert(box=ASIDE)], [False], "IoU 0.20, needs 0.5"),
        ([], [False], "was due at 27.0 s and never came"),
        ([alert(zone="yard")], [False, False], "never came"),
        ([alert(), alert(29.0)], [True, False], "at 29.0 s has no cause"),
        ([alert(2.0, rule="intrusion"), alert()], [True, False], "intrusion in kerb at 2.0 s has no cause"),
    ],
)
def test_alerts_are_judged_by_time_place_and_cause(alerts: list[Reported], passed: list[bool], says: str) -> None:
    verdicts = match([STOP], where, alerts)
    assert [verdict.passed for verdict in verdicts] == passed
    assert any(says in verdict.reason for verdict in verdicts), [verdict.reason for verdict in verdicts]


def test_an_alert_about_somebody_who_is_gone_fails() -> None:
    late = Expected("stopped_vehicle", "kerb", "red", 40, 52, 60)
    (verdict,) = match([late], where, [alert(52)])
    assert not verdict.passed
    assert "not in the picture" in verdict.reason


def test_each_incident_takes_the_alert_nearest_to_it() -> None:
    again = Expected("stopped_vehicle", "kerb", "red", 30, 45, 49)
    verdicts = match([STOP, again], where, [alert(45.5), alert(27.0)])
    assert [verdict.passed for verdict in verdicts] == [True, True]
