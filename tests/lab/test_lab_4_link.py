"""The link is cut while things happen before the cameras: nothing is lost, nothing comes twice."""

from __future__ import annotations

import time

import pytest
from support.lab import witness
from support.lab.lab import Lab
from support.lab.office import Office
from support.lab.shell import until

pytestmark = pytest.mark.lab

CUT_S, CUT_LONG_S = 10.0, 60.0
DELIVERED_S = 240.0
"""Bound of the proof: after a cut a box draws its next attempt from up to 2 minutes."""


def test_a_cut_link_loses_nothing(settled: Office, lab: Lab, long_run: bool, transcript) -> None:
    cut_s = CUT_LONG_S if long_run else CUT_S
    before = {box.place.name: len(witness.recorded(box)) for box in lab.boxes}
    lab.network.cut()
    began_s = time.monotonic()
    try:
        for box in lab.boxes:
            name = box.place.name
            until(
                lambda box=box, name=name: len(witness.recorded(box)) > before[name], 90, f"an event in {name}'s dark"
            )
        time.sleep(max(0.0, cut_s - (time.monotonic() - began_s)))
        waiting = {box.place.name: len(witness.lost(box, lab.hq)) for box in lab.boxes}
    finally:
        lab.network.mend()
    dark_s = time.monotonic() - began_s
    assert all(waiting.values()), f"events got through a link that was cut: {waiting}"
    with transcript.step(f"link cut for {dark_s:.0f} s, {waiting} events waiting; mended, all at HQ after"):
        for box in lab.boxes:
            until(lambda box=box: not witness.lost(box, lab.hq), DELIVERED_S, f"all of {box.place.name} is at HQ")
    assert not witness.troubles(lab.hq)
    for box in lab.boxes:
        seqs = [event.seq for event in witness.at_hq(lab.hq, box.place.name)]
        assert seqs == list(range(1, len(seqs) + 1))  # each position once, none missing
