"""A frozen picture that comes through a codec is still a frozen one, and a calm picture with grain of its own lives."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from support.clips import through_codec
from support.eyes import FPS, Pixels, Watcher, street

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.settings import BackdropSettings

LOOKS = 5
"""Pictures a second: as many as are looked at."""


def with_clock(picture: Pixels, number: int) -> Pixels:
    """Write the running time where cameras write it."""
    written = picture.copy()
    text = f"29-11-2026 00:{number // LOOKS // 60:02d}:{number // LOOKS % 60:02d}"
    cv2.putText(written, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    return written


def told(pictures: Iterable[Pixels]) -> list[tuple[str, float]]:
    """What the backdrop finds in pictures that come LOOKS a second."""
    watcher = Watcher(Backdrop(BackdropSettings("gate")))
    for number, picture in enumerate(pictures):
        watcher.play(lambda _, picture=picture: picture, (number + 0.5) / LOOKS, LOOKS)
    return watcher.begins()


@pytest.mark.parametrize(("gop", "bit_rate"), [(5, None), (20, None), (20, 400_000)])
def test_a_frozen_picture_that_is_encoded_anew_is_found(gop: int, bit_rate: int | None) -> None:
    live = street()
    moments = [min(number / LOOKS, 10.0) for number in range(50 * LOOKS)]
    pictures = (with_clock(live(round(moment * FPS) / FPS), number) for number, moment in enumerate(moments))
    assert told(through_codec(pictures, LOOKS, gop, bit_rate)) == [("frozen", pytest.approx(43, abs=5))]


@pytest.mark.parametrize("grain", [0.7, 1.5])
def test_a_calm_street_with_the_grain_of_a_sensor_lives(grain: float) -> None:
    calm, chance = street()(3.0).astype(np.float32), np.random.default_rng(4)
    pictures = (
        with_clock(np.clip(calm + chance.normal(0, grain, calm.shape), 0, 255).astype(np.uint8), number)
        for number in range(40 * LOOKS)
    )
    assert told(through_codec(pictures, LOOKS, 10, 300_000)) == []
