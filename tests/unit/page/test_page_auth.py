"""The password file and its hashes; where the page may listen without one."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from agent.clock import SystemClock
from agent.errors import ConfigError
from agent.page.auth import Passwords, hash_password, is_loopback, read_passwords, require_password_file, write_password
from agent.page.process import run
from agent.page.settings import PageSettings
from agent.store.settings import StoreSettings

GOOD = "thuong-truc-2026"
SETTINGS = PageSettings("127.0.0.1", 0, None, (), "vi", "b01", "Chợ", "xa", (), "Asia/Ho_Chi_Minh")


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    write_password(path, "truc", GOOD)
    return path


def test_a_hash_is_argon2id_of_the_stated_cost():
    assert hash_password(GOOD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_written_password_is_accepted_and_no_other(accounts: Path):
    passwords = Passwords(accounts)
    assert passwords.verify("truc", GOOD)
    assert not passwords.verify("truc", GOOD + "x")
    assert not passwords.verify("khac", GOOD)
    assert accounts.stat().st_mode & 0o777 == 0o600
    assert GOOD not in accounts.read_text("utf-8")


def test_a_second_user_and_a_changed_password_leave_the_others(accounts: Path):
    before = read_passwords(accounts)["truc"]
    write_password(accounts, "an", "mot-mat-khau-khac")
    write_password(accounts, "an", "mat-khau-thu-ba")
    assert read_passwords(accounts)["truc"] == before
    assert Passwords(accounts).verify("an", "mat-khau-thu-ba")


def test_a_removed_line_is_noticed_without_a_restart(accounts: Path):
    write_password(accounts, "an", "mot-mat-khau-khac")
    passwords = Passwords(accounts)
    assert passwords.knows("truc")
    lines = accounts.read_text("utf-8").splitlines()
    accounts.write_text("\n".join(line for line in lines if not line.startswith("truc:")) + "\n", "utf-8")
    assert not passwords.knows("truc")
    assert passwords.knows("an")


def test_accounts_stay_while_the_file_is_being_edited(accounts: Path):
    passwords = Passwords(accounts)
    accounts.write_text("truc:half a line", "utf-8")
    assert passwords.knows("truc")


def test_a_hash_of_an_older_cost_is_renewed_at_login(tmp_path: Path):
    path = tmp_path / "passwords"
    path.write_text(f"truc:{PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(GOOD)}\n", "utf-8")
    path.chmod(0o600)
    passwords = Passwords(path)
    assert passwords.verify("truc", GOOD)
    assert "m=19456,t=2,p=1" in path.read_text("utf-8")
    assert passwords.verify("truc", GOOD)


def test_an_unknown_user_costs_as_much_as_a_known_one(accounts: Path):
    passwords = Passwords(accounts)
    known = min(_cost_s(passwords, "truc") for _ in range(5))
    unknown = min(_cost_s(passwords, "khong-co") for _ in range(5))
    assert 0.5 < unknown / known < 2.0


def _cost_s(passwords: Passwords, user: str) -> float:
    start = time.process_time()
    assert not passwords.verify(user, "sai-mat-khau")
    return time.process_time() - start


@pytest.mark.parametrize(
    ("user", "password", "key"),
    [
        ("", GOOD, "user"),
        ("Truc", GOOD, "user"),
        ("a:b", GOOD, "user"),
        ("a\nb", GOOD, "user"),
        ("x" * 33, GOOD, "user"),
        ("truc", "short", "password"),
        ("truc", "x" * 257, "password"),
    ],
)
def test_names_and_passwords_that_cannot_be_written(tmp_path: Path, user: str, password: str, key: str):
    with pytest.raises(ConfigError) as refused:
        write_password(tmp_path / "passwords", user, password)
    assert refused.value.key == key
    assert not (tmp_path / "passwords").exists()


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (b"", 0o600, "names no user"),
        (b"truc:plain-text\n", 0o600, ":1: is not user:argon2id-hash"),
        (b"no colon\n", 0o600, ":1: is not user:argon2id-hash"),
        (b"\xff\xfe\n", 0o600, "no usable password file"),
        (b"truc:$argon2id$x\n", 0o604, "others may read it"),
        (None, 0o600, "no usable password file"),
    ],
)
def test_password_files_that_cannot_be_used(tmp_path: Path, content: bytes | None, mode: int, says: str):
    path = tmp_path / "passwords"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=says):
        read_passwords(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_password_file_of_somebody_else(accounts: Path):
    accounts.chmod(0)
    with pytest.raises(ConfigError, match="no usable password file"):
        read_passwords(accounts)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "box.lan", "10.0.0.1"])
def test_beyond_loopback_there_is_no_page_without_a_password_file(host: str, accounts: Path):
    with pytest.raises(ConfigError) as refused:
        require_password_file(replace(SETTINGS, host=host))
    assert refused.value.key == "page.password_file"
    assert "commune-agent password site.toml USER" in str(refused.value)
    require_password_file(replace(SETTINGS, host=host, password_file=accounts))


def test_the_process_itself_refuses_whatever_the_configuration_let_pass(tmp_path: Path):
    store = StoreSettings("b01", tmp_path / "state")
    with pytest.raises(ConfigError, match=r"page\.password_file"):
        run(replace(SETTINGS, host="0.0.0.0"), store, tmp_path / "run", SystemClock(), threading.Event())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_loopback_no_password_file_is_needed(host: str):
    assert is_loopback(host)
    require_password_file(replace(SETTINGS, host=host))
