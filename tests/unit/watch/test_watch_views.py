"""Reference views survive a restart, damage costs only themselves, and what is gone is tidied away."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
from support.eyes import Watcher, street

from agent.backdrop.backdrop import Backdrop
from agent.backdrop.reference import Reference, ReferenceDamaged, unpack
from agent.backdrop.settings import BackdropSettings
from agent.core.polygon import polygon
from agent.watch import views
from agent.watch.views import ViewShelf


@pytest.fixture(scope="module")
def learnt() -> Reference:
    watcher = Watcher(Backdrop(BackdropSettings("gate"))).play(street(), 40)
    (view,) = [view for seen in watcher.seen for view in seen.references]
    return view


def same(one: Reference, other: Reference) -> bool:
    arrays = [(one.grey, other.grey), (one.edges, other.edges), (one.sharpness, other.sharpness)]
    plain = (one.hour, one.infrared, one.frame_px) == (other.hour, other.infrared, other.frame_px)
    return plain and all(np.array_equal(a, b, equal_nan=a.dtype != np.uint8) for a, b in arrays)


def test_a_view_comes_back_as_it_was_kept(tmp_path: Path, learnt: Reference) -> None:
    shelf = ViewShelf(tmp_path / "views")
    assert shelf.load("gate") == []
    shelf.keep("gate", [learnt])
    (back,) = ViewShelf(tmp_path / "views").load("gate")
    assert same(back, learnt)
    (path,) = (tmp_path / "views").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size < 32_000
    assert ViewShelf(tmp_path / "views").load("gat") == []


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "other"])
def test_a_damaged_view_is_said_deleted_and_missing(
    tmp_path: Path, learnt: Reference, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = ViewShelf(tmp_path)
    shelf.keep("gate", [learnt])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"flip": flipped, "cut": whole[:middle], "empty": b"", "other": b"GIF89a"}[harm])
    assert shelf.load("gate") == []
    assert "learning it anew" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_view_from_before_a_mask_was_drawn_is_deleted_and_one_from_after_kept(
    tmp_path: Path, learnt: Reference, caplog: pytest.LogCaptureFixture
) -> None:
    mask = polygon([(0.2, 0.2), (0.8, 0.2), (0.8, 0.9), (0.2, 0.9)])
    ViewShelf(tmp_path).keep("gate", [learnt])
    assert len(ViewShelf(tmp_path, {"yard": (mask,)}).load("gate")) == 1
    assert ViewShelf(tmp_path, {"gate": (mask,)}).load("gate") == []
    assert "privacy mask" in caplog.text
    assert list(tmp_path.iterdir()) == []

    def masked(t: float) -> np.ndarray:
        pixels = street()(t).copy()
        pixels[72:325, 128:513] = 0
        return pixels

    watcher = Watcher(Backdrop(BackdropSettings("gate", masks=(mask,)))).play(masked, 40)
    shelf = ViewShelf(tmp_path, {"gate": (mask,)})
    shelf.keep("gate", [view for seen in watcher.seen for view in seen.references])
    assert len(shelf.load("gate")) == 1


def test_every_cut_is_told_from_a_whole_view(learnt: Reference) -> None:
    whole = learnt.pack()
    for length in range(0, len(whole), 211):
        with pytest.raises(ReferenceDamaged):
            unpack(whole[:length])


def test_what_is_no_longer_a_camera_and_half_a_write_are_tidied_away(tmp_path: Path, learnt: Reference) -> None:
    shelf = ViewShelf(tmp_path)
    for camera in ("gate", "gone"):
        shelf.keep(camera, [learnt])
    (tmp_path / "gate.07.colour.view.part").write_bytes(b"half")
    shelf.tidy(["gate"])
    assert [path.name.split(".")[0] for path in tmp_path.iterdir()] == ["gate"]
    assert len(shelf.load("gate")) == 1
    shelf.forget("gate")
    assert list(tmp_path.iterdir()) == []


def test_a_full_shelf_takes_no_more_and_says_so(
    tmp_path: Path, learnt: Reference, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = ViewShelf(tmp_path)
    with (tmp_path / "big.00.colour.view").open("wb") as file:
        file.truncate(views.QUOTA_BYTES - 100)
    shelf.keep("gate", [learnt])
    assert "quota" in caplog.text
    assert shelf.load("gate") == []


def test_a_folder_that_cannot_be_made_costs_only_the_memory(
    tmp_path: Path, learnt: Reference, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    ViewShelf(tmp_path / "file" / "views").keep("gate", [learnt])
    assert "learnt anew" in caplog.text
