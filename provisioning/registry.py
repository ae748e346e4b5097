"""HQ's registry read with the strictness that an access list needs; the format itself is ``hq.registry``'s."""

from __future__ import annotations

from pathlib import Path

from agent.errors import ConfigError
from hq.registry import SIGNER, KnownBox, load_box
from provisioning.names import check_area, check_box

_SIGNERS = sorted(set(SIGNER.values()))


def registered(directory: Path, area: str) -> list[KnownBox]:
    """Read the boxes of an area's registry, by id.

    Raises:
        ConfigError: the directory or one of its files cannot be used; names the file and what to mend.
    """
    check_area(area)
    if not directory.is_dir():
        raise ConfigError(str(directory), "is no directory; give the folder that holds one JSON file a box")
    boxes = [_checked(path, area) for path in sorted(directory.glob("[!.]*.json"))]
    owners: dict[bytes, str] = {}
    for box in boxes:
        for key in box.keys.values():
            if owners.setdefault(key, box.id) != box.id:
                raise ConfigError(
                    str(directory / f"{box.id}.json"),
                    f"has a signing key of box {owners[key]} too: a disk was copied; on one of the two remove all .key,"
                    " .pub and .csr files in /etc/commune-agent/pki and run the play again",
                )
    return boxes


def _checked(path: Path, area: str) -> KnownBox:
    box = load_box(path)
    if path.stem != box.id:
        raise ConfigError(str(path), f"is of box {box.id!r}; call it {box.id}.json, and see that no box has two")
    try:
        check_box(box.id)
    except ConfigError as error:
        raise ConfigError(str(path), error.problem) from error
    if box.area != area:
        raise ConfigError(str(path), f"is of area {box.area!r}, not {area}; move it to that area's registry")
    missing = [signer for signer in _SIGNERS if signer not in box.keys]
    if missing:
        register = "write it anew on the box: commune-agent register"
        raise ConfigError(str(path), f"lacks the public key of {', '.join(missing)}; {register}")
    return box
