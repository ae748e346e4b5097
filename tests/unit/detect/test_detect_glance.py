"""What is a change before a camera, and what is only its noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.core.polygon import polygon
from agent.detect.glance import Glance
from agent.video.mask import Painter

HEIGHT, WIDTH = 360, 640


def picture(seed: int, noise: float = 2.0, gain: float = 1.0) -> NDArray[np.uint8]:
    """A street without anybody, with the noise of one exposure."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    plain = 90 + 40 * np.sin(x / 37) + 30 * np.sin(y / 23)
    grain = np.random.default_rng(seed).normal(0, noise, (HEIGHT, WIDTH, 3))
    return np.clip(plain[..., None] * gain + grain, 0, 255).astype(np.uint8)


def with_person(pixels: NDArray[np.uint8], x: int, y: int = 180) -> NDArray[np.uint8]:
    """Somebody far away: 10 by 24 px."""
    shown = pixels.copy()
    shown[y : y + 24, x : x + 10] = 30
    return shown


def looked_at(pixels: NDArray[np.uint8]) -> Glance:
    glance = Glance()
    assert glance.changed(pixels)
    glance.looked()
    return glance


@pytest.mark.parametrize("noise", [0.5, 2, 6, 12])
def test_noise_alone_is_no_change(noise: float) -> None:
    glance = looked_at(picture(1, noise))
    assert [glance.changed(picture(seed, noise)) for seed in range(2, 32)] == [False] * 30


@pytest.mark.parametrize("noise", [0.5, 2, 6])
def test_a_far_person_who_comes_or_takes_half_a_step_is_one(noise: float) -> None:
    glance = looked_at(picture(1, noise))
    assert glance.changed(with_person(picture(2, noise), 300))
    glance.looked()
    assert not glance.changed(with_person(picture(3, noise), 300))
    assert glance.changed(with_person(picture(4, noise), 306))


def test_what_creeps_is_compared_with_the_last_look_not_with_the_last_picture() -> None:
    glance = looked_at(with_person(picture(1), 300))
    changed = [glance.changed(with_person(picture(2 + step), 300 + step)) for step in range(10)]
    assert not changed[0]
    assert changed[-1]


@pytest.mark.parametrize("gain", [0.6, 0.85, 1.2])
def test_light_that_is_switched_is_a_change_of_everything(gain: float) -> None:
    assert looked_at(picture(1)).changed(picture(2, gain=gain))


def test_a_camera_that_is_turned_is_one() -> None:
    assert looked_at(picture(1)).changed(np.roll(picture(2), 20, axis=1))


def test_behind_a_mask_nothing_changes() -> None:
    paint = Painter((polygon([(0.4, 0.4), (0.6, 0.4), (0.6, 0.8), (0.4, 0.8)]),)).paint
    shown = [picture(1), with_person(picture(2), 300)]
    for pixels in shown:
        paint(pixels)
    assert not looked_at(shown[0]).changed(shown[1])


def test_another_size_is_another_picture() -> None:
    assert looked_at(picture(1)).changed(picture(1)[:, :600])


def test_a_tiny_picture_is_taken_as_it_is() -> None:
    assert not looked_at(np.zeros((2, 3, 3), np.uint8)).changed(np.zeros((2, 3, 3), np.uint8))
