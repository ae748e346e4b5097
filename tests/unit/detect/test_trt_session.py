"""A plan runs on memory that the GPU and the program share; what would crash or corrupt a real program is a fault."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.bakery import baked, frame, shop
from support.engine_contract import Bench, EngineContract, answers, noise
from support.nvidia import FakeCudart, World, nvidia

from agent.core.frame import Frame
from agent.detect.cardfile import read_card
from agent.detect.detector import Detector
from agent.detect.engine import PlanRefused, SlotEngine, open_engine
from agent.detect.settings import DetectSettings
from agent.detect.trt.builder import Terms, build
from agent.detect.trt.memory import JetsonMemory, Memory, RuntimeMemory
from agent.detect.trt.session import Session
from agent.errors import BackendMissing, ModelError

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

Maker = Callable[[World], Memory]
MEMORIES: dict[str, Maker] = {
    "jetson-utils": lambda world: JetsonMemory(world.utils, "street"),
    "CUDA runtime": lambda world: RuntimeMemory(FakeCudart(world.gpu), "street"),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    shop(folder)
    baked(folder)
    baked(folder, "street-two.onnx", batch=2)
    return folder


@pytest.fixture
def model(shelf: Path) -> Path:
    return shelf / "street-baked.onnx"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with nvidia(tmp_path) as there:
        yield there
        gc.collect()
        assert there.faults() == []


@pytest.fixture(params=MEMORIES)
def memory(request: pytest.FixtureRequest, world: World) -> Memory:
    return MEMORIES[request.param](world)


def plan_of(world: World, model: Path, most: int = 4) -> bytes:
    terms = Terms(most, 64 << 20)
    return build(world.trt, "street", model.read_bytes(), terms, b"", lambda _: None, lambda: False).content


def session(world: World, model: Path, memory: Memory, most: int = 4) -> Session:
    return Session(world.trt, "street", plan_of(world, model, most), memory)


def pictures(count: int) -> np.ndarray:
    return noise(count, 1, (64, 96))


class TestContract(EngineContract):
    """What holds on a real box as well, here to the last bit."""

    @pytest.fixture
    def bench(self, world: World, model: Path, memory: Memory) -> Bench:
        return Bench(lambda: session(world, model, memory), model, exact)


def exact(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> bool:
    return len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_closing_frees_everything(world: World, model: Path, memory: Memory) -> None:
    engine = session(world, model, memory)
    engine.slots(1)[...] = 0
    engine.submit(1)
    engine.close()
    engine.close()
    assert world.gpu.live_bytes == 0


def test_a_model_for_two_pictures_takes_one(world: World, shelf: Path, memory: Memory) -> None:
    engine = session(world, shelf / "street-two.onnx", memory)
    assert engine.max_batch == 2
    assert exact(engine.run(pictures(1)), answers(shelf / "street-two.onnx", pictures(1)))
    engine.close()


def test_slots_are_the_gpus_own_input(world: World, model: Path, memory: Memory) -> None:
    engine = session(world, model, memory)
    slots = engine.slots(2)
    assert world.gpu.mapped(slots.ctypes.data)
    engine.close()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("set_input_shape", r"refuses 1 pictures: Supplied binding dimension.*model build"),
        ("set_tensor_address", r"refuses the memory for images: .*restart the program"),
        ("execute_async_v3", r"does not run: Address is not set.*restart the program"),
    ],
)
def test_every_false_of_tensorrt_is_an_error_with_its_reason(world: World, model: Path, call: str, told: str) -> None:
    engine = session(world, model, JetsonMemory(world.utils, "street"))
    world.turn(refuse=[call])
    with pytest.raises(ModelError, match=told):
        engine.run(pictures(1))
    engine.close()


def test_no_memory_for_a_context_is_told_and_nothing_stays(world: World, model: Path) -> None:
    content = plan_of(world, model)
    world.turn(refuse=["create_execution_context"])
    with pytest.raises(ModelError, match=r"no memory to run in: CUDA error 2: out of memory; stop other programs"):
        Session(world.trt, "street", content, JetsonMemory(world.utils, "street"))
    assert world.gpu.live_bytes == 0


def test_no_memory_for_the_last_block_frees_the_others(world: World, model: Path, memory: Memory) -> None:
    content = plan_of(world, model)
    world.gpu.limit_bytes = 64 * 96 * 3 * 4 + 3000
    with pytest.raises(ModelError, match=r"the GPU cannot allocate: .*out of memory.*reboot"):
        Session(world.trt, "street", content, memory)
    gc.collect()
    assert world.gpu.live_bytes == 0


@pytest.mark.parametrize("damage", [lambda plan: b"", lambda plan: b"<html>", lambda plan: plan[20:]])
def test_a_damaged_plan_is_refused(world: World, model: Path, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(PlanRefused, match=r"does not load on TensorRT 10\.3\.0: .*magic tag"):
        Session(world.trt, "street", damage(plan_of(world, model)), JetsonMemory(world.utils, "street"))


@pytest.mark.parametrize("other", [{"version": "10.16.2"}, {"arch": "sm110"}])
def test_a_plan_of_another_tensorrt_or_gpu_is_refused(world: World, model: Path, other: dict[str, str]) -> None:
    content = plan_of(world, model)
    world.turn(**other)
    with pytest.raises(PlanRefused, match="not compatible with this version"):
        Session(world.trt, "street", content, JetsonMemory(world.utils, "street"))


def test_no_usable_gpu_is_told(world: World, model: Path) -> None:
    content = plan_of(world, model)
    world.turn(arch="")
    with pytest.raises(BackendMissing, match=r"no usable GPU.*groups video and render"):
        Session(world.trt, "street", content, JetsonMemory(world.utils, "street"))


def test_a_gpu_that_fails_while_it_runs_is_told(world: World, model: Path) -> None:
    cudart = FakeCudart(world.gpu)
    engine = session(world, model, RuntimeMemory(cudart, "street"))
    cudart.fails["cudaEventSynchronize"] = 700
    with pytest.raises(ModelError, match=r"cannot wait for the GPU: CUDA error 700, an illegal memory access"):
        engine.run(pictures(1))
    engine.close()


def test_the_runtimes_stream_waits_for_nobody_and_its_events_sleep(world: World, model: Path) -> None:
    cudart = FakeCudart(world.gpu)
    session(world, model, RuntimeMemory(cudart, "street")).close()
    assert set(cudart.flags) == {("alloc", 2), ("stream", 1), ("event", 3)}


def test_the_stream_of_jetson_utils_waits_for_nobody_in_old_builds_too(world: World) -> None:
    class Old:
        """As of June 2024: other streams there are none, and no such keyword."""

        def cudaStreamCreate(self) -> int:  # noqa: N802
            return int(world.gpu.create_stream(blocking=False))

        cudaStreamDestroy = staticmethod(world.gpu.destroy_stream)  # noqa: N815

    for utils in (world.utils, Old()):
        stream = JetsonMemory(utils, "street").stream()
        assert not world.gpu._streams[stream].blocking


def test_a_picture_on_the_gpu_is_copied_by_the_gpu(world: World, model: Path) -> None:
    engine = session(world, model, JetsonMemory(world.utils, "street"))
    picture = pictures(1)[0]
    source = world.utils.cudaMallocMapped(width=96, height=64, format="bgr8")
    world.gpu.bytes(source.ptr, picture.size)[:] = picture.ravel()
    for colour in ("BGR", "RGB"):
        slots = engine.slots(2)
        slots[0] = 0
        assert engine.take(source, 1, colour)
        engine.submit(2)
        there = np.stack([np.zeros_like(picture), picture if colour == "BGR" else picture[:, :, ::-1]])
        assert exact(engine.collect(), answers(model, there))
    assert not engine.take(world.utils.cudaMallocMapped(width=96, height=64, format="gray8"), 0, "BGR")
    assert not engine.take(object(), 0, "BGR")
    engine.close()


def test_the_runtime_alone_copies_no_pictures(world: World, model: Path) -> None:
    engine = session(world, model, RuntimeMemory(FakeCudart(world.gpu), "street"))
    assert not engine.take(object(), 0, "BGR")
    engine.close()


class TestDetector:
    """The detector over an engine whose memory it fills itself finds what it finds on ONNX Runtime."""

    def both(self, world: World, shelf: Path) -> tuple[Detector, Detector]:
        model, card = shelf / "street-baked.onnx", read_card(shelf / "street-baked.toml")
        settings = DetectSettings(min_score=0.0)
        engine = session(world, model, JetsonMemory(world.utils, "street"), most=2)
        assert isinstance(engine, SlotEngine)
        return Detector(card, model, engine, settings), Detector(card, model, open_engine("onnx", model, 1), settings)

    def test_finds_the_same_in_more_frames_than_one_call_takes(self, world: World, shelf: Path) -> None:
        ours, theirs = self.both(world, shelf)
        for count in (1, 2, 5):
            frames = [frame(seed, 120 + 8 * seed, 80) for seed in range(count)]
            for found, expected in zip(ours.detect(frames), theirs.detect(frames), strict=True):
                assert len(expected) > 0
                assert np.array_equal(found.boxes, expected.boxes)
                assert np.array_equal(found.scores, expected.scores)
        ours.close()

    def test_a_frame_of_the_inputs_width_goes_in_from_the_gpus_side(self, world: World, shelf: Path) -> None:
        ours, theirs = self.both(world, shelf)
        plain = frame(1, 96, 56)
        image = world.utils.cudaMallocMapped(width=96, height=56, format="bgr8")
        world.gpu.bytes(image.ptr, plain.pixels.size)[:] = plain.pixels.ravel()
        black = np.zeros_like(plain.pixels)  # what a copy from the wrong side would show
        seen = Frame(plain.camera, 1, plain.at, black, image)
        ((found,), (expected,)) = ours.detect([seen]), theirs.detect([plain])
        assert len(expected) > 0
        assert np.array_equal(found.boxes, expected.boxes)
        ours.close()

    def test_a_call_that_an_error_left_on_its_way_is_not_taken_for_the_next_ones(
        self, world: World, shelf: Path
    ) -> None:
        ours, theirs = self.both(world, shelf)
        ours.detect([frame(1)])
        old, new = [frame(seed) for seed in range(4)], [frame(9)]
        real = world.trt.IExecutionContext.execute_async_v3
        calls: list[int] = []

        def second_fails(context: object, stream: int) -> bool:
            calls.append(stream)
            return len(calls) != 2 and real(context, stream)

        world.trt.IExecutionContext.execute_async_v3 = second_fails
        with pytest.raises(ModelError, match="does not run"):
            ours.detect(old)
        ((found,), (expected,)) = ours.detect(new), theirs.detect(new)
        assert np.array_equal(found.boxes, expected.boxes)
        ours.close()
