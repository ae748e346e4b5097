"""``still``: the picture to read zones off, with nothing in it that a mask hides."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.commands import command, write_site

WIDTH, HEIGHT = 320, 180


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, 1883)


def take(site: Path, *words: str) -> np.ndarray:
    path = site.parent / "still.png"
    run = command("still", "gate", "-o", path, "--config", site, *words)
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{path}: {WIDTH}x{HEIGHT}, camera gate\n"
    pixels = cv2.imread(str(path))
    assert pixels is not None
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    return pixels


def test_masks_are_painted_even_without_the_grid(site: Path) -> None:
    plain = take(site)
    masked = plain[int(0.62 * HEIGHT) : int(0.88 * HEIGHT), int(0.72 * WIDTH) : int(0.88 * WIDTH)]
    assert masked.max() == 0
    assert plain[int(0.95 * HEIGHT), int(0.5 * WIDTH)].max() > 50  # the clip's grey ground


def test_the_grid_stands_at_every_tenth_and_outlines_where_configured(site: Path) -> None:
    plain, drawn = take(site), take(site, "--grid")
    ground = slice(int(0.92 * HEIGHT), HEIGHT)  # below zone and mask
    for tenth in range(1, 10):
        assert (drawn[ground, WIDTH * tenth // 10] == 255).all(axis=1).mean() > 0.5
    between = drawn[int(0.95 * HEIGHT), int(0.05 * WIDTH)]
    assert np.abs(between.astype(int) - plain[int(0.95 * HEIGHT), int(0.05 * WIDTH)]).max() == 0
    kerb, mask = drawn[int(0.75 * HEIGHT), int(0.2 * WIDTH)], drawn[int(0.75 * HEIGHT), int(0.9 * WIDTH)]
    assert kerb.tolist() == [0, 255, 255]
    assert mask.tolist() == [255, 0, 255]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("gat", "-o", "x.jpg"), 2, "camera gat: is not in site.toml; did you mean gate?"),
        (("gate", "-o", "x.gif"), 2, "--output: x.gif must end in .jpg or .png"),
        (("gate", "-o", "gone/x.jpg"), 2, "--output: gone/x.jpg cannot be written: No such file or directory"),
    ],
)
def test_what_goes_wrong_is_one_line(site: Path, words: tuple[str, ...], code: int, message: str) -> None:
    run = command("still", *words, folder=site.parent)
    assert run.returncode == code
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"commune-agent: {message}")


def test_a_camera_that_gives_no_picture_exits_4(site: Path) -> None:
    (site.parent / "clip.mp4").unlink()
    run = command("still", "gate", "-o", "x.jpg", folder=site.parent)
    assert run.returncode == 4
    assert "camera gate: " in run.stderr
    assert "clip.mp4" in run.stderr
