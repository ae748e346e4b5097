"""What must never be in a commit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("no git here: what is committed cannot be listed")
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    files = [ROOT / name for name in listed]
    if not files:
        pytest.skip("not a git checkout: nothing to read")
    return files


def test_locks_name_no_index() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    assert [lock.name for lock in locks if re.search(r"://|--(extra-)?index-url|--find-links", lock.read_text())] == []


def test_locks_hash_every_package() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        if lock.name == "train.txt":  # training runs nowhere near a box
            continue
        pins = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_no_key_or_certificate_is_committed() -> None:
    marks = ("-----BEGIN " + "PRIVATE KEY", "-----BEGIN " + "RSA PRIVATE", "-----BEGIN " + "EC PRIVATE")
    assert [
        path.name for path in tracked() if path.is_file() and any(m in path.read_text(errors="ignore") for m in marks)
    ] == []


def test_the_project_stands_without_its_makers_notes() -> None:
    marks = ("shared/" + "design", "/work" + "/main", "lab-" + "prototype")
    assert [
        str(path.relative_to(ROOT))
        for path in tracked("*.py", "*.md", "*.toml", "*.yml", "run", ".ci/run")
        if path.is_file() and any(mark in path.read_text(errors="ignore") for mark in marks)
    ] == []
