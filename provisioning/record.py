"""The technician's record of a box: its first page password, once in the open, and the hash that the box gets."""

from __future__ import annotations

import datetime
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.errors import ConfigError
from agent.page.auth import write_password
from provisioning.certificates import read_certificate
from provisioning.files import PRIVATE, locked, make_folder, read_bytes, sync, unwritable, write_whole
from provisioning.names import check_box
from provisioning.office import instant

USER = "congan"
_LETTERS = "bcfghjkmnpqrstvxz23456789"
"""No look-alikes (0 o, 1 i l); no vowel, d or w, of which a Vietnamese keyboard (Telex, VNI) makes other letters."""
_GROUPS, _GROUP_CHARS = 4, 4  # 25 letters, 16 of them: 74 bits
_PASSWORD = re.compile(rf"^Mật khẩu: +([{_LETTERS}-]+)$", re.MULTILINE)
_FOLDER_MODE = 0o700


@dataclass(frozen=True)
class Record:
    """The two files of a record.

    Attributes:
        record: with the password, for people.
        passwords: with its hash, for the box.
        record_made: whether the record was written now.
        passwords_made: whether the hash was written now.
    """

    record: Path
    passwords: Path
    record_made: bool
    passwords_made: bool


def draw_password() -> str:
    """Draw a password that can be read aloud and typed on a phone."""
    groups = ["".join(secrets.choice(_LETTERS) for _ in range(_GROUP_CHARS)) for _ in range(_GROUPS)]
    return "-".join(groups)


def make_record(box: str, records: Path, clock: Clock, certificate: Path | None = None) -> Record:
    """Make the record of a box once; what is there is never changed, and a record that was destroyed stays so.

    Args:
        box: its id.
        records: the technician's folder of records.
        clock: for the date on it.
        certificate: the box's; its fingerprint is put on the record.

    Raises:
        ConfigError: the box id, the certificate or the folder cannot be used.
    """
    check_box(box)
    fingerprint = _fingerprint(certificate, box)
    now = instant(clock)
    folder = records / "boxes" / box
    for missing in (records, folder.parent, folder):
        make_folder(missing, _FOLDER_MODE)
    with locked(folder):
        record, passwords = folder / "record.txt", folder / "page.passwords"
        if passwords.exists():
            return Record(record, passwords, record_made=False, passwords_made=False)
        made = not record.exists()
        if made:
            write_whole(record, _text(box, now, draw_password(), fingerprint).encode(), PRIVATE)
        _write_hash(passwords, _password_on(record))
        return Record(record, passwords, made, passwords_made=True)


def _write_hash(path: Path, password: str) -> None:
    try:
        write_password(path, USER, password)
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def _password_on(record: Path) -> str:
    remedy = "remove it and run this again: a new password is drawn"
    try:
        found = _PASSWORD.search(read_bytes(record, "the record", remedy).decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise ConfigError(str(record), f"shows no password; {remedy}")
    return found[1]


def _fingerprint(certificate: Path | None, box: str) -> str:
    if certificate is None:
        return "—"
    remedy = "give the box's certificate, as ca sign wrote it"
    issued = read_certificate(read_bytes(certificate, "the certificate", remedy), str(certificate), remedy)
    if (issued.name, issued.role) != (box, "box"):
        raise ConfigError(str(certificate), f"is of {issued.role} {issued.name}, not of box {box}; {remedy}")
    return issued.fingerprint


def _text(box: str, now: datetime.datetime, password: str, fingerprint: str) -> str:
    return f"""\
HỒ SƠ HỘP CAMERA / RECORD OF CAMERA BOX: {box}

Ngày lập / date: {now.astimezone():%Y-%m-%d}
Chứng thư số / certificate (SHA-256):
{fingerprint}

Trang của hộp / the box's page
Tài khoản: {USER}
Mật khẩu: {password}
Chỉ có chữ thường, số 2-9 và dấu gạch nối. / Small letters, digits 2-9 and hyphens only.

1. Giao tận tay người phụ trách, không chụp ảnh, không gửi qua mạng.
2. Đổi mật khẩu ngay khi bàn giao; kỹ thuật viên chạy trên hộp:
   sudo commune-agent password /etc/commune-agent/site.toml {USER}
3. Đăng nhập thử bằng mật khẩu mới, rồi hủy tờ này và tệp này.

1. Hand it over in person; no photo, no message.
2. Change the password at the handover, with the command above, run on the box by the technician.
3. Log in with the new one, then destroy this sheet and this file.
"""
