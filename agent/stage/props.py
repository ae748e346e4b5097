"""What a scene script says about things and actors: surfaces, solids, paths, expected incidents."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from agent.errors import ConfigError
from agent.stage.people import MOTORCYCLE_BODIES, PERSON_BODIES
from agent.stage.reading import Table, numbers
from agent.stage.scene import CLASSES, Actor, Expected, GroundPoint, Solid, Surface, Waypoint, Zone
from agent.stage.texture import TEXTURES
from agent.stage.vehicles import BUS_BODIES, CAR_BODIES

BODIES: dict[str, tuple[str, ...]] = {
    "person": tuple(PERSON_BODIES),
    "car": tuple(CAR_BODIES),
    "motorcycle": MOTORCYCLE_BODIES,
    "bus": tuple(BUS_BODIES),
}
"""Variants of each class; the first is the default."""

SOLIDS = ("house", "wall", "tree", "pole", "box")


def read_surface(table: Table) -> Surface:
    """Read one ``[[surface]]``."""
    strip = table.pair("strip") if "strip" in table else None
    if strip is not None and strip[0] >= strip[1]:
        raise ConfigError(table.at("strip"), f"must go from less to more, got {list(strip)}")
    surface = Surface(
        kind=table.choice("kind", tuple(TEXTURES)),
        strip=strip,
        along=table.choice("along", ("x", "y"), "x"),
        outline=read_places(table.at("outline"), table.take("outline", []), 0),
        dash=table.pair("dash") if "dash" in table else None,
        colour=table.colour("colour", (-1, -1, -1)) if "colour" in table else None,
    )
    if surface.dash is not None and min(surface.dash) <= 0:
        raise ConfigError(table.at("dash"), f"needs a length and a gap above 0, got {list(surface.dash)}")
    table.done()
    return surface


def read_solid(table: Table, number: int) -> Solid:
    """Read one ``[[solid]]``; its number among them is its seed unless it names one."""
    size = numbers(table.at("size"), table.take("size"), 3)
    if min(size) <= 0:
        raise ConfigError(table.at("size"), f"must be above 0 in every direction, got {list(size)}")
    kind = table.choice("kind", SOLIDS)
    solid = Solid(
        kind=kind,
        at=table.pair("at"),
        size=(size[0], size[1], size[2]),
        colour=table.colour("colour", (60, 120, 80) if kind == "tree" else (170, 180, 190)),
        seed=table.whole("seed", 0, 2**31, number),
    )
    table.done()
    return solid


def read_actor(table: Table) -> Actor:
    """Read one ``[[actor]]``; without a colour its id decides."""
    label = table.choice("class", CLASSES)
    actor_id = table.text("id")
    draw = np.random.default_rng(crc32(actor_id.encode()))
    shade = tuple(float(value) for value in draw.integers(50, 220, 3))
    actor = Actor(
        id=actor_id,
        label=label,
        body=table.choice("body", BODIES[label], BODIES[label][0]),
        colour=table.colour("colour", (shade[0], shade[1], shade[2])),
        trim=table.colour("trim", (70.0, 60.0, 55.0)),
        path=_path(table.at("path"), table.take("path")),
        heading_deg=table.number("heading_deg", -360, 360) if "heading_deg" in table else None,
    )
    table.done()
    return actor


def _path(key: str, points: object) -> tuple[Waypoint, ...]:
    """Check waypoints [t_s, x_m, y_m]: at least two, time rising."""
    if not isinstance(points, list) or len(points) < 2:
        raise ConfigError(key, "needs at least two waypoints [t_s, x_m, y_m]")
    path: list[Waypoint] = []
    for i, point in enumerate(points):
        t_s, x, y = numbers(f"{key}[{i}]", point, 3)
        if path and t_s <= path[-1].at_s:
            raise ConfigError(f"{key}[{i}]", f"time must rise: {t_s:g} s comes after {path[-1].at_s:g} s")
        path.append(Waypoint(t_s, (x, y)))
    return tuple(path)


def read_expected(table: Table, zones: tuple[Zone, ...], actors: tuple[Actor, ...], duration_s: float) -> Expected:
    """Read one ``[[expect]]``; zone and actor must exist, times must lie in order within the scene."""
    expected = Expected(
        rule=table.text("rule"),
        zone=table.choice("zone", [zone.id for zone in zones]),
        actor=table.choice("actor", [actor.id for actor in actors]),
        begin_s=table.number("begin_s", 0, duration_s),
        alert_s=table.number("alert_s", 0, duration_s),
        end_s=table.number("end_s", 0, duration_s),
    )
    if not expected.begin_s <= expected.alert_s <= expected.end_s:
        raise ConfigError(table.at("alert_s"), "must lie between begin_s and end_s")
    table.done()
    return expected


def read_places(key: str, points: object, least: int) -> tuple[GroundPoint, ...]:
    """Check a list of corners [x, y]: none, or 3 and more, and not fewer than ``least``."""
    if not isinstance(points, list) or (points and len(points) < 3) or len(points) < least:
        raise ConfigError(key, f"needs at least 3 corners [x, y], got {points!r}")
    return tuple((pair[0], pair[1]) for pair in (numbers(f"{key}[{i}]", one, 2) for i, one in enumerate(points)))


def refuse_twins(ids: list[str]) -> None:
    """Refuse two actors of one id."""
    for i, one in enumerate(ids):
        if one in ids[:i]:
            raise ConfigError(f"actor[{i}].id", f"{one!r} is used twice; every actor needs its own")
