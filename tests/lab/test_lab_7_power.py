"""A reboot and a power cut: everything comes back by itself, and what was committed is still there."""

from __future__ import annotations

import pytest
from support.lab import witness
from support.lab.lab import Lab
from support.lab.office import Office
from support.lab.service import BOX_SERVICES, Service
from support.lab.shell import until

pytestmark = pytest.mark.lab

READY_S, DELIVERED_S = 90.0, 240.0


def test_a_reboot_brings_everything_back(settled: Office, lab: Lab, transcript) -> None:
    box = lab.boxes[0]
    kept = witness.recorded(box)
    with transcript.step(f"{box.place.name} rebooted in good order"):
        lab.reboot(box)
    comes_back_whole(lab, box, kept, transcript)


@pytest.mark.long
def test_a_power_cut_loses_nothing_that_was_committed(settled: Office, lab: Lab, transcript) -> None:
    for box in lab.boxes:
        before = len(witness.recorded(box))
        until(lambda box=box, before=before: len(witness.recorded(box)) > before, 90, "an event just before")
        kept = witness.recorded(box)
        with transcript.step(f"power of {box.place.name} cut, and given again"):
            box.cut_power()
            box.boot()
            box.wait_up()
            lab.wait_ssh(box)
        comes_back_whole(lab, box, kept, transcript)


@pytest.mark.long
def test_a_power_cut_at_hq_loses_nothing(settled: Office, lab: Lab, transcript) -> None:
    kept = {box.place.name: witness.at_hq(lab.hq, box.place.name) for box in lab.boxes}
    with transcript.step("power of hq cut, and given again"):
        lab.hq.cut_power()
        lab.hq.boot()
        lab.hq.wait_up()
        lab.wait_ssh(lab.hq)
    for name in ("mosquitto", "commune-hq"):
        until(Service(lab.hq, name).ready, READY_S, f"{name} is ready")
    for box in lab.boxes:
        assert kept[box.place.name] == witness.at_hq(lab.hq, box.place.name)[: len(kept[box.place.name])]
        before = len(witness.recorded(box))
        until(lambda box=box, before=before: len(witness.recorded(box)) > before, 90, "a new event")
        with transcript.step(f"all of {box.place.name} is at HQ"):
            until(lambda box=box: not witness.lost(box, lab.hq), DELIVERED_S, f"all of {box.place.name} is at HQ")
    assert not witness.troubles(lab.hq)


def comes_back_whole(lab: Lab, box, kept: list[witness.Event], transcript) -> None:
    """Wait for services, a new event and its delivery; what was there before must still be there."""
    with transcript.step(f"{box.place.name}: services ready, a new event, all of it at HQ") as results:
        for name in BOX_SERVICES:
            until(Service(box, f"commune-{name}").ready, READY_S, f"commune-{name} is ready")
        assert witness.recorded(box)[: len(kept)] == kept
        until(lambda: len(witness.recorded(box)) > len(kept), 90, "a new event")
        until(lambda: not witness.lost(box, lab.hq), DELIVERED_S, "all of it is at HQ")
        results.append(f"{len(kept)} events from before, {len(witness.recorded(box))} now")
    assert witness.integrity(box) == {"watch.db": "ok", "media.db": "ok", "desk.db": "ok", "link.db": "ok"}
    assert not witness.troubles(lab.hq)
