"""An incident before the camera becomes a line, a picture and a verified event at HQ, over the slow link and mTLS."""

from __future__ import annotations

import hashlib
import json

import pytest
from support.lab import witness
from support.lab.caller import PKI, greet
from support.lab.lab import Lab
from support.lab.office import AREA, Office
from support.lab.service import Service
from support.lab.shell import until

pytestmark = pytest.mark.lab

FIRST_S = 120.0
"""Bound of the proof: something happens before the cameras every 15 s, and then has a slow link to pass."""
CONNACK = "20"


def test_an_incident_reaches_hq_with_its_pictures(settled: Office, lab: Lab, beside_a_silent_page, transcript) -> None:
    hq = lab.hq
    for box in lab.boxes:
        name = box.place.name
        before, passed = {event.event_id for event in witness.at_hq(hq, name)}, lab.network.passed_bytes()
        with transcript.step(f"a new incident of {name} and its overview are at HQ") as results:
            event = until(lambda box=box, known=before: arrived_whole(lab, box, known), FIRST_S, "an incident at HQ")
            body = json.loads(bytes.fromhex(event.body))
            results.append(f"{body['incident']['rule']}, {event.event_id}")
        picture = next(one for one in witness.pictures(hq, name) if one.event_id == event.event_id)
        content = hq.root / witness.HQ_DATA.lstrip("/") / picture.path
        assert hashlib.sha256(content.read_bytes()).hexdigest() == picture.sha256
        assert content.read_bytes()[8:12] == b"WEBP"
        assert picture.sha256 in {image["sha256"] for image in body["incident"]["images"]}
        assert lab.network.passed_bytes() - passed > content.stat().st_size  # there is no other way
        journal = Service(hq, "commune-hq").journal(lines=400)
        assert picture.path in journal
        assert "Nghi vấn" in journal
        assert witness.verified(hq, name)


def test_the_broker_talks_to_nobody_without_a_certificate_of_its_authority(settled: Office, lab: Lab) -> None:
    box, own_key, stranger = lab.boxes[0], f"{PKI}/box.key", "/root/stranger.pem"
    other = settled.folder / "other-authority"
    settled.command("ca", "new", other, "--area", AREA, "--name", "Somebody else")
    request = settled.records / "boxes/box1/box.csr"
    settled.command("ca", "sign", other, request, "--name", "box1", "--role", "box", "-o", other / "box1.pem")
    box.enter("tee", stranger, given=(other / "box1.pem").read_text())
    assert greet(box, f"{PKI}/box.pem", own_key) == CONNACK
    assert greet(box) != CONNACK  # the same words without TLS
    assert "CERTIFICATE_REQUIRED" in greet(box, "", "")
    assert "UNKNOWN_CA" in greet(box, stranger, own_key)


def arrived_whole(lab: Lab, box, known: set[str]) -> witness.Event | None:
    """Give a new incident at HQ whose overview is there too."""
    opened = [event for event in witness.at_hq(lab.hq, box.place.name) if event.kind == "incident.open"]
    pictured = {one.event_id for one in witness.pictures(lab.hq, box.place.name) if one.kind == "overview"}
    return next((event for event in opened if event.event_id not in known and event.event_id in pictured), None)
