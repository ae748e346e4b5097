"""From waypoints to a smooth path: where an actor is, where it faces and how far it has gone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.stage.scene import Actor

_STEP_S = 0.05
_TRAIL_M = {"person": 0.15, "motorcycle": 0.7, "car": 1.4, "bus": 3.5}
"""How far behind its centre an actor is dragged by its own path: about half its wheelbase."""


@dataclass(frozen=True, slots=True)
class Stand:
    """An actor at one moment.

    Attributes:
        x: metres.
        y: metres.
        heading: radians, counter-clockwise from +x.
        speed_mps: metres per second.
        travelled_m: way gone since its first waypoint; drives legs and wheels.
    """

    x: float
    y: float
    heading: float
    speed_mps: float
    travelled_m: float


class Motion:
    """One actor's whole path, worked out once.

    Position follows a monotone cubic through the waypoints (Fritsch and Carlson, 1980): it never overshoots, and
    stands perfectly still between two waypoints at one place.
    """

    def __init__(self, actor: Actor) -> None:
        self._times = np.array([point.at_s for point in actor.path])
        self._places = np.array([point.place for point in actor.path], float).reshape(-1, 2)
        self._slopes = np.column_stack([_slopes(self._times, self._places[:, axis]) for axis in (0, 1)])
        self.begin_s, self.end_s = float(self._times[0]), float(self._times[-1])
        self._ticks = np.arange(self.begin_s, self.end_s + _STEP_S, _STEP_S)
        track = np.array([self.place(tick) for tick in self._ticks])
        steps = np.hypot(*np.diff(track, axis=0, prepend=track[:1]).T)
        self._travelled = np.cumsum(steps)
        self._headings = np.unwrap(_drag(track, _first_heading(actor, track), _TRAIL_M[actor.label]))

    def place(self, t_s: float) -> NDArray[np.float64]:
        """Where it is at ``t_s``, (2,) metres; held at the ends."""
        t_s = min(max(t_s, self.begin_s), self.end_s)
        i = min(max(int(np.searchsorted(self._times, t_s, "right")) - 1, 0), len(self._times) - 2)
        span = self._times[i + 1] - self._times[i]
        s = (t_s - self._times[i]) / span
        a, b = self._places[i], self._places[i + 1]
        bend = s * (1 - s) ** 2 * self._slopes[i] - s * s * (1 - s) * self._slopes[i + 1]
        return np.asarray(a + (b - a) * (s * s * (3 - 2 * s)) + span * bend)

    def at(self, t_s: float) -> Stand | None:
        """Everything about it at ``t_s``; None before its first and after its last waypoint."""
        if not self.begin_s <= t_s <= self.end_s:
            return None
        x, y = self.place(t_s)
        moved = self.place(t_s + _STEP_S) - self.place(t_s - _STEP_S)
        return Stand(
            float(x),
            float(y),
            float(np.interp(t_s, self._ticks, self._headings)),
            float(np.hypot(*moved)) / (2 * _STEP_S),
            float(np.interp(t_s, self._ticks, self._travelled)),
        )


def _slopes(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Velocities at the waypoints: harmonic means of the neighbours, 0 where the direction turns or a stop begins."""
    secants = np.diff(values) / np.diff(times)
    slopes = np.empty(len(values))
    slopes[0], slopes[-1] = secants[0], secants[-1]
    left, right = secants[:-1], secants[1:]
    same_way = left * right > 0
    slopes[1:-1] = np.where(same_way, 2 * left * right / np.where(same_way, left + right, 1.0), 0.0)
    return slopes


def _first_heading(actor: Actor, track: NDArray[np.float64]) -> float:
    if actor.heading_deg is not None:
        return math.pi / 2 - math.radians(actor.heading_deg)
    away = track - track[0]
    moving = np.flatnonzero(np.hypot(*away.T) > 0.05)
    return math.atan2(away[moving[0], 1], away[moving[0], 0]) if len(moving) else 0.0


def _drag(track: NDArray[np.float64], heading: float, trail_m: float) -> NDArray[np.float64]:
    """Pull a point ``trail_m`` behind along the track, as a rear axle is pulled; headings, one a tick."""
    headings = np.empty(len(track))
    rear = track[0] - trail_m * np.array([math.cos(heading), math.sin(heading)])
    for i, here in enumerate(track):
        heading = math.atan2(here[1] - rear[1], here[0] - rear[0])
        rear = here - trail_m * np.array([math.cos(heading), math.sin(heading)])
        headings[i] = heading
    return headings
