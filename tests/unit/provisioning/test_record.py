"""A box's first password is drawn once, is fit to be read aloud, and is in the open in one file alone."""

from __future__ import annotations

import math
import re
import stat
from pathlib import Path

import pytest
from support.signing import Desk

from agent.clock import SimulatedClock
from agent.errors import ConfigError
from agent.page.auth import Passwords
from provisioning.record import Record, draw_password, make_record


def record(records: Path, certificate: Path | None = None) -> Record:
    return make_record("gate-01", records, SimulatedClock(), certificate)


def password_on(made: Record) -> str:
    found = re.search(r"^Mật khẩu: (\S+)$", made.record.read_text("utf-8"), re.M)
    assert found
    return found[1]


def test_the_password_on_the_record_is_the_one_the_page_takes(tmp_path: Path) -> None:
    made = record(tmp_path / "records")
    assert (made.record_made, made.passwords_made) == (True, True)
    passwords = Passwords(made.passwords)
    assert passwords.verify("congan", password_on(made))
    assert not passwords.verify("congan", password_on(made).replace("-", ""))
    assert password_on(made) not in made.passwords.read_text()


def test_a_record_is_for_the_technician_alone(tmp_path: Path) -> None:
    made = record(tmp_path / "records")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.record, made.passwords)} == {0o600}
    folders = (tmp_path / "records", tmp_path / "records/boxes", tmp_path / "records/boxes/gate-01")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    made = record(tmp_path)
    before = made.record.read_bytes(), made.passwords.read_bytes()
    again = record(tmp_path)
    assert (again.record_made, again.passwords_made) == (False, False)
    assert (made.record.read_bytes(), made.passwords.read_bytes()) == before


def test_a_record_that_was_destroyed_after_the_handover_stays_so(tmp_path: Path) -> None:
    made = record(tmp_path)
    before = made.passwords.read_bytes()
    made.record.unlink()
    assert not record(tmp_path).record_made
    assert not made.record.exists()
    assert made.passwords.read_bytes() == before


def test_what_a_power_cut_left_is_completed_with_the_same_password(tmp_path: Path) -> None:
    made = record(tmp_path)
    password = password_on(made)
    made.passwords.unlink()
    again = record(tmp_path)
    assert (again.record_made, again.passwords_made) == (False, True)
    assert Passwords(again.passwords).verify("congan", password)


def test_a_record_without_a_password_is_told_of(tmp_path: Path) -> None:
    made = record(tmp_path)
    made.passwords.unlink()
    for content in (b"", b"\xff\xfe"):
        made.record.write_bytes(content)
        with pytest.raises(ConfigError, match="shows no password; remove it and run this again"):
            record(tmp_path)


def test_passwords_differ_and_are_hard_to_guess() -> None:
    drawn = [draw_password() for _ in range(2000)]
    assert len(set(drawn)) == len(drawn)
    used = set("".join(drawn)) - {"-"}
    assert all(len(password.replace("-", "")) == 16 for password in drawn)
    assert 16 * math.log2(len(used)) >= 70
    assert used & set("01oilOIL") == set(), "look-alikes"
    assert used & set("aeiouydw") == set(), "a Vietnamese keyboard makes other letters of these"


def test_every_letter_is_as_likely_as_any_other() -> None:
    letters = "".join(draw_password() for _ in range(5000)).replace("-", "")
    counts = [letters.count(letter) for letter in set(letters)]
    mean = len(letters) / len(counts)
    assert max(abs(count - mean) for count in counts) < 6 * math.sqrt(mean)


def test_the_record_carries_the_certificates_fingerprint(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    issued = desk.sign("gate-01").issued
    pem = tmp_path / "gate-01.pem"
    pem.write_bytes(issued.pem)
    made = record(tmp_path / "records", pem)
    assert issued.fingerprint in made.record.read_text("utf-8")
    assert len(issued.fingerprint) == 95


def test_another_boxs_certificate_is_not_put_on_the_record(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    pem = tmp_path / "gate-02.pem"
    pem.write_bytes(desk.sign("gate-02").issued.pem)
    for wrong, problem in ((pem, "is of box gate-02, not of box gate-01"), (desk.folder / "ca.key", "no certificate")):
        with pytest.raises(ConfigError, match=problem):
            record(tmp_path / "records", wrong)
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize("box", ["hq-demo", "../x", "Gate", ""])
def test_what_is_no_box_has_no_record(box: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        make_record(box, tmp_path / "records", SimulatedClock())
    assert not (tmp_path / "records").exists()
