"""A box is who its certificate says, and no longer than the authority lets it be."""

from __future__ import annotations

import pytest
from support.lab import witness
from support.lab.caller import PKI, Call, call, greet
from support.lab.lab import Lab
from support.lab.office import HQ_NAME, Office
from support.lab.service import Service
from support.lab.shell import until

pytestmark = pytest.mark.lab

NOT_AUTHORISED = 0x87
DELIVERED_S = 240.0
_TOPICS = ("e", "i", "ic", "s", "h", "hello")


def test_a_box_cannot_speak_or_listen_as_another(settled: Office, lab: Lab, transcript) -> None:
    box, other = lab.boxes[0], lab.boxes[1].place.name if len(lab.boxes) > 1 else "box2"
    before = witness.at_hq(lab.hq, other)
    topics = [f"{other}/{topic}" for topic in _TOPICS] + ["hq/s", "box1/ack", "box1/cmd/replay"]
    box.enter("systemctl", "stop", "commune-uplink")  # or both would throw each other out: the broker knows one box1
    try:
        answer = call(box, Call(client_id=other, publish=tuple(topics), subscribe=("#", f"{other}/ack"), listen_s=15))
    finally:
        box.enter("systemctl", "start", "commune-uplink")
    assert answer.connected == 0, answer
    assert answer.published == dict.fromkeys(topics, NOT_AUTHORISED)
    assert answer.heard == {"hq/s"}  # not the state that box1 itself left there, and nothing of another box
    log = lab.hq.enter("cat", "/var/log/mosquitto/mosquitto.log").splitlines()
    callers = [line for line in log if f"New client connected from {box.place.address}:" in line]
    assert callers
    assert all(" as box1 (" in line and "u'box1'" in line for line in callers), callers
    transcript.say(
        f"box1 calls itself {other}: for the broker it stays box1; {len(topics)} topics refused, none overheard"
    )
    assert witness.at_hq(lab.hq, other)[: len(before)] == before
    assert witness.verified(lab.hq, "box1")
    assert not witness.troubles(lab.hq)


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
