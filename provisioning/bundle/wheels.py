"""The wheels of a lock: fetched once for a target, held against their hashes, proved to install without a network."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.bundle.lock import Pin, read_lock
from provisioning.bundle.programs import BundleError, run, uv_program
from provisioning.bundle.sums import sum_of_file
from provisioning.bundle.targets import Target

Say = Callable[[str], None]


def fetch_wheels(target: Target, lock: Path, cache: Path, say: Say) -> list[Path]:
    """Give one wheel for every package of the lock, in its order, fetching those that the cache does not have.

    Args:
        target: whose wheels.
        lock: its lock.
        cache: folder that keeps wheels of this target from build to build; what is damaged in it is fetched again.
        say: is told what goes on.

    Raises:
        BundleError: the package registry does not give them; the cache is as it was.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pins = read_lock(lock)
    have = _by_hash(cache)
    missing = [pin for pin in pins if not pin.hashes & have.keys()]
    if missing:
        say(f"{len(pins) - len(missing)} of {len(pins)} wheels are in the cache; fetching {len(missing)}")
        _download(target, lock, missing, cache, say)
        have = _by_hash(cache)
    else:
        say(f"all {len(pins)} wheels are in the cache")
    return [have[min(pin.hashes & have.keys())] for pin in pins]


def prove(target: Target, lock: Path, wheels: Sequence[Path], scratch: Path) -> None:
    """Install the lock from these wheels alone as ``target`` would, into a folder that is thrown away.

    Resolves for the target's processor, glibc and Python: a wheel for another, a dependency that no wheel satisfies,
    and a byte changed in any of them are refused.

    Raises:
        BundleError: it does not install.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        links = Path(folder, "wheels")
        links.mkdir()
        for wheel in wheels:
            (links / wheel.name).symlink_to(wheel.resolve())
        words: list[str | Path] = [uv_program(), "pip", "install", "--offline", "--no-index", "--find-links", links]
        words += ["--require-hashes", "--only-binary", ":all:", "--no-config", "--no-cache", "--quiet"]
        words += ["--python", sys.executable, "--python-version", target.python_version]
        words += ["--python-platform", target.platform, "--target", Path(folder, "installed"), "-r", lock]
        run(
            words,
            f"the wheels do not install on {target.name} without a network; where the lock is older than"
            " pyproject.toml, run: .venv/bin/python requirements/make.py",
        )


def _by_hash(cache: Path) -> dict[str, Path]:
    return {sum_of_file(path): path for path in sorted(cache.glob("*.whl"))}


def _download(target: Target, lock: Path, missing: Sequence[Pin], cache: Path, say: Say) -> None:
    """Fetch into a folder of its own first: a fetch that breaks leaves nothing that looks whole."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as folder:
        wanted = Path(folder, lock.name)
        wanted.write_text("".join(_line(pin) for pin in missing), "utf-8")
        words: list[str | Path] = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
        words += ["--no-input", "--progress-bar", "off", "--require-hashes", "--no-deps", "--only-binary=:all:"]
        words += ["--python-version", target.python_version, "--implementation", "cp"]
        words += [word for abi in (f"cp{target.python_tag}", "abi3", "none") for word in ("--abi", abi)]
        words += [word for platform in target.wheel_platforms for word in ("--platform", platform)]
        run(
            [*words, "-d", folder, "-r", wanted],
            "the wheels cannot be fetched from the package registry; check the network, then run it again",
            hear=lambda line: _tell(line, say),
        )
        fetched = list(Path(folder).glob("*.whl"))
        if len(fetched) != len(missing):
            raise BundleError(f"{len(fetched)} wheels came for {len(missing)} that were asked for; run it again")
        for wheel in fetched:
            wheel.replace(cache / wheel.name)


def _line(pin: Pin) -> str:
    return f"{pin.name}=={pin.version} " + " ".join(f"--hash=sha256:{digest}" for digest in sorted(pin.hashes)) + "\n"


def _tell(line: str, say: Say) -> None:
    how, _, what = line.strip().partition(" ")
    if how in ("Downloading", "Using", "Processing"):  # "Using cached", "Processing": it was on this machine
        say(f"  {what.split(' (from ')[0].rsplit('/', 1)[-1].removeprefix('cached ')}")
