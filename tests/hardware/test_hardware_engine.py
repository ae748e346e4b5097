"""TensorRT on a real box: built, loaded, run, compared. The first test builds an engine, which takes minutes."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.engine_contract import Answers, Bench, EngineContract, noise

from agent.detect import tensorrt
from agent.detect.baking.proof import BOX_PX, SCORE, distances
from agent.detect.decode import Candidates
from agent.detect.engine import PlanRefused
from agent.detect.measure import measure
from agent.detect.settings import TensorRtSettings
from agent.detect.trt.builder import BuildCancelled
from agent.detect.trt.construction import BuildNews
from agent.detect.trt.cudart import gpu_name, load_cudart
from agent.detect.trt.door import make_workshop
from agent.detect.trt.memory import JetsonMemory, Memory, RuntimeMemory
from agent.detect.trt.session import Session
from agent.detect.trt.workshop import Workshop


@pytest.fixture(scope="module")
def workshop(baked_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    there = make_workshop(baked_model, TensorRtSettings(tmp_path_factory.mktemp("engines")))
    there.build(_say, threading.Event())
    note = there.shelf.note(there.plan)
    assert note is not None
    print(f"\nbuilt in {note.build_s:.0f} s on {there.key.place}")
    return there


@pytest.fixture(params=["jetson-utils", "CUDA runtime"])
def memory(request: pytest.FixtureRequest) -> Memory:
    if request.param == "jetson-utils":
        utils = tensorrt.load_jetson_utils()
        if utils is None:
            pytest.skip("no jetson-utils on this box")
        return JetsonMemory(utils, "hardware")
    cudart = load_cudart()
    assert cudart is not None, "TensorRT without libcudart"
    return RuntimeMemory(cudart, "hardware")


@pytest.fixture
def engine(workshop: Workshop, memory: Memory) -> Iterator[Session]:
    session = open_with(workshop, memory)
    yield session
    session.close()


def open_with(workshop: Workshop, memory: Memory) -> Session:
    content = workshop.shelf.read(workshop.plan)
    assert content is not None
    return Session(tensorrt.load_tensorrt(), "hardware", content, memory)


def _say(news: BuildNews) -> None:
    print(f"\r{news}   ", end="", flush=True)


def near(ours: Answers, theirs: Answers) -> bool:
    """Nine of ten of the best boxes are where ONNX Runtime has them; half precision moves the rest."""
    far = []
    for index in range(len(ours[0])):
        one, other = (Candidates(a[0][index], a[1][index], a[2][index].astype(np.int64)) for a in (theirs, ours))
        far.append(distances(one, other))
    rows = np.concatenate(far)
    return float(((rows[:, 0] > 10 * BOX_PX) | (rows[:, 1] > 10 * SCORE)).mean()) <= 0.1


class TestContract(EngineContract):
    """The same promises as over the fakes."""

    @pytest.fixture
    def bench(self, workshop: Workshop, memory: Memory, baked_model: Path) -> Bench:
        return Bench(lambda: open_with(workshop, memory), baked_model, near)


def test_the_gpu_is_named() -> None:
    cudart = load_cudart()
    assert cudart is not None
    assert gpu_name(cudart) in ("sm87", "sm101", "sm110")


def test_what_the_program_writes_the_gpu_reads_at_once(engine: Session) -> None:
    """No copy and no flush: two different pictures through the same slot give two different answers."""
    found = []
    for seed in (1, 2):
        engine.slots(1)[...] = noise(1, seed, _size(engine))
        engine.submit(1)
        found.append(engine.collect()[1].copy())
    assert not np.array_equal(found[0], found[1])


def test_a_picture_on_the_gpu_is_copied_by_the_gpu(engine: Session, memory: Memory) -> None:
    utils = tensorrt.load_jetson_utils()
    if utils is None or not isinstance(memory, JetsonMemory):
        pytest.skip("without jetson-utils there are no pictures on the GPU")
    height, width = _size(engine)
    picture = noise(1, 3, (height, width))[0]
    block = memory.block(picture.size)
    image = utils.cudaImage(width=width, height=height, format="bgr8", ptr=block.address)
    ctypes.memmove(block.host, picture.ctypes.data, picture.size)
    engine.slots(1)[...] = 0
    assert engine.take(image, 0, "BGR")
    engine.submit(1)
    ours = [answer.copy() for answer in engine.collect()]
    theirs = engine.run(picture[None])
    assert all(map(np.array_equal, ours, theirs))


def test_a_damaged_plan_is_refused_and_the_process_lives(workshop: Workshop, memory: Memory) -> None:
    content = workshop.shelf.read(workshop.plan)
    assert content is not None
    for damaged in (b"no plan", content[:-1000]):
        with pytest.raises(PlanRefused):
            Session(tensorrt.load_tensorrt(), "hardware", damaged, memory)


def test_a_build_is_stopped(baked_model: Path, tmp_path: Path) -> None:
    there = make_workshop(baked_model, TensorRtSettings(tmp_path / "engines", batch=2))
    stop = threading.Event()
    with pytest.raises(BuildCancelled):
        there.build(lambda news: stop.set() if news.phase else None, stop)
    assert [path.name for path in (tmp_path / "engines").iterdir()] == ["build.lock"]


def test_how_fast_it_is(engine: Session) -> None:
    for row in measure(engine, noise(4, 1, _size(engine)), 2.0):
        print(row)
        assert row.fps > 5


def _size(engine: Session) -> tuple[int, int]:
    _, height, width, _ = engine.input.shape
    assert height is not None
    assert width is not None
    return height, width
