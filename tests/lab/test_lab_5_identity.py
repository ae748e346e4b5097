"""A box is who its certificate says, whatever it calls itself."""

from __future__ import annotations

import pytest
from support.lab import witness
from support.lab.caller import Call, call
from support.lab.lab import Lab
from support.lab.office import Office

pytestmark = pytest.mark.lab

NOT_AUTHORISED = 0x87
_TOPICS = ("e", "i", "ic", "s", "h", "hello")


def test_a_box_cannot_speak_or_listen_as_another(settled: Office, lab: Lab, long_run: bool, transcript) -> None:
    box, other = lab.boxes[0], lab.boxes[1].place.name if len(lab.boxes) > 1 else "box2"
    before = witness.at_hq(lab.hq, other)
    topics = [f"{other}/{topic}" for topic in _TOPICS] + ["hq/s", "box1/ack", "box1/cmd/replay"]
    box.enter("systemctl", "stop", "commune-uplink")  # or both would throw each other out: the broker knows one box1
    try:
        ears = ("#", f"{other}/ack")
        answer = call(box, Call(client_id=other, publish=tuple(topics), subscribe=ears, listen_s=20 if long_run else 5))
    finally:
        box.enter("systemctl", "start", "commune-uplink")
    assert answer.connected == 0, answer
    assert answer.published == dict.fromkeys(topics, NOT_AUTHORISED)
    assert {"hq/s"} <= answer.heard <= {"hq/s", "box1/ack"}  # nothing of other boxes, not even box1's own state
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
