"""A box with TensorRT, as people meet it: commissioned, checked, measured, watching. TensorRT is the behaving fake."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.bakery import baked, shop
from support.clips import make_clip
from support.commands import CAMERA, command
from support.nvidia import World, nvidia
from support.stand import Program, head, until

from agent.config import load
from agent.detect.chart import check_picture
from agent.detect.commission import commission
from agent.detect.detector import open_detector
from agent.detect.engine import open_engine
from agent.detect.golden import compare
from agent.errors import ModelError
from agent.runtime import WatchStatus, read_watch
from agent.site_secrets import Secrets

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

ENGINE = """
engine = "tensorrt"
models_dir = "models"

[detector.tensorrt]
batch = {batch}
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "models"
    folder.mkdir()
    shop(folder)
    baked(folder)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with nvidia(tmp_path) as there:
        yield there


@pytest.fixture
def site(tmp_path: Path, models: Path) -> Path:
    (tmp_path / "models").symlink_to(models)
    (tmp_path / "runtime").mkdir()
    make_clip(tmp_path / "clip.mp4", seconds=1)
    return write(tmp_path)


def write(folder: Path, batch: int = 4) -> Path:
    path = folder / "site.toml"
    path.write_text(
        head(1, 0, "street-baked")
        + ENGINE.format(batch=batch)
        + CAMERA.replace('"clip.mp4"', '"clip.mp4"\nloop = true'),
        "utf-8",
    )
    return path


def checks(site: Path) -> dict[str, dict[str, str]]:
    return {check["what"]: check for check in json.loads(command("check", site, "--json").stdout)["checks"]}


def test_a_box_is_commissioned_checked_and_measured(site: Path, world: World) -> None:
    before = checks(site)["model street-baked"]
    assert before["state"] == "fail"
    assert "commune-agent model build" in before["remedy"]
    built = command("model", "build", site)
    assert built.returncode == 0, built.stderr
    assert "engine of street-baked.onnx" in built.stdout
    assert "Building engine" in built.stderr
    after = checks(site)
    assert after["model street-baked"]["detail"].startswith("street-baked on tensorrt")
    golden = after["model street-baked against ONNX Runtime"]
    assert (golden["state"], golden["detail"].partition("; ")[2]) == (
        "ok",
        f"0 of {golden['detail'].split()[2]} boxes differ by more than rounding, 0 by far",
    )
    again = json.loads(command("model", "build", site, "--json").stdout)
    assert again["model"] == "street-baked.onnx"
    bench = command("model", "bench", site, "--seconds", "0.2", "--json")
    rows = json.loads(bench.stdout)["rows"]
    assert [row["batch"] for row in rows] == [1, 2, 3, 4]
    assert all(row["fps"] > 0 and 0 < row["median_ms"] <= row["worst_ms"] for row in rows)


def test_the_cpu_is_measured_too_and_needs_no_engine(site: Path) -> None:
    site.write_text(site.read_text("utf-8").replace('"tensorrt"', '"onnx"', 1), "utf-8")
    bench = command("model", "bench", site, "--seconds", "0.2")
    assert bench.returncode == 0, bench.stderr
    assert "street-baked on onnx" in bench.stdout
    build = command("model", "build", site)
    assert build.returncode == 2
    assert "needs no building" in build.stderr


def test_without_tensorrt_the_box_says_what_to_do(site: Path) -> None:
    run = command("model", "build", site)
    assert run.returncode == 3, run.stderr
    assert "apt install nvidia-jetpack" in run.stderr


