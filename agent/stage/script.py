"""Read a scene script (TOML, docs/ref/scene.md) into a Scene."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from agent.core.polygon import Polygon, fault, polygon
from agent.errors import ConfigError
from agent.stage.lens import Lens
from agent.stage.props import read_actor, read_expected, read_places, read_solid, read_surface, refuse_twins
from agent.stage.reading import Table
from agent.stage.scene import GroundPoint, Light, Pose, Scene, Zone

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_SCENES = "scenes"


def scene_names() -> list[str]:
    """Name the scenes that come with the software."""
    folder = resources.files("agent.stage") / _SCENES
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_scene(name: str) -> Scene:
    """Read a scene: one that comes with the software, by name, or a file by its path ending in .toml.

    Raises:
        ConfigError: there is no such scene, or its script is faulty; the key is the dotted path in the script.
    """
    if name.endswith(".toml"):
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(name, f"cannot be read as a scene script: {error}") from error
    elif name in scene_names():
        text = (resources.files("agent.stage") / _SCENES / f"{name}.toml").read_text("utf-8")
    else:
        raise ConfigError(name, f"is no scene; give a path ending in .toml or one of {', '.join(scene_names())}")
    return parse_scene(text)


def parse_scene(text: str) -> Scene:
    """Build a scene from a script.

    Raises:
        ConfigError: the script is no TOML, or a value cannot be used.
    """
    try:
        return scene_from(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("scene script", f"is no valid TOML: {error}") from error


def scene_from(fields: Mapping[str, Any]) -> Scene:
    """Build a scene from parsed TOML; ConfigError as ``parse_scene``."""
    top = Table("", fields)
    meta = Table("scene", top.take("scene"))
    width, height = _size(meta)
    duration_s = meta.number("duration_s", 1, 7200)
    pose = _pose(Table("camera", top.take("camera")))
    actors = tuple(read_actor(one) for one in top.tables("actor"))
    refuse_twins([actor.id for actor in actors])
    zones = _zones(Table("zones", top.take("zones", {})), Lens(pose, width, height))
    scene = Scene(
        name=meta.text("name"),
        width=width,
        height=height,
        fps=meta.number("fps", 1, 60, 10),
        duration_s=duration_s,
        seed=meta.whole("seed", 0, 2**31, 1),
        pose=pose,
        light=_light(Table("light", top.take("light", {}))),
        surfaces=tuple(read_surface(one) for one in top.tables("surface")),
        solids=tuple(read_solid(one, i) for i, one in enumerate(top.tables("solid"))),
        zones=zones,
        actors=actors,
        expected=tuple(read_expected(one, zones, actors, duration_s) for one in top.tables("expect")),
    )
    meta.done()
    top.done()
    return scene


def _size(meta: Table) -> tuple[int, int]:
    width, height = (int(side) for side in meta.pair("size", (640, 360)))
    if not (64 <= width <= 1920 and 64 <= height <= 1080):
        raise ConfigError("scene.size", f"must be between 64x64 and 1920x1080, got {width}x{height}")
    return width, height


def _pose(table: Table) -> Pose:
    pose = Pose(
        at=table.pair("at", (0.0, 0.0)),
        height_m=table.number("height_m", 1, 50, 6.0),
        pan_deg=table.number("pan_deg", -180, 180, 0.0),
        tilt_deg=table.number("tilt_deg", 0, 80, 20.0),
        focal=table.number("focal", 0.3, 5, 1.0),
    )
    table.done()
    return pose


def _light(table: Table) -> Light:
    light = Light(
        azimuth_deg=table.number("azimuth_deg", -360, 360, 140.0),
        elevation_deg=table.number("elevation_deg", 5, 90, 50.0),
        strength=table.number("strength", 0, 1, 0.8),
        level=table.number("level", 0.05, 2, 1.0),
        warmth=table.number("warmth", -1, 1, 0.0),
        noise=table.number("noise", 0, 30, 2.0),
    )
    table.done()
    return light


def _zones(table: Table, lens: Lens) -> tuple[Zone, ...]:
    zones = []
    for zone_id in table:
        one = Table(table.at(zone_id), table.take(zone_id))
        if ("ground" in one) == ("picture" in one):
            raise ConfigError(one.key, "needs either ground (metres) or picture (0..1) corners")
        if "ground" in one:
            outline = _on_picture(one.at("ground"), read_places(one.at("ground"), one.take("ground"), 3), lens)
        else:
            outline = polygon(read_places(one.at("picture"), one.take("picture"), 3))
        problem = fault(outline)
        if problem:
            raise ConfigError(one.key, problem)
        zones.append(Zone(zone_id, one.text("name", zone_id), outline))
        one.done()
    return tuple(zones)


def _on_picture(key: str, places: tuple[GroundPoint, ...], lens: Lens) -> Polygon:
    """Project a zone on the ground; what lies outside the picture is an error, not cut off in silence."""
    pixels = lens.outline(np.array([[x, y, 0.0] for x, y in places])) / [lens.width, lens.height]
    if len(pixels) != len(places) or pixels.min() < 0 or pixels.max() > 1:
        raise ConfigError(key, "reaches beyond the picture; draw the zone smaller or turn the camera")
    return polygon([[round(float(x), 4), round(float(y), 4)] for x, y in pixels])
