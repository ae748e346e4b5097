"""The site of the lab: what its survey sheet says, and the zones that its technician draws."""

from __future__ import annotations

from pathlib import Path

from agent.clock import monotonic_us
from agent.stage.scene import Zone
from agent.stage.script import load_scene
from support.lab.lab import Lab
from support.lab.network import HQ_FAST_ADDRESS, box_address
from support.lab.office import AREA, HQ_HOST

STOP_LIMIT_S = 15
_TURN_S = 60
_SCENES = ("demo_road", "demo_yard", "demo_road", "demo_yard")
"""Four cameras, every scene a quarter of its turn behind the one before: something happens every 15 s."""
_RULES = {
    "demo_road": f'rule = "stopped_vehicle"\nzone = "kerb"\ndwell_s = {STOP_LIMIT_S}\n',
    "demo_yard": 'rule = "intrusion"\nzone = "yard"\n',
}


def survey(lab: Lab) -> list[dict[str, str]]:
    """Give the rows of the survey sheet, one a camera."""
    now_us = monotonic_us()
    rows = []
    for number, box in enumerate(lab.boxes, 1):
        for place, scene in enumerate(_SCENES):
            start_us = now_us - round((number / len(lab.boxes) + place) * _TURN_S / len(_SCENES) * 1e6)
            rows.append(
                {
                    "area": AREA,
                    "hq_host": HQ_HOST,
                    "hq_address": HQ_FAST_ADDRESS,
                    "box": box.place.name,
                    "box_name": f"Hộp {number}",
                    "address": box_address(number),
                    "camera": f"cam-{place + 1}",
                    "camera_name": f"Máy quay {place + 1}",
                    "backend": "rendered",
                    "url": f"{scene}?start_mono_us={start_us}",
                }
            )
    return rows


def draw_zones(site: Path) -> None:
    """Write zones and rules into a generated site.toml, each under its camera, as a technician does."""
    head, *cameras = site.read_text("utf-8").split("[[camera]]")
    for place, text in enumerate(cameras):
        scene = _SCENES[place]
        zones = "\n".join(_zone(zone) for zone in load_scene(scene).zones)
        cameras[place] = f"{text.rstrip()}\nloop = true\n\n{zones}\n[[camera.rule]]\n{_RULES[scene]}\n"
    site.write_text("[[camera]]".join([head, *cameras]), "utf-8")


def _zone(zone: Zone) -> str:
    corners = ", ".join(f"[{x:.4f}, {y:.4f}]" for x, y in zone.polygon)
    return f'[[camera.zone]]\nid = "{zone.id}"\nname = "{zone.name}"\npolygon = [{corners}]\n'