def test_an_engine_that_computes_something_else_fails_the_golden_test(models: Path, world: World) -> None:
    from agent.detect.cardfile import read_card

    class Crooked:
        """Right in all but the boxes, which are shifted by a few pixels."""

        def __init__(self) -> None:
            self._real = open_engine("onnx", models / "street-baked.onnx", 1)
            self.input, self.outputs, self.max_batch = self._real.input, self._real.outputs, self._real.max_batch

        def run(self, batch):  # type: ignore[no-untyped-def]
            boxes, scores, classes = self._real.run(batch)
            return boxes + 8, scores, classes

        def close(self) -> None:
            self._real.close()

    card, model = read_card(models / "street-baked.toml"), models / "street-baked.onnx"
    straight = open_engine("onnx", model, 1)
    found = compare(card, model, Crooked(), straight, [check_picture()])
    assert not found.sound
    assert compare(card, model, straight, straight, [check_picture()]).sound


@pytest.mark.parametrize(("needs", "refused"), [("", False), ('\n[needs]\ntensorrt = "10.3"\n', True)])
def test_what_once_went_wrong_is_believed_when_it_is_seen_to_be_right(
    site: Path, models: Path, world: World, tmp_path: Path, needs: str, refused: bool
) -> None:
    """A card that names its TensorRT opens only what computes as ONNX Runtime does; others are checked by ``check``."""
    (tmp_path / "models").unlink()
    shutil.copytree(models, tmp_path / "models")
    with (tmp_path / "models/street-baked.toml").open("a", encoding="utf-8") as card:
        card.write(needs)
    settings = load(site, Secrets.NONE).detect
    commission(settings, lambda _: None, threading.Event())
    open_detector(settings).close()
    world.turn(crooked=5)
    if not refused:
        open_detector(settings).close()
        return
    with pytest.raises(ModelError, match=r"computes something else in TensorRT .* of \d+ boxes lie far off; build"):
        open_detector(settings)
    assert not world.faults()


class TestWatch:
    """Watch builds what is missing, says so, and goes over to it."""

    def watch(self, site: Path) -> Program:
        assert command("migrate", site).returncode == 0
        return Program(site.parent, "watch", "agent", "watch", str(site))

    def status(self, site: Path, true: Callable[[WatchStatus], object], what: str) -> WatchStatus:
        def read() -> WatchStatus | None:
            status = read_watch(site.parent / "runtime")
            return status if status is not None and true(status) else None

        return until(read, 60, what)  # type: ignore[no-any-return]

    def test_the_first_engine_is_built_before_anything_is_watched(
        self, site: Path, world: World, tmp_path: Path
    ) -> None:
        world.turn(hold=str(tmp_path / "go"))
        program = self.watch(site)
        try:
            building = self.status(site, lambda status: "Building engine 75%" in status.building, "the build")
            assert [camera.state for camera in building.cameras] == ["connecting"]
            (tmp_path / "go").touch()
            running = self.status(site, lambda status: not status.building and status.cameras[0].fps, "frames")
            assert running.detector == "street-baked on tensorrt"
            assert program.stop() == 0, program.text()
        finally:
            program.kill()

    def test_stopped_while_it_builds_it_ends_at_once_and_leaves_nothing(
        self, site: Path, world: World, tmp_path: Path
    ) -> None:
        world.turn(hold=str(tmp_path / "never"))
        program = self.watch(site)
        try:
            self.status(site, lambda status: status.building, "the build")
            assert program.stop() == 0, program.text()
        finally:
            program.kill()
        assert [path.name for path in (tmp_path / "state/engines").iterdir()] == ["build.lock"]

    def test_an_older_engine_serves_while_the_new_one_is_built(self, site: Path, world: World, tmp_path: Path) -> None:
        assert command("model", "build", site).returncode == 0
        write(tmp_path, batch=2)
        world.turn(hold=str(tmp_path / "go"))
        program = self.watch(site)
        try:
            serving = self.status(site, lambda status: "75%" in status.detector and status.cameras[0].fps, "both")
            assert serving.building == ""
            (tmp_path / "go").touch()
            self.status(site, lambda status: status.detector == "street-baked on tensorrt", "the new engine")
            assert len(list((tmp_path / "state/engines").glob("*.plan"))) == 1
            assert program.stop() == 0, program.text()
        finally:
            program.kill()
