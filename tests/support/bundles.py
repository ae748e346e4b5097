"""Bundles: a small one to damage, and the real one, built once for all who ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.keys import Signer
from provisioning.bundle.boxtar import write_tar
from provisioning.bundle.sums import SIGNATURE, SUMS, files_of, sum_of_file, written
from support.registry import registry_answers

ROOT = Path(__file__).resolve().parents[2]


def small_bundle(folder: Path, signer: Signer | None = None) -> Path:
    """Lay a bundle of a few bytes, as ``bundle build`` lays a large one."""
    folder.mkdir(parents=True)
    write_tar(folder / "box.tar", {"lock.txt": b"h11==0.16.0\n", "wheels/h11-0.16.0-py3-none-any.whl": b"\x00" * 5000})
    for name, text in (("VERSION", "0.1.0\n"), ("TARGET", "debian12-x86_64\n"), ("ansible/site.yml", "- hosts: all\n")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    sum_anew(folder, signer)
    return folder


def sum_anew(folder: Path, signer: Signer | None = None) -> None:
    """Write the sums over what is there now, and sign them where there is a signer."""
    sums = written({name: sum_of_file(folder / name) for name in files_of(folder)}).encode()
    (folder / SUMS).write_bytes(sums)
    if signer is not None:
        (folder / SIGNATURE).write_text(f"{signer(sums).hex()}\n", "ascii")


def build(
    words: Sequence[str | Path], checkout: Path = ROOT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``bundle build`` in a checkout; skips the test where the package registry is out of reach."""
    line = [sys.executable, "-m", "agent", "bundle", "build", *map(str, words)]
    run = subprocess.run(line, cwd=checkout, capture_output=True, text=True, check=False, timeout=600, env=environment)
    if run.returncode and "check the network" in run.stderr and not registry_answers():
        pytest.skip("the package registry cannot be reached from here")
    return run


def debian_bundle(folder: Path) -> Path:
    """Give the bundle that COMMUNE_BUNDLE names, or build this checkout's into ``folder``."""
    named = os.environ.get("COMMUNE_BUNDLE")
    if named:
        return Path(named)
    if not is_debian12():
        pytest.skip("no Debian 12 on x86-64 here: its bundle cannot be built")
    run = build(["-o", folder])
    assert run.returncode == 0, run.stderr
    (made,) = folder.iterdir()
    return made


def is_debian12() -> bool:
    """Whether this machine can build the bundle for Debian 12."""
    release = Path("/etc/os-release").read_text("utf-8") if Path("/etc/os-release").exists() else ""
    return 'VERSION_ID="12"' in release and "ID=debian" in release and os.uname().machine == "x86_64"


def clone(folder: Path) -> Path:
    """Give a checkout of one's own, with the files as they are here now, committed or not."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout here")
    subprocess.run([git, "clone", "-q", "--depth", "1", ROOT.as_uri(), folder], check=True)
    listed = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder
