"""./run test without words runs two halves side by side: together they must be everything."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_folder_of_tests_is_in_one_of_the_halves() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}
    text = (ROOT / "run").read_text("utf-8")
    halves = text[text.index("test_in_two_halves() {") : text.index("\n}\n", text.index("test_in_two_halves() {"))]
    named = re.findall(r"tests/(\w+)", halves)
    assert sorted(named) == sorted(folders)
