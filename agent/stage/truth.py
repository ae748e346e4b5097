"""What really happens in a scene, for those who must judge what was reported."""

from __future__ import annotations

from agent.core.box import Box
from agent.core.polygon import contains
from agent.stage.render import Renderer, TrueBox


def true_box(renderer: Renderer, actor_id: str, t_s: float) -> TrueBox | None:
    """Tell where an actor is at scene time ``t_s``, which may lie in a later loop; None while not in the picture."""
    found = [box for box in renderer.boxes(t_s % renderer.scene.duration_s) if box.actor == actor_id]
    return found[0] if found else None


def box_at(renderer: Renderer, actor_id: str, t_s: float) -> Box | None:
    """Give the box alone, as ``judge.match`` asks for it."""
    found = true_box(renderer, actor_id, t_s)
    return found.box if found else None


def foot_inside(renderer: Renderer, actor_id: str, zone_id: str, t_s: float) -> bool:
    """Tell whether the foot point of an actor's box lies in a zone at ``t_s``."""
    found = box_at(renderer, actor_id, t_s)
    return found is not None and contains(renderer.scene.zone(zone_id).polygon, found.foot)
