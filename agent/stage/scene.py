"""A scene as values: where the camera stands, what the place is made of, who moves, and what must be noticed.

Ground coordinates are metres: ``x`` to the right along the street, ``y`` away from the camera, ``z`` up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.core.polygon import Polygon

Colour = tuple[float, float, float]
"""Blue, green, red, 0..255, as it looks in full light."""

GroundPoint = tuple[float, float]
"""A place on the ground: x, y in metres."""

CLASSES = ("person", "car", "motorcycle", "bus")
"""What can move, in the demo model's order of classes. A motorcycle includes its rider."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the camera stands.

    Attributes:
        at: the mast's foot on the ground.
        height_m: lens above the ground.
        pan_deg: 0 looks along +y; positive turns to the right.
        tilt_deg: downwards, 0 = level.
        focal: focal length in picture widths; 1.0 sees 53 degrees across.
    """

    at: GroundPoint = (0.0, 0.0)
    height_m: float = 6.0
    pan_deg: float = 0.0
    tilt_deg: float = 20.0
    focal: float = 1.0


@dataclass(frozen=True, slots=True)
class Light:
    """How bright the place is and where the sun stands.

    Attributes:
        azimuth_deg: where the sun is, clockwise from +y.
        elevation_deg: above the horizon.
        strength: share of direct light, 0 = overcast (no hard shadows) .. 1 = clear sky.
        level: exposure, 1 = day; below ``LAMPS_BELOW`` vehicles drive with lights.
        warmth: colour of the light, -1 blue .. 1 orange.
        noise: standard deviation of the sensor's noise in grey levels.
    """

    azimuth_deg: float = 140.0
    elevation_deg: float = 50.0
    strength: float = 0.8
    level: float = 1.0
    warmth: float = 0.0
    noise: float = 2.0

    LAMPS_BELOW = 0.6

    @property
    def to_sun(self) -> tuple[float, float, float]:
        """Unit vector that points at the sun."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        flat = math.cos(elevation)
        return (math.sin(azimuth) * flat, math.cos(azimuth) * flat, math.sin(elevation))

    @property
    def lamps_on(self) -> bool:
        """Whether it is dark enough for headlights."""
        return self.level < self.LAMPS_BELOW


@dataclass(frozen=True, slots=True)
class Surface:
    """A piece of ground; later surfaces lie on top of earlier ones.

    Attributes:
        kind: a texture of ``texture.TEXTURES``, e.g. ``asphalt``.
        strip: from, to in metres, across the whole scene; None where ``outline`` or everything is meant.
        along: ``x`` (a strip between two values of y) or ``y``.
        outline: corners on the ground; empty where ``strip`` or everything is meant.
        dash: length and gap in metres of a broken line; None for an unbroken strip.
        colour: replaces the texture's own colour.
    """

    kind: str
    strip: tuple[float, float] | None = None
    along: str = "x"
    outline: tuple[GroundPoint, ...] = ()
    dash: tuple[float, float] | None = None
    colour: Colour | None = None


@dataclass(frozen=True, slots=True)
class Solid:
    """Something that stands and never moves; it hides what is behind it.

    Attributes:
        kind: ``house``, ``wall``, ``tree``, ``pole`` or ``box``.
        at: middle of its footprint.
        size: extent along x, along y, and height, metres.
        colour: main colour.
        seed: its own variations (windows, leaves).
    """

    kind: str
    at: GroundPoint
    size: tuple[float, float, float]
    colour: Colour
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area of the picture.

    Attributes:
        id: as rules name it.
        name: as people name it.
        polygon: normalised to the frame.
    """

    id: str
    name: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Waypoint:
    """At ``at_s`` be at ``place``."""

    at_s: float
    place: GroundPoint


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that moves; it exists from its first waypoint to its last.

    Attributes:
        id: unique in the scene.
        label: one of ``CLASSES``.
        body: variant within the class, e.g. ``sedan``.
        colour: main colour (car body, shirt).
        trim: second colour (bus stripe, trousers).
        path: in order of time; two at the same place are a stop.
        heading_deg: where it faces before it first moves, clockwise from +y; None = along its path.
    """

    id: str
    label: str
    body: str
    colour: Colour
    trim: Colour
    path: tuple[Waypoint, ...]
    heading_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """An incident that must be reported, and when.

    Attributes:
        rule: rule id.
        zone: zone id.
        actor: id of who causes it.
        begin_s: scene time at which the behaviour begins.
        alert_s: scene time at which the alert is due.
        end_s: scene time at which the behaviour ends.
    """

    rule: str
    zone: str
    actor: str
    begin_s: float
    alert_s: float
    end_s: float


@dataclass(frozen=True)
class Scene:
    """Everything the renderer and the judge need.

    Attributes:
        name: for people.
        width: px.
        height: px.
        fps: pictures per second.
        duration_s: length; a loop starts again after it.
        seed: of textures and noise.
        pose: the camera.
        light: the light.
        surfaces: bottom first.
        solids: in any order.
        zones: by order of the script.
        actors: by order of the script.
        expected: ground truth.
    """

    name: str
    width: int
    height: int
    fps: float
    duration_s: float
    seed: int
    pose: Pose
    light: Light
    surfaces: tuple[Surface, ...]
    solids: tuple[Solid, ...] = ()
    zones: tuple[Zone, ...] = ()
    actors: tuple[Actor, ...] = ()
    expected: tuple[Expected, ...] = ()

    def zone(self, zone_id: str) -> Zone:
        """Give a zone by id; KeyError when there is none."""
        return {zone.id: zone for zone in self.zones}[zone_id]

    def actor(self, actor_id: str) -> Actor:
        """Give an actor by id; KeyError when there is none."""
        return {actor.id: actor for actor in self.actors}[actor_id]
