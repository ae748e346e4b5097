"""A service that dies or hangs is back by itself, and what it was doing is not lost."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest
from support.lab import witness
from support.lab.lab import Lab
from support.lab.office import Office
from support.lab.service import BOX_SERVICES, Service
from support.lab.shell import until

pytestmark = pytest.mark.lab

BACK_S = 60.0
"""Bound of the proof for a start; the units wait 2 to 5 s before it."""
SETTLED_S = 180.0


def test_a_killed_service_is_ready_again(
    settled: Office, lab: Lab, beside_a_silent_page, seed: int, long_run: bool, transcript
) -> None:
    units = [(box, f"commune-{name}") for box in lab.boxes[:1] for name in BOX_SERVICES]
    units += [(lab.hq, "commune-hq"), (lab.hq, "mosquitto")]
    if not long_run:
        units.remove((lab.boxes[0], "commune-page"))  # it is silent at the moment
        units = random.Random(seed).sample(units, 2)
    for machine, unit in units:
        service = Service(machine, unit)
        restarts = int(service.state()["NRestarts"])
        took_s = service.comes_back(service.kill(signal.SIGKILL), BACK_S)
        transcript.say(f"kill -9 of {unit} on {machine.place.name}: ready again after {took_s:.1f} s")
        assert int(service.state()["NRestarts"]) == restarts + 1


def test_a_service_that_hangs_is_killed_and_started_again(silenced, transcript) -> None:
    for service, pid, at_s in silenced:
        patience_s = service.watchdog_s()
        assert patience_s > 0, f"{service.unit} has no watchdog"
        service.comes_back(pid, patience_s + BACK_S)
        assert "Watchdog timeout" in service.journal(lines=200)
        seen_s = time.monotonic() - at_s
        transcript.say(
            f"{service.unit} hung: its {patience_s:.0f} s watchdog ended it, ready again after {seen_s:.0f} s"
        )


def test_nothing_was_lost_by_all_that(settled: Office, lab: Lab, transcript) -> None:
    for box in lab.boxes:
        settle(lab, box, transcript)
    assert not witness.troubles(lab.hq)


def settle(lab: Lab, box, transcript) -> None:
    """Wait until a box's new events are at HQ and nothing is missing, then compare every byte."""
    name, before = box.place.name, len(witness.recorded(box))
    until(lambda: len(witness.recorded(box)) > before, SETTLED_S, f"{name} records again")
    until(lambda: not witness.lost(box, lab.hq), SETTLED_S, f"everything of {name} is at HQ")
    events = witness.recorded(box)
    bodies = [json.loads(bytes.fromhex(event.body)) for event in events]
    assert [body["id"] for body in bodies] == [event.event_id for event in events]
    transcript.say(f"{name}: {len(events)} events recorded, the same {len(events)} at HQ, byte for byte")
