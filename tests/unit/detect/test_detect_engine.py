from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.onnx_maker import Graph, constant_model, grid_model

from agent.detect.engine import open_engine
from agent.errors import BackendMissing, ModelError


def whole(folder: Path) -> bytes:
    return grid_model(folder / "whole.onnx", (64, 64), 9, (8, 16)).read_bytes()


def missing(folder: Path) -> Path:
    return folder / "model.onnx"


def a_folder(folder: Path) -> Path:
    missing(folder).mkdir()
    return missing(folder)


def holding(content: Callable[[Path], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        missing(folder).write_bytes(content(folder))
        return missing(folder)

    make.__name__ = content.__name__
    return make


def two_inputs(folder: Path) -> Path:
    graph = Graph()
    inputs = [graph.input(name, (1, 3, 8, 8)) for name in ("left", "right")]
    graph.node("Add", inputs, "output")
    graph.output("output", (1, 3, 8, 8))
    return graph.save(missing(folder))


def unknown_operator(folder: Path) -> Path:
    graph = Graph()
    graph.node("FindThieves", [graph.input("images", (1, 3, 8, 8))], "output")
    graph.output("output", (1, 3, 8, 8))
    return graph.save(missing(folder))


BROKEN = [
    (missing, "there is no such file; check the path"),
    (a_folder, "is a folder; name the .onnx file itself"),
    (holding(lambda _: b""), "is empty; the download did not finish"),
    (holding(lambda _: b"\n<!DOCTYPE html><title>404</title>"), "is a web page, not a model; fetch the raw file"),
    (holding(lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "is only a git-lfs pointer"),
    (holding(lambda folder: whole(folder)[:-40]), "cut short or not ONNX: fetch it again and compare its sha256"),
    (holding(lambda folder: whole(folder)[:2000]), "cut short or not ONNX: fetch it again"),
    (holding(lambda _: bytes(1000)), "it is damaged, cut short or not ONNX"),
    (holding(lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256))), "it is damaged, cut short or not ONNX"),
    (unknown_operator, "ONNX Runtime cannot load it"),
    (two_inputs, "has 2 inputs; a detector has one, the picture"),
]


@pytest.mark.parametrize(("make", "told"), BROKEN, ids=[told[:24] for _, told in BROKEN])
def test_a_broken_model_is_one_clear_error(tmp_path: Path, capfd, make: Callable[[Path], Path], told: str) -> None:
    with pytest.raises(ModelError) as caught:
        open_engine("onnx", make(tmp_path), 1)
    assert str(caught.value).startswith(f"model {tmp_path / 'model.onnx'}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_damaged_bytes_anywhere_never_escape_as_another_error(tmp_path: Path, seed: int, capfd) -> None:
    good, draw, path = whole(tmp_path), np.random.default_rng(seed), tmp_path / "damaged.onnx"
    opened = refused = 0
    for _ in range(150):
        damaged = np.frombuffer(good, np.uint8).copy()
        places = draw.integers(0, len(damaged), 12) if opened > 40 else draw.integers(0, 900, 6)
        damaged[places] = draw.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        try:
            open_engine("onnx", path, 1).close()
            opened += 1
        except ModelError:
            refused += 1
    assert refused > 10
    assert capfd.readouterr() == ("", "")


OPEN_IN_CHILD = """
import sys
from pathlib import Path
from agent.detect.engine import open_engine
from agent.errors import ModelError
try:
    open_engine("onnx", Path(sys.argv[1]), 1)
except ModelError:
    sys.exit(5)
"""


@pytest.mark.parametrize("size", [0, 2000])
def test_a_fresh_process_prints_nothing_over_a_broken_model(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(whole(tmp_path)[:size])
    child = subprocess.run([sys.executable, "-c", OPEN_IN_CHILD, str(path)], capture_output=True, timeout=60)
    assert (child.returncode, child.stdout, child.stderr) == (5, b"", b"")


def test_the_engine_tells_what_it_takes_and_gives(tmp_path: Path) -> None:
    engine = open_engine("onnx", grid_model(tmp_path / "m.onnx", (64, 96), 9, (8, 16)), 1)
    assert (engine.input.name, engine.input.shape, engine.input.dtype) == ("images", (None, 3, 64, 96), "float32")
    assert [(o.name, o.shape, o.dtype) for o in engine.outputs] == [("output", (None, 120, 9), "float32")]
    assert engine.max_batch is None
    (answer,) = engine.run(np.zeros((3, 3, 64, 96), np.float32))
    assert answer.shape == (3, 120, 9)


def test_a_model_for_one_picture_says_so(tmp_path: Path) -> None:
    assert open_engine("onnx", grid_model(tmp_path / "m.onnx", (64, 64), 9, (8,), batch=1), 1).max_batch == 1


def test_a_model_for_exactly_four_takes_fewer_too(tmp_path: Path) -> None:
    any_number = open_engine("onnx", grid_model(tmp_path / "any.onnx", (64, 64), 9, (8,)), 1)
    four = open_engine("onnx", grid_model(tmp_path / "four.onnx", (64, 64), 9, (8,), batch=4), 1)
    assert four.max_batch == 4
    pictures = np.random.default_rng(0).random((4, 3, 64, 64), np.float32)
    for count in (1, 3, 4):
        (answer,), (wanted,) = four.run(pictures[:count]), any_number.run(pictures[:count])
        assert answer.shape == (count, 64, 9)
        np.testing.assert_allclose(answer, wanted, atol=1e-6)


def test_a_wrong_batch_is_a_model_error(tmp_path: Path, capfd) -> None:
    engine = open_engine("onnx", grid_model(tmp_path / "m.onnx", (64, 64), 9, (8,)), 1)
    with pytest.raises(ModelError, match="failed while running: Got invalid dimensions"):
        engine.run(np.zeros((1, 3, 64, 65), np.float32))
    with pytest.raises(ModelError, match="failed while running"):
        engine.run(np.zeros((1, 3, 64, 64), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    answers = {"output": np.zeros((1, 3), np.float32)}
    engine = open_engine("onnx", constant_model(tmp_path / "m.onnx", ("images", (1, 3), "float32"), answers), 1)
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="was closed"):
        engine.run(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("kind", ["tensorrt", "onnxx", ""])
def test_an_engine_that_is_not_here_is_named_with_the_remedy(tmp_path: Path, kind: str) -> None:
    model = grid_model(tmp_path / "m.onnx", (64, 64), 9, (8,))
    with pytest.raises(BackendMissing, match=r'set detector\.engine = "onnx"') as caught:
        open_engine(kind, model, 1)
    assert repr(kind) in str(caught.value)


IDLE_CPU = """
import sys, time
from pathlib import Path
import numpy as np
from agent.detect.engine import open_engine
engine = open_engine("onnx", Path(sys.argv[1]), 2)
batch = np.random.default_rng(0).random((1, 3, 640, 640), np.float32)
idle_s = 0.0
for _ in range(10):
    engine.run(batch)
    before = time.process_time()
    time.sleep(0.1)
    idle_s += time.process_time() - before
print(idle_s)
"""


def test_threads_sleep_between_frames(tmp_path: Path) -> None:
    """With the runtime's default the second thread spins through a good part of each pause."""
    model = grid_model(tmp_path / "m.onnx", (640, 640), 64, (8,))
    child = subprocess.run([sys.executable, "-c", IDLE_CPU, str(model)], capture_output=True, timeout=60, check=True)
    assert float(child.stdout) < 0.05  # of 1 s idle
