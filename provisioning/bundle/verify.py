"""``bundle verify``: is every file as it was made, and by whom?"""

from __future__ import annotations

import enum
import tarfile
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError
from agent.keys import verify as proves
from provisioning.bundle.boxtar import read_tar
from provisioning.bundle.sums import SIGNATURE, SUMS, files_of, read, sum_of_file


class Signed(str, enum.Enum):
    """What is known of who made the bundle."""

    NOT = "not signed"
    UNCHECKED = "signed, by whom was not asked"
    PROVED = "signed by the key given"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found.

    Attributes:
        faults: one line each; none where the bundle is whole.
        files: how many files were held against their sums, in the archive too.
        signed: what is known of the signature.
    """

    faults: tuple[str, ...]
    files: int
    signed: Signed


def verify(folder: Path, public: bytes | None = None) -> Verdict:
    """Hold every file of a bundle, and of the archive in it, against its sum, and the sums against their signature.

    Args:
        folder: the bundle.
        public: the key that must have signed it, 32 bytes; None checks the sums alone.

    Raises:
        ConfigError: the folder is no bundle, or cannot be read.
    """
    try:
        signed_bytes = (folder / SUMS).read_bytes()
        sums = read(signed_bytes.decode("utf-8"))
        present = set(files_of(folder))
        faults = [f"{name} is missing" for name in sorted(sums.keys() - present)]
        faults += [f"{name} does not belong to it" for name in sorted(present - sums.keys())]
        changed = [name for name in sorted(sums.keys() & present) if not _is(folder / name, sums[name])]
        faults += [f"{name} is changed or damaged" for name in changed]
        files = len(sums)
        if "box.tar" in present:
            inner, count = _box_faults(folder / "box.tar")
            faults += inner
            files += count
        signature, signed = _signature(folder, signed_bytes, public)
        return Verdict((*signature, *faults), files, signed)
    except FileNotFoundError as error:
        raise ConfigError(str(folder), f"is no bundle: it has no {SUMS}; name the folder that holds it") from error
    except OSError as error:
        raise ConfigError(
            str(error.filename or folder), f"cannot be read: {error.strerror}; the stick may be failing: use another"
        ) from error
    except ValueError as error:
        raise ConfigError(str(folder / SUMS), f"is damaged ({error}); copy the bundle again") from error


def _is(path: Path, digest: str) -> bool:
    return not path.is_symlink() and sum_of_file(path) == digest


def _box_faults(archive: Path) -> tuple[list[str], int]:
    """Look into the archive too: the machine will check it by the sums inside."""
    found: dict[str, str] = {}
    sums: dict[str, str] | None = None
    try:
        for name, digest, content in read_tar(archive):
            if name == SUMS:
                sums = read(content.decode("utf-8"))
            else:
                found[name] = digest
    except (tarfile.TarError, EOFError, ValueError) as error:
        return [f"box.tar cannot be unpacked: {error}"], len(found)
    if sums is None:
        return [f"box.tar holds no {SUMS}"], len(found)
    wrong = sorted(name for name in sums.keys() | found.keys() if sums.get(name) != found.get(name))
    return [f"box.tar: {name} is not as it was made" for name in wrong], len(found)


def _signature(folder: Path, body: bytes, public: bytes | None) -> tuple[list[str], Signed]:
    try:
        signature = (folder / SIGNATURE).read_text("ascii").strip()
    except FileNotFoundError:
        return ([] if public is None else ["it is not signed, and you want it signed by the key given"]), Signed.NOT
    except UnicodeDecodeError:
        signature = ""
    if public is None:
        return [], Signed.UNCHECKED
    try:
        good = proves(public, body, bytes.fromhex(signature))
    except ValueError:
        good = False
    wrong = f"the signature is not of the key given over these sums: another key, or {SUMS} was changed"
    return ([], Signed.PROVED) if good else ([wrong], Signed.UNCHECKED)
