"""Which boxes HQ knows: their names, cameras, zones and signing keys; one JSON file a box."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import ConfigError

SIGNER = {"a": "watch", "w": "watch", "d": "page", "u": "uplink"}
"""Which program of a box signs which stream; pictures (m) are proved by the events that name them."""


@dataclass(frozen=True)
class KnownCamera:
    """A camera as people know it; ``zones`` maps zone ids to names."""

    name: str
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownBox:
    """A box as HQ's registry has it.

    Attributes:
        id: box id.
        area: the HQ it belongs to.
        name: what people call it.
        config_hash: of the site configuration the names belong to.
        cameras: by camera id.
        keys: raw Ed25519 public key (32 bytes) by program: ``watch``, ``page``, ``uplink``.
    """

    id: str
    area: str
    name: str
    config_hash: str = ""
    cameras: Mapping[str, KnownCamera] = field(default_factory=dict)
    keys: Mapping[str, bytes] = field(default_factory=dict)


class Registry:
    """The boxes of one HQ; empty where none were registered, and then every box is a stranger."""

    def __init__(self, boxes: Mapping[str, KnownBox]) -> None:
        self._boxes = dict(boxes)

    def box(self, box: str) -> KnownBox:
        """Give what is known of a box; of a stranger only its id."""
        return self._boxes.get(box) or KnownBox(box, "", box)

    def key(self, box: str, stream: str) -> bytes | None:
        """Give the public key that signs a stream of a box; None when unknown."""
        return self.box(box).keys.get(SIGNER.get(stream, ""))

    def foreign(self, box: str, area: str) -> str:
        """Say why messages of ``box`` do not belong to ``area``; empty when they may."""
        known = self.box(box).area
        return f"box {box} is registered in area {known}, not {area}" if known and known != area else ""


def load_registry(directory: Path | None) -> Registry:
    """Read every ``*.json`` of a registry directory.

    Raises:
        ConfigError: the directory or one of its files cannot be used; names the file and what to mend.
    """
    if directory is None:
        return Registry({})
    if not directory.is_dir():
        raise ConfigError(str(directory), "is no directory; give the folder that holds one JSON file a box")
    boxes = [load_box(path) for path in sorted(directory.glob("*.json"))]
    return Registry({box.id: box for box in boxes})


def load_box(path: Path) -> KnownBox:
    """Read one box's file.

    Raises:
        ConfigError: it cannot be used; names the file and what to mend.
    """
    try:
        fields = json.loads(path.read_text("utf-8"))
        return KnownBox(
            id=str(fields["box"]),
            area=str(fields["area"]),
            name=str(fields.get("name") or fields["box"]),
            config_hash=str(fields.get("config_hash", "")),
            cameras={
                camera: KnownCamera(str(known.get("name") or camera), dict(known.get("zones", {})))
                for camera, known in fields.get("cameras", {}).items()
            },
            keys={program: _key(str(text)) for program, text in fields.get("keys", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(str(path), f"is no box of the registry ({problem}); compare docs/guide/hq.md") from error


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != 32:
        raise ValueError(f"a public key has 64 hex digits, this one has {len(text)}")
    return key
