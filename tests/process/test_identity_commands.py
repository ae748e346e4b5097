"""The office's commands as people and plays run them: what they print, what they refuse, and many at once."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import command
from support.identity import done
from support.link_stand import ROOT
from support.signing import openssl

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    folder = tmp_path / "records" / "authority"
    done("ca", "new", folder, "--area", "demo", "--name", "CA xã Thử")
    return folder


def request_of(folder: Path, name: str) -> Path:
    done("box", "key", name, "--dir", folder / name, "--tls-only")
    return folder / name / "box.csr"


def serials(authority: Path, state: str) -> set[str]:
    told = json.loads(done("ca", "list", authority, "--json"))
    return {one["serial"] for one in told["certificates"] if one["state"] == state}


def listed(authority: Path) -> set[str]:
    told = openssl("crl", "-in", authority / "crl.pem", "-noout", "-text").stdout
    return {line.split(":")[1].strip().lower().lstrip("0") for line in told.splitlines() if "Serial Number:" in line}


def test_from_an_empty_laptop_to_a_box_that_openssl_trusts(authority: Path, tmp_path: Path) -> None:
    request = request_of(tmp_path, "gate-01")
    printed = command("ca", "sign", authority, request, "--name", "gate-01", "--role", "box")
    again = command("ca", "sign", authority, request, "--name", "gate-01", "--role", "box")
    assert printed.stdout == again.stdout
    assert printed.stderr.startswith("made gate-01, serial ")
    assert again.stderr.startswith("kept gate-01, serial ")
    written = tmp_path / "box.pem"
    words = ("ca", "sign", authority, request, "--name", "gate-01", "--role", "box", "-o", written)
    assert done(*words).startswith(f"made {written}: gate-01, valid until 20")
    stamp = written.stat().st_mtime_ns
    assert done(*words).startswith(f"kept {written}: ")
    assert written.stat().st_mtime_ns == stamp
    assert written.read_text() == printed.stdout
    ca, crl = authority / "ca.pem", authority / "crl.pem"
    check = ["verify", "-x509_strict", "-crl_check", "-CAfile", ca, "-CRLfile", crl, "-purpose", "sslclient", written]
    assert openssl(*check).returncode == 0
    assert "restart the broker" in done("ca", "revoke", authority, "gate-01")
    assert "certificate revoked" in openssl(*check).stderr


def test_the_list_is_for_people_and_for_programs(authority: Path, tmp_path: Path) -> None:
    request = request_of(tmp_path, "gate-01")
    done("ca", "sign", authority, request, "--name", "gate-01", "--role", "box")
    assert "gate-01" in done("ca", "list", authority)
    done("ca", "crl", authority, "--days", "1")
    told = command("ca", "list", authority)
    assert (told.returncode, told.stderr) == (0, "")
    (one,) = json.loads(done("ca", "list", authority, "--json"))["certificates"]
    assert (one["name"], one["role"], one["state"]) == ("gate-01", "box", "valid")
    assert one["days_left"] in (799, 800), "the second it was signed in has just ended, or not"


def test_what_was_revoked_and_certified_anew_is_told_on_standard_error(authority: Path, tmp_path: Path) -> None:
    request = request_of(tmp_path, "gate-01")
    words = ("ca", "sign", authority, request, "--name", "gate-01", "--role", "box")
    done(*words)
    done("ca", "revoke", authority, "gate-01")
    assert done("ca", "revoke", authority, "gate-01").startswith("gate-01 was revoked before\n")
    assert command(*words).returncode == 2
    shutil.rmtree(tmp_path / "gate-01")
    request_of(tmp_path, "gate-01")
    run = command(*words)
    assert run.returncode == 0
    assert run.stderr.splitlines()[0].startswith("note: gate-01 was revoked on ")
    assert run.stdout.startswith("-----BEGIN CERTIFICATE-----")


def test_key_and_record_tell_made_or_kept_and_no_secret(tmp_path: Path) -> None:
    pki, records = tmp_path / "pki", tmp_path / "records"
    made = done("box", "key", "gate-01", "--dir", pki) + done("box", "record", "gate-01", "--records", records)
    kept = done("box", "key", "gate-01", "--dir", pki) + done("box", "record", "gate-01", "--records", records)
    assert kept == made.replace("made ", "kept ")
    files = [*pki.iterdir(), *(records / "boxes/gate-01").iterdir()]
    assert sorted(line.removeprefix("made ") for line in made.splitlines()) == sorted(map(str, files))
    secrets = {line.strip() for path in files for line in path.read_text("utf-8").splitlines() if len(line) > 15}
    assert not [secret for secret in secrets if secret in made]
    password = next(
        line for line in (records / "boxes/gate-01/record.txt").read_text("utf-8").splitlines() if "Mật" in line
    )
    assert password.split()[-1] not in made


def test_the_brokers_files_are_written_whole_or_printed(tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    registry.mkdir()
    words = ("broker", "acl", "--registry", registry, "--area", "demo")
    empty = command(*words)
    assert empty.returncode == 0
    assert "has no box: nobody but HQ may do anything" in empty.stderr
    acl = tmp_path / "acl"
    assert done(*words, "-o", acl) == f"made {acl}\n"
    assert done(*words, "-o", acl) == f"kept {acl}\n"
    assert acl.read_text() == empty.stdout
    assert acl.stat().st_mode & 0o777 == 0o644
    (registry / "gate-01.json").write_text("{}")
    run = command(*words, "-o", acl)
    assert run.returncode == 2
    assert acl.read_text() == empty.stdout, "a broken registry changed the access list"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("ca new {a} --area demo --name X", "holds an authority already"),
        ("ca new {t}/r/a --area Demo --name X", "'Demo' is no area id"),
        ("ca new /proc/nowhere/a --area demo --name X", "/proc/nowhere: cannot be written"),
        ("ca list {t}", "holds no certificate authority; name its folder, or make one: commune-agent ca new"),
        ("ca crl {a} --days 0", "--days: must be 1 to"),
        ("ca crl {a} --days many", "argument --days: invalid int value"),
        ("ca revoke {a} gate-01", "gate-01: has no certificate of this authority; nothing was signed yet"),
        ("ca sign {a} {t}/none.csr --name g --role box", "none.csr: the request cannot be read (No such file"),
        ("ca sign {a} {a} --name g --role box", "the request cannot be read (Is a directory)"),
        ("ca sign {a} {a}/ca.pem --name g --role box", "holds no certificate request that can be read"),
        ("ca sign {a} {a}/ca.key --name g --role box", "holds a private key, which never leaves its machine"),
        ("ca sign {a} /dev/zero --name g --role box", "/dev/zero: is larger than"),
        ("ca sign {a} {t}/none.csr --name g --role guest", "invalid choice: 'guest'"),
        ("ca sign {a} {t}/none.csr --role box", "the following arguments are required: --name"),
        ("ca", "the following arguments are required: ACTION"),
        ("box key hq-demo --dir {t}/p", "'hq-demo' is reserved for HQ"),
        ("box key gate-01 --dir /proc/nowhere", "/proc/nowhere: cannot be written"),
        ("box record gate-01 --records /proc/nowhere", "/proc/nowhere: cannot be written"),
        ("box record gate-01 --records {t} --fingerprint-of {a}/ca.pem", "is of authority CA xã Thử, not of box"),
        ("broker acl --registry {t}/none --area demo", "is no directory"),
        ("broker config --area demo -o /proc/nowhere/x", "/proc/nowhere/x: cannot be written"),
        ("broker config --area ĐÔNG", "is no area id"),
        ("broker config --area demo --pki pki", "--pki: 'pki' is no absolute path"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    authority: Path, tmp_path: Path, words: str, line: str
) -> None:
    run = command(*(word.format(a=authority, t=tmp_path) for word in words.split()))
    assert (run.returncode, run.stdout) == (2, "")
    (told,) = run.stderr.splitlines()
    assert told.startswith("commune-agent")
    assert line in told


# Many at once ---------------------------------------------------------------------------------------------------------


def start(*words: str | Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "agent", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def finish(*running: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    return [(one.returncode, *said) for one in running for said in [one.communicate(timeout=120)]]


def test_commands_that_run_at_once_lose_nothing(authority: Path, tmp_path: Path) -> None:
    names = [f"gate-{number}" for number in range(6)]
    requests = {name: request_of(tmp_path, name) for name in names}
    sign = {name: ("ca", "sign", authority, requests[name], "--name", name, "--role", "box") for name in names}
    for name in names[:3]:
        done(*sign[name])
    old = serials(authority, "valid")
    ended = finish(
        *(start(*sign[name]) for name in names[3:] for _ in range(2)),
        *(start("ca", "revoke", authority, name) for name in names[:3]),
    )
    assert [code for code, _, _ in ended] == [0] * 9, ended
    twice = [said for _, said, _ in ended[:6]]
    assert twice[0::2] == twice[1::2], "two at once signed one key twice"
    assert serials(authority, "revoked") == old == listed(authority)
    assert len(serials(authority, "valid")) == 3


def test_of_two_new_authorities_at_once_one_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    ended = finish(*(start("ca", "new", folder, "--area", "demo", "--name", "X") for _ in range(4)))
    assert sorted(code for code, _, _ in ended) == [0, 2, 2, 2], ended
    made = next(said for code, said, _ in ended if code == 0)
    fingerprint = openssl("x509", "-in", folder / "ca.pem", "-noout", "-fingerprint", "-sha256").stdout
    assert fingerprint.split("=")[1].strip() in made
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]
    done("ca", "list", folder)


def test_two_runs_at_once_on_a_machine_make_one_key(tmp_path: Path) -> None:
    ended = finish(*(start("box", "key", "gate-01", "--dir", tmp_path / "pki") for _ in range(4)))
    assert [code for code, _, _ in ended] == [0] * 4, ended
    assert sum(said.count("made ") for _, said, _ in ended) == 8


def test_a_command_killed_at_any_moment_leaves_an_authority_that_works(
    authority: Path, tmp_path: Path, seed: int, long_run: bool
) -> None:
    """What was answered holds: a certificate that was printed is known, and a revocation that was told is listed."""
    rng = random.Random(seed)
    requests = {name: request_of(tmp_path, name) for name in ("gate-0", "gate-1", "gate-2")}
    answered: set[str] = set()
    for number in range(60 if long_run else 8):
        name = f"gate-{number % 3}"
        words = ("sign", authority, requests[name], "--name", name, "--role", "box")
        if rng.random() < 0.4 and serials(authority, "valid"):
            words = ("revoke", authority, name)
        running = start("ca", *words)
        try:
            out, _ = running.communicate(timeout=rng.uniform(0.05, 0.5))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            out, _ = running.communicate()
        answered |= {line.split()[-1] for line in out.splitlines() if line.startswith("revoked ")}
        if command("ca", *words).returncode == 2:  # its key was revoked: a new one
            shutil.rmtree(tmp_path / name)
            request_of(tmp_path, name)
            done("ca", "sign", authority, requests[name], "--name", name, "--role", "box")
        assert answered <= serials(authority, "revoked") == listed(authority)
    assert [path for path in authority.rglob(".*") if path.is_file()] == [], "parts of files are left"


def test_what_a_power_cut_left_in_an_authority_is_swept_by_the_next_command(authority: Path, tmp_path: Path) -> None:
    left = [authority / ".ca.pem.0badcafe.part", authority / "issued" / ".gate-01-7f.pem.0badcafe.part"]
    for part in left:
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(b"half a certificate")
    done("ca", "sign", authority, request_of(tmp_path, "gate-01"), "--name", "gate-01", "--role", "box")
    assert [part for part in left if part.exists()] == []


def test_an_old_copy_of_the_authority_may_not_undo_a_revocation(authority: Path, tmp_path: Path) -> None:
    done("ca", "sign", authority, request_of(tmp_path, "gate-01"), "--name", "gate-01", "--role", "box")
    copy = tmp_path / "copy"
    shutil.copytree(authority, copy)
    done("ca", "revoke", authority, "gate-01")
    at_hq = (authority / "crl.pem").read_text()
    told = command("ca", "newest", copy, given=at_hq)
    assert told.returncode == 2
    assert "is older than what HQ has (list 1, HQ's 2, revoking 0 and 1 certificates)" in told.stderr
    assert command("ca", "newest", authority, given=at_hq).returncode == 0
    assert command("ca", "newest", authority, given=(copy / "crl.pem").read_text()).returncode == 0
    assert command("ca", "newest", copy, given="").returncode == 0, "a new HQ has no list yet"
    done("ca", "new", tmp_path / "new", "--area", "demo", "--name", "CA mới")
    assert command("ca", "newest", tmp_path / "new", given=at_hq).returncode == 0, "a stolen authority is replaced"
