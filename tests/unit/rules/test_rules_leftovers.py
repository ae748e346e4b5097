"""The end of an incident that a restart cut off: true times, whatever the wall clock does meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.street import Actor, Street, rule, stands

from agent.clock import ClockState
from agent.core.incident import Incident
from agent.rules.restore import retire

STOP = rule("stopped_vehicle")
YEARS_US = 56 * 365 * 86_400_000_000


def open_at(second: float) -> Street:
    street = Street([STOP], [Actor("car", stands(0.5, 20, 9999))]).play(second)
    assert street.kinds() == ["open"]
    return street


def the_end(street: Street) -> Incident:
    (ended,) = street.incidents("end")
    return ended


@pytest.mark.parametrize("step_us", [YEARS_US, -YEARS_US, 3_600_000_000])
def test_a_clock_set_between_the_start_and_the_first_frame_dates_no_end(step_us: int) -> None:
    street = open_at(120)
    street.clock.step_wall(0, ClockState.UNSET)
    street.reboot(30)
    street.clock.step_wall(step_us, ClockState.SYNCED)
    street.play(street.t + 2)
    begun, ended = street.incidents("open")[0], the_end(street)
    assert (ended.begin_us, ended.alert_us) == (begun.begin_us, begun.alert_us)
    assert ended.end_us is not None
    assert street.second(ended.end_us) == pytest.approx(120, abs=5.5)
    assert ended.dwell_s == pytest.approx(100, abs=6)
    assert ended.rev == 2


def test_within_one_boot_the_end_is_told_by_the_clock_as_it_is_now() -> None:
    street = open_at(120)
    street.rules = [replace(STOP, armed=False), rule("intrusion")]
    street.restart(2)
    street.clock.step_wall(YEARS_US)
    street.play(130)
    begun, ended = street.incidents("open")[0], the_end(street)
    assert ended.begin_us == pytest.approx(begun.begin_us + YEARS_US, abs=1_000_000)
    assert ended.end_us is not None
    assert street.second(ended.end_us - YEARS_US) == pytest.approx(120, abs=5.5)


def test_no_end_is_dated_before_1970() -> None:
    street = open_at(120)
    (slot,) = street.stored.values()
    at = street.clock.now()
    early = replace(slot, boot_id="d" * 32, since_utc_us=-5, alert_us=-4, last_seen_utc_us=-3)
    reset = replace(at, utc_us=10_000_000)
    for wrong, now in ((early, at), (slot, reset)):
        (event,) = retire([wrong], now).events
        assert event.incident is not None
        assert (event.incident.begin_us, event.incident.alert_us) == (0, 0)
        assert event.incident.end_us is not None
        assert event.incident.end_us >= 0


def test_a_clock_reset_to_1970_dates_no_incident_before_it() -> None:
    street = Street([STOP], [Actor("car", stands(0.5, 20, 130))]).play(120)
    street.clock.step_wall(60_000_000 - street.clock.now().utc_us, ClockState.UNSET)
    street.play(240)
    assert the_end(street).begin_us == 0
