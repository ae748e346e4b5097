"""The box's page: for a phone in its network, with the password of the technician's record."""

from __future__ import annotations

import pytest
from support.lab.lab import Lab
from support.lab.network import PHONE_ADDRESS, box_address
from support.lab.office import Office
from support.lab.phone import PAGE_PORT, browse, connects

pytestmark = pytest.mark.lab

STRAY = "198.51.100.7"
"""An address of no private network (RFC 5737)."""


def test_a_phone_logs_in_with_the_first_password(settled: Office, lab: Lab) -> None:
    for number, box in enumerate(lab.boxes, 1):
        user, password = settled.page_password(box.place.name)
        first, answer, home = browse(lab, "phone", box_address(number), user, password)
        assert first.path == "/login"
        assert (answer.status, home.status, home.path) == (200, 200, "/")
        assert f"Hộp {number}" in home.text
        assert "Máy quay 1" in home.text
        assert "Máy quay 1" not in first.text


def test_a_wrong_password_opens_nothing(settled: Office, lab: Lab) -> None:
    user, password = settled.page_password("box1")
    _, answer, home = browse(lab, "phone", box_address(1), user, f"{password}x")
    assert answer.status in (401, 403)
    assert home.path == "/login"


def test_the_password_stands_in_the_record_alone(settled: Office, lab: Lab) -> None:
    _, password = settled.page_password("box1")
    holders = [path for path in settled.folder.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holders == [settled.records / "boxes/box1/record.txt"]
    assert holders[0].stat().st_mode & 0o077 == 0
    for machine in lab.machines:
        found = machine.tried("grep", "-rlF", password, "/etc", "/var", "/run", limit_s=120)
        assert found.stdout == "", machine.place.name


def test_hq_sees_no_more_of_the_page_than_its_login(settled: Office, lab: Lab) -> None:
    (shown,) = browse(lab, "hq", box_address(1))
    assert shown.path == "/login"
    assert "Máy quay 1" not in shown.text


def test_an_address_of_no_private_network_gets_no_answer(settled: Office, lab: Lab) -> None:
    lab.network.stray(STRAY)
    assert connects(lab, box_address(1), PAGE_PORT, PHONE_ADDRESS)
    assert connects(lab, box_address(1), 22, STRAY)  # the way is there
    assert not connects(lab, box_address(1), PAGE_PORT, STRAY)
