"""A command loads only what it needs: the programs beside watch carry no pixels, and the help loads nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIXELS = {"numpy", "cv2", "onnxruntime"}


def loaded(*words: str) -> set[str]:
    """Parse a command line in a fresh interpreter; give the top-level packages and our own modules it has loaded."""
    program = (
        "import contextlib, json, sys\nfrom agent.cli.commands import parse\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):\n    parse(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


BESIDE = ["uplink", "page", "run", "migrate", "init", "events", "test-alert", "register"]
OFFICE = ["ca", "box", "broker", "site", "bundle", "notice"]


@pytest.mark.parametrize("name", BESIDE + OFFICE)
def test_a_command_without_pictures_loads_nothing_for_them(name: str) -> None:
    assert loaded(name, "--help") & PIXELS == set()


def test_the_overall_help_loads_no_command() -> None:
    modules = loaded("--help")
    assert modules & (PIXELS | {"pydantic", "rich", "paho", "uvicorn"}) == set()
    assert {name for name in modules if name.startswith("agent.")} == {
        "agent.cli",
        "agent.cli.arguments",
        "agent.cli.commands",
    }


@pytest.mark.parametrize("name", OFFICE)
def test_a_command_of_the_office_loads_no_program_of_the_box(name: str) -> None:
    programs = ("agent.store", "agent.watch", "agent.uplink", "agent.page.process", "hq.receiver", "hq.link", "paho")
    assert [module for module in loaded(name, "--help") if module.startswith(programs)] == []


def test_watch_loads_neither_the_page_nor_the_link() -> None:
    assert loaded("watch", "--help") & {"agent.page.process", "agent.uplink.process", "paho", "uvicorn"} == set()
