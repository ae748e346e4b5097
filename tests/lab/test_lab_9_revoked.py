"""A box that was revoked gets no word of the broker; with a new key it is itself again, and nothing it saw is lost."""

from __future__ import annotations

import pytest
from support.lab import witness
from support.lab.caller import PKI, greet
from support.lab.lab import Lab
from support.lab.office import HQ_NAME, Office
from support.lab.service import Service
from support.lab.shell import until

pytestmark = pytest.mark.lab

DELIVERED_S = 240.0


def test_a_revoked_box_is_refused_and_a_new_key_lets_it_back(
    settled: Office, lab: Lab, long_run: bool, transcript
) -> None:
    box = lab.boxes[-1]
    name = box.place.name
    with transcript.step(f"{name} revoked, HQ told"):
        settled.command("ca", "revoke", settled.records / "authority", name)
        settled.play("hq.yml", "--tags", "registry")
    before = len(witness.recorded(box))
    until(lambda: len(witness.recorded(box)) > before, 90, f"{name} goes on recording")
    assert witness.lost(box, lab.hq)
    assert "CERTIFICATE_REVOKED" in greet(box, f"{PKI}/box.pem", f"{PKI}/box.key")
    assert "no link to HQ" in Service(box, "commune-uplink").journal()
    transcript.say(f"{name} is refused and goes on recording; {len(witness.lost(box, lab.hq))} events wait in it")
    if long_run:
        let_back(settled, lab, box, transcript)


def let_back(settled: Office, lab: Lab, box, transcript) -> None:
    """Give a revoked box a new key; what it recorded meanwhile must arrive."""
    box.enter("rm", *(f"{PKI}/box.{kind}" for kind in ("key", "csr", "pem")))
    with transcript.step(f"{box.place.name} made a new key and has a new certificate") as results:
        play = settled.play("site.yml", "--limit", f"{box.place.name},{HQ_NAME}")
        results.append(f"changed: {play.changed}")
    with transcript.step(f"all of {box.place.name} is at HQ"):
        until(lambda: not witness.lost(box, lab.hq), DELIVERED_S, "nothing waits any more")
    assert not witness.troubles(lab.hq)
