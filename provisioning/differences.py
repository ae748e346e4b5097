"""Where a site.toml that was kept is not what the sheet now says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.site_faults import ConfigErrors, Fault, Finding, tell
from agent.site_shape import read
from agent.site_toml import KeyPath, written
from agent.site_values import veiled
from provisioning.site_text import camera_text, values
from provisioning.survey import Box

_CHANGE = "change the one that is wrong"
_COMPARED = (("box", "id"), ("box", "name"), ("box", "area"), ("uplink", "host"), ("uplink", "port"))
_OF_CAMERA = {"name": "", "backend": "opencv", "url": "", "user": ""}
"""Keys of a camera that the sheet knows, with what their absence means."""


def against(box: Box, path: Path) -> list[Fault]:
    """Compare what the sheet says of a box with its site.toml; zones, rules and all else are the technician's."""
    try:
        document = read(path)
    except ConfigErrors as error:
        return list(error.faults)
    found = [*_keys(values(box), document.values), *_cameras(box, document.values)]
    faults = sorted((tell(finding, document, str(path)) for finding in found), key=lambda fault: fault.line)
    return [*faults, *_new_cameras(box, document.values, str(path))]


def _keys(said: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[Finding]:
    for table, key in _COMPARED:
        here = _table(kept, table).get(key)
        wanted = said[table].get(key)
        if here != wanted and not (key == "port" and {here, wanted} == {None, 8883}):
            yield _other((table, key), here, wanted)
    names = _table(kept, "page").get("hostnames")
    address = said["page"]["hostnames"][0]
    if not isinstance(names, list) or address not in names:
        yield _other(("page", "hostnames"), names, address)


def _cameras(box: Box, kept: Mapping[str, Any]) -> Iterator[Finding]:
    wanted = {camera["id"]: camera for camera in values(box)["camera"]}
    for position, camera in _listed(kept):
        said = wanted.get(str(camera.get("id")))
        if said is None:
            yield Finding(("camera", position), "the sheet has no such camera", "add its row, or remove it here")
            continue
        for key, usual in _OF_CAMERA.items():
            if camera.get(key, usual) != said.get(key, usual):
                yield _other(("camera", position, key), camera.get(key, usual), said.get(key, usual))


def _new_cameras(box: Box, kept: Mapping[str, Any], file: str) -> Iterator[Fault]:
    there = {str(camera.get("id")) for _, camera in _listed(kept)}
    for camera in box.cameras:
        if camera.id not in there:
            lines = camera_text(camera).replace("\n", "\n    ")
            yield Fault(file, 0, "camera", f"camera {camera.id} of the sheet is missing", "", f"add:\n    {lines}")


def _listed(kept: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    found = kept.get("camera")
    cameras = enumerate(found if isinstance(found, list) else ())
    return [(position, camera) for position, camera in cameras if isinstance(camera, Mapping)]


def _other(path: KeyPath, here: object, wanted: object) -> Finding:
    """Tell both sides; what an address may hide stays hidden."""
    said = written(veiled(wanted) if isinstance(wanted, str) else wanted) if wanted is not None else "nothing"
    return Finding(path, f"the sheet says {said}", _CHANGE, here)


def _table(kept: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = kept.get(name)
    return found if isinstance(found, Mapping) else {}
