"""The end of a program whose threads sit in a driver."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDING = """
import atexit, threading, time
from agent.__main__ import leave
atexit.register(print, "taken down")
if {stuck}:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("said before")
leave(8)
"""


@pytest.mark.parametrize(("stuck", "said"), [(False, "said before\ntaken down\n"), (True, "said before\n")])
def test_the_interpreter_is_not_taken_down_around_a_driver(stuck: bool, said: str) -> None:
    """A driver's C++ would abort the process then, and its starter hear of a crash instead of the exit code."""
    line = [sys.executable, "-c", ENDING.format(stuck=stuck)]
    run = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (8, said, "")
