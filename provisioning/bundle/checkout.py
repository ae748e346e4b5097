"""What a bundle takes from the source checkout: our own wheel, the roles, the units, the model cards."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BackendMissing, ConfigError
from provisioning.bundle.programs import run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CARRIED = ("ansible", "systemd")
"""Folders that go into the bundle as they are."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """Our own wheel.

    Attributes:
        path: where it lies.
        version: its version, which is the bundle's.
    """

    path: Path
    version: str


def find_checkout() -> Path:
    """Give the root of the checkout that this program runs from.

    Raises:
        ConfigError: it runs from an installed package, which has neither locks nor roles nor anything to build.
    """
    root = Path(__file__).resolve().parents[2]
    if not all((root / part).exists() for part in ("pyproject.toml", "requirements", ".git")):
        raise ConfigError(
            "bundle build",
            "works only from a git checkout of the project, and this commune-agent is an installed one; on a connected"
            " machine clone the project and run there: ./run office && .venv/bin/commune-agent bundle build -o DIR",
        )
    return root


def build_wheel(root: Path, folder: Path) -> Wheel:
    """Build our wheel into ``folder``, from the files as they are now.

    Raises:
        BackendMissing: the build tool of pyproject.toml is not in this environment.
        BundleError: it fails.
    """
    try:
        import hatchling  # noqa: F401
    except ImportError as error:
        remedy = f"{sys.executable} -m pip install --require-hashes -r requirements/build.txt"
        raise BackendMissing("hatchling", f"it is not installed; install it: {remedy}") from error
    words: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    run(words, "our own wheel cannot be built", folder=root)
    (path,) = folder.glob("*.whl")
    return Wheel(path, path.name.split("-")[1])


def carried_files(root: Path) -> list[str]:
    """Name the files of roles and units, as git knows them or would take them: no caches, nothing ignored.

    Raises:
        ConfigError: one of the folders is empty, or one file is a link, which a stick cannot hold.
    """
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CARRIED]
    listed = run(words, f"git cannot list the files of {root}", folder=root)
    names = sorted(name for name in set(listed.split("\0")) if name and (root / name).exists())
    for folder in CARRIED:
        if not any(name.startswith(f"{folder}/") for name in names):
            raise ConfigError(str(root / folder), "has no files; a bundle needs them: check out the whole project")
    for name in names:
        if (root / name).is_symlink():
            raise ConfigError(
                str(root / name), "is a link, which the file system of a stick cannot hold; make it a file"
            )
    return names


def is_changed(root: Path) -> bool:
    """Tell whether the checkout has changes that no commit has."""
    return run(["git", "status", "--porcelain"], f"git cannot tell the state of {root}", folder=root).strip() != ""


def card_file_name(folder: Path, digest: str, names: str = "*.toml") -> str | None:
    """Give the file name that the model card pinning ``digest`` (SHA-256) wants its model to have."""
    for path in sorted(folder.glob(names)):
        try:
            card = tomllib.loads(path.read_text("utf-8"))
        except ValueError:  # no card: what lies in a stranger's folder may be anything
            continue
        if card.get("sha256") == digest:
            return str(card["file"])
    return None
