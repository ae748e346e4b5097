"""I8 at its root: no pixel inside a privacy mask survives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.core.box import Point
from agent.core.polygon import Polygon, contains, distance, polygon
from agent.video.mask import Painter, covered

SUB = 4  # points looked at inside each pixel, per axis


def touched(mask: Polygon, width: int, height: int) -> set[tuple[int, int]]:
    """Find pixels of which some point lies inside the mask, by looking at SUB x SUB points of each."""
    found = set()
    for row in range(height):
        for column in range(width):
            points = (
                Point((column + (i + 0.5) / SUB) / width, (row + (j + 0.5) / SUB) / height)
                for i in range(SUB)
                for j in range(SUB)
            )
            if any(contains(mask, point) for point in points):
                found.add((row, column))
    return found


@st.composite
def star_polygons(draw: st.DrawFn) -> Polygon:
    """Simple polygons, thin and fat, anywhere in the picture: corners at rising angles around a centre."""
    count = draw(st.integers(3, 8))
    centre = Point(draw(st.floats(0.1, 0.9)), draw(st.floats(0.1, 0.9)))
    angles = sorted(draw(st.lists(st.floats(0, 2 * math.pi), min_size=count, max_size=count, unique=True)))
    reaches = draw(st.lists(st.floats(0.005, 0.8), min_size=count, max_size=count))
    return tuple(
        Point(
            min(1.0, max(0.0, centre.x + reach * math.cos(angle))),
            min(1.0, max(0.0, centre.y + reach * math.sin(angle))),
        )
        for angle, reach in zip(angles, reaches, strict=True)
    )


SHARP_CORNER = polygon([(0.75, 0.75), (1, 1), (0.77, 1), (0.535, 1), (0.292, 1), (0.005, 0.82)])


@example(SHARP_CORNER, 29, 8)  # a filled polygon of OpenCV's misses its tip by three pixels
@given(star_polygons(), st.integers(8, 24), st.integers(8, 20))
@settings(deadline=None)
def test_no_pixel_that_a_mask_touches_survives(mask: Polygon, width: int, height: int) -> None:
    pixels = np.full((height, width, 3), 200, np.uint8)
    Painter([mask]).paint(pixels)
    survivors = {place for place in touched(mask, width, height) if pixels[place].any()}
    assert survivors == set()


@given(star_polygons())
@settings(deadline=None)
def test_a_mask_hides_little_beyond_its_outline(mask: Polygon) -> None:
    size = 40
    for row, column in np.argwhere(covered(mask, size, size)):
        centre = Point((column + 0.5) / size, (row + 0.5) / size)
        assert contains(mask, centre) or distance(mask, centre) * size < 0.75  # half a pixel's diagonal, and a sliver


def test_overlapping_masks_hide_their_overlap_too() -> None:
    left, right = (
        polygon([(0.1, 0.1), (0.6, 0.1), (0.6, 0.9), (0.1, 0.9)]),
        polygon([(0.4, 0), (1, 0), (1, 1), (0.4, 1)]),
    )
    pixels = np.full((40, 40, 3), 255, np.uint8)
    Painter([left, right]).paint(pixels)
    assert not pixels[20, 20].any()
    assert pixels[20, 0].all()


def test_a_mask_over_everything_leaves_nothing() -> None:
    pixels = np.full((33, 47, 3), 255, np.uint8)
    Painter([polygon([(0, 0), (1, 0), (1, 1), (0, 1)])]).paint(pixels)
    assert not pixels.any()


@pytest.mark.parametrize("second", [(90, 160), (45, 80), (361, 641)])
def test_masks_follow_a_change_of_picture_size(second: tuple[int, int]) -> None:
    painter = Painter([polygon([(0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)])])
    painter.paint(np.full((180, 320, 3), 255, np.uint8))
    pixels = np.full((*second, 3), 255, np.uint8)
    painter.paint(pixels)
    height, width = second
    assert not pixels[height // 2 :, width // 2 :].any()
    assert pixels[: height // 2 - 1].all()


def test_without_masks_nothing_changes() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Painter([]).paint(pixels)
    assert (pixels == np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).all()
