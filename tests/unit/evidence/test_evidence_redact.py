"""Nobody leaves the box recognisable: pixelation, and the memory of who was seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.box import Box
from agent.core.detections import Detections
from agent.core.track import Track
from agent.evidence.redact import PersonMemory, pixelate
from agent.evidence.settings import EvidenceSettings

LABELS = ("person", "car")
SECOND = 1_000_000


def noise(height: int = 90, width: int = 160) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)


def found(*rows: tuple[Box, float, int]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def runs(line: np.ndarray) -> int:
    """Count the flat stretches of a row of pixels."""
    return 1 + int((line[1:] != line[:-1]).any(axis=-1).sum())


corner = st.floats(0, 0.8)
side = st.floats(0.05, 0.9)


@settings(deadline=None)
@given(corner, corner, side, side, st.integers(1, 8))
def test_no_area_keeps_more_than_its_blocks(x: float, y: float, w: float, h: float, blocks: int) -> None:
    area = Box(x, y, min(1.0, x + w), min(1.0, y + h))
    picture = pixelate(noise(), [area], blocks)
    x1, y1, x2, y2 = int(area.x1 * 160), int(area.y1 * 90), int(np.ceil(area.x2 * 160)), int(np.ceil(area.y2 * 90))
    assert all(runs(picture[row, x1:x2]) <= blocks for row in range(y1, y2))
    assert all(runs(picture[y1:y2, column]) <= blocks for column in range(x1, x2))


def test_pixels_outside_the_areas_and_the_original_stay() -> None:
    original = noise()
    before = original.copy()
    picture = pixelate(original, [Box(0.25, 0.2, 0.5, 0.6)], 8)
    assert (original == before).all()
    outside = np.ones((90, 160), bool)
    outside[18:54, 40:80] = False
    assert (picture[outside] == original[outside]).all()
    assert (picture[~outside] != original[~outside]).any()


PERSON = Box(0.4, 0.4, 0.5, 0.7)


@pytest.mark.parametrize(
    ("rows", "covered"),
    [
        ([(PERSON, 0.15, 0)], True),
        ([(PERSON, 0.14, 0)], False),
        ([(PERSON, 0.9, 1)], False),
        ([], False),
    ],
)
def test_a_person_counts_from_the_privacy_score_on(rows: list, covered: bool) -> None:
    memory = PersonMemory(EvidenceSettings(), LABELS)
    memory.observe(0, found(*rows), [])
    assert bool(memory.areas) is covered


def test_the_box_is_grown_on_every_side() -> None:
    memory = PersonMemory(EvidenceSettings(), LABELS)
    memory.observe(0, found((PERSON, 0.9, 0)), [])
    assert memory.areas[0] == pytest.approx((0.38, 0.34, 0.52, 0.76), abs=1e-6)


def test_a_person_is_remembered_for_two_seconds_and_no_longer() -> None:
    memory = PersonMemory(EvidenceSettings(), LABELS)
    memory.observe(0, found((PERSON, 0.9, 0)), [])
    memory.observe(2 * SECOND, found(), [])
    assert len(memory.areas) == 1
    memory.observe(2 * SECOND + 1, found(), [])
    assert memory.areas == ()


def test_a_tracked_person_is_covered_where_the_tracker_holds_it() -> None:
    memory = PersonMemory(EvidenceSettings(), LABELS)
    memory.observe(
        0, found(), [Track(1, "person", 0.5, PERSON, False, 0, 0, 3), Track(2, "car", 0.9, PERSON, True, 0, 0, 9)]
    )
    assert len(memory.areas) == 1


def test_one_standing_person_stays_one_area() -> None:
    memory = PersonMemory(EvidenceSettings(), LABELS)
    for frame in range(20):
        memory.observe(frame * SECOND // 10, found((PERSON, 0.9, 0)), [])
    assert len(memory.areas) == 1
