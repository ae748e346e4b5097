"""Whether the package registry can be reached, asked in a way of its own."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile

_PROBED = "h11==0.16.0"  # small, and in every lock


@functools.cache
def registry_answers() -> bool:
    """Ask for a small wheel in another way than what is tested: a fault of ours shall not pass for a dead network."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["download", "-q", "--no-deps", "--no-cache-dir", "--retries", "1", "--timeout", "15", "-d", folder]
        line = [sys.executable, "-m", "pip", *words, _PROBED]
        return subprocess.run(line, capture_output=True, check=False).returncode == 0
