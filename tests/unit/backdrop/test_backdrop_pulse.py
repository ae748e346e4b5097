"""A frozen picture that comes through a codec is still a frozen one, and a calm picture with grain of its own lives."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import av
import cv2
import numpy as np
import pytest
from support.eyes import FPS, Pixels, Watcher, street

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.settings import BackdropSettings

LOOKS = 5
"""Pictures a second: as many as are looked at."""


def through_codec(pictures: Iterable[Pixels], gop: int, bit_rate: int | None) -> Iterator[Pixels]:
    """Encode as a camera does and decode again: every key frame breathes a little, and a low rate converges slowly."""
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=LOOKS, options={"preset": "ultrafast", "g": str(gop), "bf": "0"})
        stream.pix_fmt = "yuv420p"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        stream.height, stream.width = street()(0.0).shape[:2]
        for picture in pictures:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        film.mux(stream.encode())
    memory.seek(0)
    with av.open(memory) as film:
        yield from (frame.to_ndarray(format="bgr24") for frame in film.decode(video=0))


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
    assert told(through_codec(pictures, gop, bit_rate)) == [("frozen", pytest.approx(43, abs=5))]


@pytest.mark.parametrize("grain", [0.7, 1.5])
def test_a_calm_street_with_the_grain_of_a_sensor_lives(grain: float) -> None:
    calm, chance = street()(3.0).astype(np.float32), np.random.default_rng(4)
    pictures = (
        with_clock(np.clip(calm + chance.normal(0, grain, calm.shape), 0, 255).astype(np.uint8), number)
        for number in range(40 * LOOKS)
    )
    assert told(through_codec(pictures, 10, 300_000)) == []
