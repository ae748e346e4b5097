"""Every command that a guide or a README tells people to type is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.commands import parse

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [*sorted((ROOT / "docs" / "guide").glob("*.md")), ROOT / "README.md", ROOT / "README.vi.md"]
_COMMAND = re.compile(r"^\s*(?:sudo )?commune-agent ([a-z].*)$")


def told(path: Path) -> Iterator[str]:
    """The commands in the code blocks of a guide; a backslash joins lines, as a shell does."""
    blocks = path.read_text("utf-8").split("```")[1::2]
    for line in "".join(blocks).replace("\\\n", " ").splitlines():
        found = _COMMAND.match(line)
        if found:
            yield found[1]


COMMANDS = [pytest.param(line, id=f"{path.stem}: {line}") for path in GUIDES for line in told(path)]


def test_the_guides_tell_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_a_guide_can_be_read(line: str) -> None:
    parse(shlex.split(line, comments=True))
