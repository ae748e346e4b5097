"""Write every lock anew: .venv/bin/python requirements/make.py [--upgrade].

Versions stay as they are unless pyproject.toml no longer allows them; ``--upgrade`` takes the newest that it allows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from provisioning.bundle.programs import uv_program  # noqa: E402
from provisioning.bundle.targets import TARGETS, Target  # noqa: E402

ANYWHERE = ("--universal", "--python-version", "3.10")
BUILD = ("hatchling>=1.27", "editables")


def compiled(lock: str, *words: str, given: str = "") -> None:
    """Resolve into one lock: hashed, and naming no index."""
    settings = ("--no-config", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--output-file", lock)
    line = [uv_program(), "pip", "compile", *words, *settings, *sys.argv[1:]]
    subprocess.run(line, cwd=HERE.parent, input=given, text=True, check=True)
    sys.stdout.write(f"{lock}\n")


def for_target(target: Target) -> None:
    """Lock what one kind of machine installs, and nothing else."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as limits:
        limits.write("\n".join(target.limits))
        limits.flush()
        machine = ("--python-version", target.python_version, "--python-platform", target.platform)
        compiled(f"requirements/{target.lock}", "pyproject.toml", *machine, "--constraint", limits.name)


def main() -> None:
    """Write all of them."""
    compiled("requirements/run.txt", "pyproject.toml", *ANYWHERE)
    compiled("requirements/office.txt", "pyproject.toml", "--group", "office", *ANYWHERE)
    compiled("requirements/dev.txt", "pyproject.toml", "--group", "dev", *ANYWHERE)
    compiled("requirements/build.txt", "-", *ANYWHERE, given="\n".join(BUILD))
    for target in TARGETS.values():
        for_target(target)


if __name__ == "__main__":
    main()
