"""How many real, annotated persons a picture that leaves the box hides: the figures that the README publishes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.clock import SimulatedClock
from agent.core.box import Box
from agent.core.frame import Frame
from agent.detect.detector import open_detector
from agent.detect.settings import DetectSettings
from agent.evidence.redact import PersonMemory
from agent.evidence.settings import EvidenceSettings

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "picodet-s": "picodet_s_416_coco.onnx",
    "yolox-nano": "yolox_nano_416.onnx",
    "fastestdet": "FastestDet.onnx",
}
HIDDEN = 0.9
"""A person counts as hidden when at least this share of the annotated box is pixelated."""


def persons(real: Path) -> dict[str, list[Box]]:
    """Every annotated person, crowds left out, by picture; boxes normalised."""
    notes = json.loads((real / "coco_val_small/annotations.json").read_text())
    sizes = {image["id"]: (image["file_name"], image["width"], image["height"]) for image in notes["images"]}
    people = next(kind["id"] for kind in notes["categories"] if kind["name"] == "person")
    found: dict[str, list[Box]] = {}
    for note in notes["annotations"]:
        if note["category_id"] == people and not note.get("iscrowd"):
            name, width, height = sizes[note["image_id"]]
            x, y, w, h = note["bbox"]
            found.setdefault(Path(name).name, []).append(Box(x / width, y / height, (x + w) / width, (y + h) / height))
    return found


def hidden_share(person: Box, areas: tuple[Box, ...]) -> float:
    """Share of a person's box under at least one area, on a 64 × 64 grid."""
    grid = np.zeros((64, 64), bool)
    for area in areas:
        x1, x2 = (np.array((area.x1, area.x2)) - person.x1) / max(person.width, 1e-9) * 64
        y1, y2 = (np.array((area.y1, area.y2)) - person.y1) / max(person.height, 1e-9) * 64
        grid[max(0, round(y1)) : max(0, round(y2)), max(0, round(x1)) : max(0, round(x2))] = True
    return float(grid.mean())


def measure(real: Path, card: str) -> tuple[int, int]:
    """Give (hidden, all) annotated persons of the 24 pictures."""
    detector = open_detector(DetectSettings(card=card, model=real / "models" / MODELS[card]))
    now = SimulatedClock().now()
    hidden = total = 0
    for name, boxes in persons(real).items():
        pixels = cv2.imread(str(real / "coco_val_small/images" / name))
        memory = PersonMemory(EvidenceSettings(), detector.labels)
        memory.observe(now.mono_us, detector.detect([Frame("still", 1, now, pixels)])[0], [])
        hidden += sum(hidden_share(box, memory.areas) >= HIDDEN for box in boxes)
        total += len(boxes)
    return hidden, total


def published(card: str) -> int:
    """The percentage that docs/design/privacy.md states for a card."""
    text = (ROOT / "docs/design/privacy.md").read_text("utf-8")
    row = re.search(rf"^\| `{card}` \|.*?\| (\d+) % \|$", text, re.M)
    assert row, f"docs/design/privacy.md has no row for {card}"
    return int(row.group(1))


@pytest.mark.real
@pytest.mark.parametrize("card", sorted(MODELS))
def test_the_published_share_of_hidden_persons_is_what_we_measure(real: Path, card: str) -> None:
    hidden, total = measure(real, card)
    print(f"{card}: {hidden} of {total} annotated persons hidden ({100 * hidden / total:.0f} %)")
    assert total > 50
    assert round(100 * hidden / total) == pytest.approx(published(card), abs=1)
