"""The parts of a bundle: its archive, its folder, its lock and its packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.bundles import small_bundle

from agent.errors import ConfigError
from provisioning.bundle.boxtar import write_tar
from provisioning.bundle.debs import Deb
from provisioning.bundle.lock import pinned, read_lock
from provisioning.bundle.place import appearing, write
from provisioning.bundle.sums import SUMS
from provisioning.bundle.targets import TARGETS

HASH = "a" * 64


def test_the_archive_is_the_same_whoever_makes_it_and_when(tmp_path: Path) -> None:
    early, late = tmp_path / "early", tmp_path / "late"
    early.write_bytes(b"wheel")
    late.write_bytes(b"wheel")
    os.utime(early, (0, 0))
    late.chmod(0o600)
    write_tar(tmp_path / "1.tar", {"wheels/a.whl": early, "lock.txt": b"a"})
    write_tar(tmp_path / "2.tar", {"lock.txt": b"a", "wheels/a.whl": late})
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_the_programs_of_a_machine_take_the_archive_and_find_it_whole(tmp_path: Path) -> None:
    write_tar(tmp_path / "box.tar", {"wheels/a.whl": b"wheel", "apt/x_1+b1~2_all.deb": b"deb", "lock.txt": b"a"})
    (tmp_path / "unpacked").mkdir()
    tar = subprocess.run(
        ["tar", "-xf", "../box.tar"], cwd=tmp_path / "unpacked", capture_output=True, text=True, check=True
    )
    assert tar.stderr == ""  # no complaint about dates
    words = ["sha256sum", "--quiet", "--strict", "-c", SUMS]
    assert subprocess.run(words, cwd=tmp_path / "unpacked", check=False).returncode == 0
    (tmp_path / "unpacked/wheels/a.whl").write_bytes(b"while")
    assert subprocess.run(words, cwd=tmp_path / "unpacked", capture_output=True, check=False).returncode == 1


def test_a_fault_half_way_leaves_the_old_bundle_and_nothing_else(tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "bundle")
    before = sorted(path.name for path in old.rglob("*"))
    with pytest.raises(ConfigError, match="cannot be written"), appearing(old) as part:  # noqa: PT012
        write(part / "VERSION" / "is a folder", b"9\n")
        write(part / "VERSION", b"9\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]
    assert sorted(path.name for path in old.rglob("*")) == before


def test_a_bundle_takes_the_place_of_an_older_one_whole(tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "bundle")
    (tmp_path / ".bundle.part").mkdir()  # what a power cut left
    (tmp_path / ".bundle.part/rest").write_text("x")
    with appearing(old) as part:
        write(part / "VERSION", b"9\n", executable=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert [path.name for path in old.iterdir()] == ["VERSION"]
    assert os.access(old / "VERSION", os.X_OK)


def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="is no bundle"), appearing(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine/thesis.txt").exists()


def test_a_lock_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(pinned("h11", "0.16.0", HASH) + pinned("opencv-python-headless", "5.0.0.93", "b" * 64))
    assert [(pin.name, pin.version, pin.hashes) for pin in read_lock(path)] == [
        ("h11", "0.16.0", {HASH}),
        ("opencv-python-headless", "5.0.0.93", {"b" * 64}),
    ]


@pytest.mark.parametrize("line", ["h11==0.16.0", "--index-url x", f"h11>=1 --hash=sha256:{HASH}", "x==1 ; python<'3'"])
def test_a_line_that_no_hash_covers_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(pinned("a", "1", HASH) + line + "\n")
    with pytest.raises(ConfigError, match="without hashes"):
        read_lock(path)


@pytest.mark.parametrize(
    ("file", "carried"),
    [
        ("libaudit1_1%3a3.0.9-1_amd64.deb", "libaudit1_3.0.9-1_amd64.deb"),
        ("chrony_4.3-2+deb12u3_amd64.deb", "chrony_4.3-2+deb12u3_amd64.deb"),
    ],
)
def test_a_package_is_carried_without_its_epoch(file: str, carried: str) -> None:
    assert Deb(Path(file), HASH).carried_as == carried


def test_no_wheel_for_a_newer_glibc_is_asked_for() -> None:
    platforms = TARGETS["jetpack6-aarch64"].wheel_platforms
    assert platforms[0] == "manylinux_2_35_aarch64"
    assert platforms[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")
    assert not any("x86_64" in name for name in platforms)
