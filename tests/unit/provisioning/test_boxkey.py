"""Keys are made once, on the machine, for its owner alone; whatever a power cut left, the next run completes."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.errors import ConfigError
from agent.keys import load_signer
from provisioning.boxkey import make_identity
from provisioning.certificates import new_key, read_request, request_pem

ALL = {"box.key", "box.csr", "watch.key", "watch.pub", "page.key", "page.pub", "uplink.key", "uplink.pub"}


def made(folder: Path, name: str = "gate-01", **options: object) -> set[str]:
    """Run it; give the names of the files it made."""
    return {one.path.name for one in make_identity(name, folder, **options) if one.made}  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_identity_is_whole_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "pki"
    old = os.umask(0o077)
    try:
        assert made(folder) == ALL
    finally:
        os.umask(old)
    assert set(contents(folder)) == ALL
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {name: 0o600 if name.endswith(".key") else 0o644 for name in ALL}
    assert {stat.S_IMODE(place.stat().st_mode) for place in (folder, folder.parent)} == {0o755}
    request = read_request((folder / "box.csr").read_bytes(), "box.csr")
    key = load_pem_private_key((folder / "box.key").read_bytes(), None)
    assert request.name == "gate-01"
    assert request.key == key.public_key()
    for signer in ("watch", "page", "uplink"):
        assert (folder / f"{signer}.pub").read_text() == load_signer(folder / f"{signer}.key").public.hex() + "\n"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    made(tmp_path / "pki")
    before = contents(tmp_path / "pki")
    assert made(tmp_path / "pki") == set()
    assert contents(tmp_path / "pki") == before


def test_hq_and_its_broker_have_a_tls_key_alone(tmp_path: Path) -> None:
    assert made(tmp_path, "hq.example.vn", tls_only=True, stem="broker") == {"broker.key", "broker.csr"}
    assert made(tmp_path, "hq-demo", tls_only=True, stem="hq") == {"hq.key", "hq.csr"}
    assert read_request((tmp_path / "hq.csr").read_bytes(), "hq.csr").name == "hq-demo"


def test_a_key_that_the_broker_may_read_as_a_group_is_kept(tmp_path: Path) -> None:
    made(tmp_path, "hq.vn", tls_only=True, stem="broker")
    (tmp_path / "broker.key").chmod(0o640)
    assert made(tmp_path, "hq.vn", tls_only=True, stem="broker") == set()
    assert stat.S_IMODE((tmp_path / "broker.key").stat().st_mode) == 0o640


@pytest.mark.parametrize("lost", sorted(ALL))
@pytest.mark.parametrize("left", ["nothing", "an empty file", "a part"])
def test_whatever_a_power_cut_left_the_next_run_completes(lost: str, left: str, tmp_path: Path) -> None:
    made(tmp_path)
    before = contents(tmp_path)
    path = tmp_path / lost
    path.unlink()
    if left == "an empty file":
        path.touch()
    if left == "a part":
        part = f".{lost}.0123abcd.part" if lost.startswith("box") else lost.replace(".key", ".part")
        (tmp_path / part).write_bytes(b"-----BEGIN PRIV")
    again = made(tmp_path)
    follows = {"box.key": {"box.csr"}}.get(lost, {lost.replace(".key", ".pub")})
    assert again == {lost} | follows
    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} <= again, "a key that was there was changed"
    assert made(tmp_path) == set()
    if lost.endswith(".key"):
        assert set(after) == ALL, "a part with half a key is left"


@pytest.mark.parametrize("broken", [b"garbage", request_pem(new_key(), "gate-01"), request_pem(new_key(), "gate-02")])
def test_a_request_that_is_not_of_this_key_and_name_is_made_anew(broken: bytes, tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "box.csr").write_bytes(broken)
    assert made(tmp_path) == {"box.csr"}
    assert made(tmp_path, "gate-02") == {"box.csr"}


@pytest.mark.parametrize("name", ["box.key", "watch.key"])
@pytest.mark.parametrize(
    "content", [b"garbage", b"-----BEGIN " + b"PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_never_replaced_in_silence(name: str, content: bytes, tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^{tmp_path / name}: holds no [^\n]*; move {tmp_path / name} away"):
        made(tmp_path)
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["box.key", "page.key"])
def test_a_key_that_everybody_can_read_is_refused(name: str, tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / name).chmod(0o644)
    with pytest.raises(ConfigError, match="others may read it"):
        made(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("hq-demo", {}, "is reserved for HQ"),
        ("Gate", {}, "is no box id"),
        ("hq.example.vn", {}, "is no box id"),
        ("HQ.example.vn", {"tls_only": True}, "is no host name"),
        ("../x", {"tls_only": True}, "is no host name"),
        ("hq-../x", {"tls_only": True}, "is no host name"),
        ("gate-01", {"stem": "../box"}, "is no file name"),
        ("gate-01", {"stem": "watch"}, "is no file name"),
    ],
)
def test_a_name_that_cannot_be_used_makes_no_file(
    name: str, options: dict[str, object], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        made(tmp_path / "pki", name, **options)
    assert not (tmp_path / "pki").exists()


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that this test may look into and not write, also where it runs as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = os.geteuid() == 0
        folder.chmod(0o755 if root else 0o555)
        os.seteuid(65_534 if root else os.geteuid())
        try:
            yield folder
        finally:
            os.seteuid(os.getuid())
            folder.chmod(0o755)


def test_who_may_not_write_there_is_told_to_use_sudo(closed_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written \(Permission denied\); run this with sudo"):
        made(closed_folder / "pki")
    with pytest.raises(ConfigError, match=r"box\.key: cannot be written \(Permission denied\); run this with sudo"):
        made(closed_folder)
