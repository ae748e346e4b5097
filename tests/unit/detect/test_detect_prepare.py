from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.detect.card import InputSpec
from agent.detect.prepare import Fit, Preparer

PLAIN = InputSpec("images", 32, 64)


def picture(width: int = 40, height: int = 30, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def filled(spec: InputSpec, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.generic], Fit]:
    preparer = Preparer(spec)
    slot = np.full(preparer.shape, 7, spec.dtype)
    return slot, preparer.fill(pixels, slot)


def test_a_stretch_is_opencvs_resize_channel_by_channel() -> None:
    pixels = picture()
    slot, fit = filled(PLAIN, pixels)
    assert fit == Fit(1 / 64, 1 / 32)
    np.testing.assert_array_equal(slot, cv2.resize(pixels, (64, 32)).transpose(2, 0, 1).astype(np.float32))


def test_area_interpolation_is_honoured() -> None:
    pixels = picture(640, 480)
    slot, _ = filled(replace(PLAIN, interpolation="area"), pixels)
    expected = cv2.resize(pixels, (64, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(slot, expected.transpose(2, 0, 1))


def test_rgb_swaps_the_channels_before_mean_and_std() -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[...] = (10, 20, 30)  # blue, green, red
    slot, _ = filled(replace(PLAIN, colour="RGB", mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0)), pixels)
    assert slot[:, 0, 0].tolist() == pytest.approx([(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8])


def test_scale_comes_before_mean_and_std() -> None:
    pixels = np.full((30, 40, 3), 51, np.uint8)
    slot, _ = filled(replace(PLAIN, scale=1 / 255, mean=(0.1,) * 3, std=(0.5,) * 3), pixels)
    assert slot[0, 0, 0] == pytest.approx((0.2 - 0.1) / 0.5)


def test_bytes_go_in_unchanged_channels_last() -> None:
    pixels, spec = picture(), replace(PLAIN, layout="NHWC", dtype="uint8")
    np.testing.assert_array_equal(filled(spec, pixels)[0], cv2.resize(pixels, (64, 32)))
    swapped, _ = filled(replace(spec, colour="RGB"), pixels)
    np.testing.assert_array_equal(swapped, cv2.resize(pixels, (64, 32))[:, :, ::-1])


def test_bytes_channels_last_never_show_the_frame_before() -> None:
    spec = replace(PLAIN, layout="NHWC", dtype="uint8", resize="letterbox")
    preparer = Preparer(spec)
    slot = np.empty(preparer.shape, np.uint8)
    for pixels in (picture(40, 30), picture(30, 40), picture(640, 100)):
        preparer.fill(pixels, slot)
        np.testing.assert_array_equal(slot, filled(spec, pixels)[0])


@pytest.mark.parametrize("size", [(40, 30), (30, 40), (640, 360), (64, 32), (1, 500), (500, 1)])
def test_a_letterbox_keeps_the_shape_and_lies_at_the_top_left(size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.full((height, width, 3), 200, np.uint8)
    slot, fit = filled(replace(PLAIN, resize="letterbox"), pixels)
    ratio = min(64 / width, 32 / height)
    covered = max(1, int(width * ratio)), max(1, int(height * ratio))
    assert (slot[:, : covered[1], : covered[0]] == 200).all()
    assert (slot[:, covered[1] :, :] == 114).all()
    assert (slot[:, :, covered[0] :] == 114).all()
    # A box around the whole picture, in px of the input, is the whole frame.
    assert fit.x_per_px * width * ratio == pytest.approx(1)
    assert fit.y_per_px * height * ratio == pytest.approx(1)


def test_no_rest_of_the_frame_before_shows_beside_the_next() -> None:
    spec = replace(PLAIN, resize="letterbox")
    preparer = Preparer(spec)
    slot = np.empty(preparer.shape, np.float32)
    for pixels in (picture(40, 30), picture(30, 40), picture(640, 100)):
        preparer.fill(pixels, slot)
        np.testing.assert_array_equal(slot, filled(spec, pixels)[0])


def test_the_frame_itself_is_never_written() -> None:
    pixels = picture(64, 32)
    before = pixels.copy()
    filled(PLAIN, pixels)
    np.testing.assert_array_equal(pixels, before)


def test_a_view_into_a_larger_picture_will_do() -> None:
    whole = picture(100, 100)
    view = whole[10:70, 5:95]
    np.testing.assert_array_equal(filled(PLAIN, view)[0], filled(PLAIN, view.copy())[0])
