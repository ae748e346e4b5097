"""A surveyed box -> the text of its site.toml: what the sheet knows, where the box keeps things, how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.site_toml import written
from provisioning.survey import Box, Camera

_HEAD = """\
# site.toml of {box}. Made by: commune-agent site new {sheet}
#
# Change this file on the laptop, then: commune-agent site check, and the play; it overwrites what lies on the box.
# Zones and rules are still to be drawn; an example stands under each camera.
# Every other key, with its default: commune-agent init. Relative paths start at the folder of this file."""

_KEYS = "# Keys and certificates are made when the box is installed; its private keys never leave it."
_PAGE = (
    "# The status page, for phones in the box's network; the first password stands in records/boxes/{box}/record.txt"
)
_MODEL = "# The play puts the model onto the box (commune_models in the inventory's group_vars/all.yml)."
REAL_CARD = "yolox-nano"
"""The model card of a box with real cameras; the default one knows drawn scenes only."""

_DRAW = """\
# No zone yet: the camera is shown, and nothing is ever reported. On the box, take a picture with a grid, and read the
# corners off it: sudo commune-agent still {camera} --config /etc/commune-agent/site.toml --grid -o {camera}.jpg
# [[camera.zone]]
# id = "kerb"
# name = "Lề đường"
# polygon = [[0.10, 0.60], [0.45, 0.55], [0.50, 0.75], [0.12, 0.85]]
#
# [[camera.rule]]
# rule = "stopped_vehicle"
# zone = "kerb\""""


def password_file(camera: str) -> str:
    """Name the file of a camera's password, from the folder of site.toml."""
    return f"secrets/{camera}.password"


def values(box: Box) -> dict[str, Any]:
    """Give what site.toml shall say, in the order in which it says it."""
    said: dict[str, Any] = {
        "box": {"id": box.id, "name": box.name, "area": box.area, "keys_dir": "pki"},
        "uplink": {"host": box.hq_host},
        "page": {"host": "0.0.0.0", "password_file": "secrets/page.passwords", "hostnames": [box.address]},  # noqa: S104
    }
    if box.hq_port is not None:
        said["uplink"]["port"] = box.hq_port
    said["uplink"]["tls"] = {"ca": "pki/ca.pem", "cert": "pki/box.pem", "key": "pki/box.key"}
    if any(camera.backend != "rendered" for camera in box.cameras):
        said["detector"] = {"card": REAL_CARD}
    said["camera"] = [_camera(camera) for camera in box.cameras]
    return said


def site_text(box: Box, sheet: Path) -> str:
    """Write the whole file."""
    said = values(box)
    lines = [_HEAD.format(box=box.name, sheet=sheet.name), ""]
    lines += [*_table("box", said["box"], _KEYS), ""]
    tls = said["uplink"].pop("tls")
    lines += [*_table("uplink", said["uplink"]), "", *_table("uplink.tls", tls), ""]
    lines += [*_table("page", said["page"], _PAGE.format(box=box.id)), ""]
    if "detector" in said:
        lines += [*_table("detector", said["detector"], _MODEL), ""]
    for camera in box.cameras:
        lines += [camera_text(camera), _DRAW.format(camera=camera.id), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def camera_text(camera: Camera) -> str:
    """Write one ``[[camera]]``, without zones."""
    place = [f"# {camera.place}"] if camera.place else []
    return "\n".join([*place, "[[camera]]", *_keys(_camera(camera))])


def _camera(camera: Camera) -> dict[str, str]:
    said = {"id": camera.id, "name": camera.name, "url": camera.url}
    if camera.backend != "opencv":
        said["backend"] = camera.backend
    if camera.user:
        said |= {"user": camera.user, "password_file": password_file(camera.id)}
    return said


def _table(name: str, keys: dict[str, Any], comment: str = "") -> Iterator[str]:
    if comment:
        yield comment
    yield f"[{name}]"
    yield from _keys(keys)


def _keys(keys: dict[str, Any]) -> Iterator[str]:
    for key, value in keys.items():
        yield f"{key} = {written(value)}"
