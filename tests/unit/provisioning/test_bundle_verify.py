"""A bundle is whole, or it is said what is wrong with it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bundles import small_bundle, sum_anew

from agent.errors import ConfigError
from agent.keys import Signer, make_key
from provisioning.bundle.sums import SIGNATURE, SUMS
from provisioning.bundle.verify import Signed, verify


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return make_key(tmp_path / "release.key")


@pytest.fixture
def bundle(tmp_path: Path, signer: Signer) -> Path:
    return small_bundle(tmp_path / "bundle", signer)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_bundle_as_it_was_made_is_whole(bundle: Path, signer: Signer) -> None:
    verdict = verify(bundle, signer.public)
    assert (verdict.faults, verdict.signed) == ((), Signed.PROVED)
    assert verdict.files == 4 + 2  # of the folder, and of its archive


def test_without_a_key_nobody_is_said_to_have_signed(bundle: Path) -> None:
    assert verify(bundle).signed is Signed.UNCHECKED


def test_an_unsigned_bundle_is_whole_until_a_key_is_asked_for(tmp_path: Path, signer: Signer) -> None:
    bundle = small_bundle(tmp_path / "unsigned")
    verdict = verify(bundle)
    assert (verdict.faults, verdict.signed) == ((), Signed.NOT)
    (fault,) = verify(bundle, signer.public).faults
    assert "not signed" in fault


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file is gone": (lambda b: (b / "ansible/site.yml").unlink(), "ansible/site.yml is missing"),
    "a file more": (lambda b: (b / "ansible/evil.yml").write_text("x"), "ansible/evil.yml does not belong to it"),
    "a changed bit": (lambda b: flip(b / "ansible/site.yml", 3), "ansible/site.yml is changed or damaged"),
    "an empty file": (lambda b: (b / "VERSION").write_bytes(b""), "VERSION is changed or damaged"),
    "the version": (lambda b: (b / "VERSION").write_text("0.0.1\n"), "VERSION is changed or damaged"),
    "the archive is gone": (lambda b: (b / "box.tar").unlink(), "box.tar is missing"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_one_damage_is_one_line_that_names_it(name: str, bundle: Path, signer: Signer) -> None:
    damage, told = DAMAGE[name]
    damage(bundle)
    assert verify(bundle, signer.public).faults == (told,)


def test_a_link_is_not_taken_for_the_file_it_leads_to(bundle: Path, tmp_path: Path) -> None:
    moved = (bundle / "VERSION").rename(tmp_path / "VERSION")
    (bundle / "VERSION").symlink_to(moved)
    assert verify(bundle).faults == ("VERSION is changed or damaged",)


@pytest.mark.parametrize("left", [0, 100, 600, 4000], ids=lambda left: f"{left} bytes")
def test_a_copy_that_broke_off_is_seen(left: int, bundle: Path) -> None:
    archive = bundle / "box.tar"
    archive.write_bytes(archive.read_bytes()[:left])
    assert "box.tar is changed or damaged" in verify(bundle).faults


def test_the_archive_is_read_too_for_the_machine_will(bundle: Path) -> None:
    """As a broken builder would leave it: the outer sums are right over an archive whose own are wrong."""
    archive = bundle / "box.tar"
    with tarfile.open(archive) as opened:
        wheel = next(entry for entry in opened if entry.name.endswith(".whl"))
    flip(archive, wheel.offset_data + 7)
    sum_anew(bundle)
    assert verify(bundle).faults == (f"box.tar: {wheel.name} is not as it was made",)


def test_who_changes_a_file_and_its_sum_is_caught_by_the_signature(bundle: Path, signer: Signer) -> None:
    (bundle / "ansible/site.yml").write_text("- hosts: all\n  tasks: []\n")
    sum_anew(bundle)
    assert verify(bundle).faults == ()
    (fault,) = verify(bundle, signer.public).faults
    assert "signature is not of the key given" in fault


def test_another_key_is_not_the_one_given(bundle: Path, tmp_path: Path) -> None:
    (fault,) = verify(bundle, make_key(tmp_path / "other.key").public).faults
    assert "another key" in fault


@pytest.mark.parametrize("text", [b"", b"zz", b"00", b"\xff\xfe"])
def test_a_broken_signature_is_a_fault_not_a_crash(text: bytes, bundle: Path, signer: Signer) -> None:
    (bundle / SIGNATURE).write_bytes(text)
    assert len(verify(bundle, signer.public).faults) == 1


@pytest.mark.parametrize("text", [b"nonsense\n", b"\xff\xff"])
def test_broken_sums_are_told(text: bytes, bundle: Path) -> None:
    (bundle / SUMS).write_bytes(text)
    with pytest.raises(ConfigError, match="is damaged"):
        verify(bundle)


def test_empty_sums_vouch_for_no_file(bundle: Path) -> None:
    (bundle / SUMS).write_bytes(b"")
    assert len(verify(bundle).faults) == 4


def test_a_folder_without_sums_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no bundle"):
        verify(tmp_path)
