"""What an engine of TensorRT must do wherever it runs: over the fakes in every test run, and on a real box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agent.detect.engine import open_engine
from agent.detect.trt.session import Session
from agent.errors import ModelError

Answers = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Bench:
    """One engine to try.

    Attributes:
        open: opens it, for up to four pictures a call.
        model: its ONNX file.
        agree: whether two answers are the same, as far as this place can tell.
    """

    open: Callable[[], Session]
    model: Path
    agree: Callable[[Answers, Answers], bool]

    def right(self, ours: Answers, batch: np.ndarray) -> bool:
        return self.agree(ours, answers(self.model, batch))


def noise(count: int, seed: int, size: tuple[int, int]) -> np.ndarray:
    """Coloured blocks, (count, H, W, 3) uint8."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, size[0] // 8, size[1] // 8, 3), np.uint8)
    return blocks.repeat(8, axis=1).repeat(8, axis=2)


def answers(model: Path, batch: np.ndarray) -> Answers:
    """What ONNX Runtime says."""
    engine = open_engine("onnx", model, 1)
    try:
        return engine.run(batch)
    finally:
        engine.close()


class EngineContract:
    """Subclasses give the fixture ``bench``."""

    @pytest.mark.parametrize("count", [1, 3, 4])
    def test_any_number_of_pictures_up_to_the_most_gives_the_models_own_answers(self, bench: Bench, count: int) -> None:
        engine = bench.open()
        assert (engine.input.name, engine.input.dtype, engine.max_batch) == ("images", "uint8", 4)
        assert [each.name for each in engine.outputs] == ["boxes", "scores", "classes"]
        batch = noise(count, 1, self.size(engine))
        assert bench.right(engine.run(batch), batch)
        engine.close()

    def test_the_next_call_is_filled_while_the_last_one_runs(self, bench: Bench) -> None:
        engine = bench.open()
        batches = [noise(2, seed, self.size(engine)) for seed in range(5)]
        self.send(engine, batches[0])
        for number, batch in enumerate(batches[1:]):
            self.send(engine, batch)
            assert bench.right(engine.collect(), batches[number])
        assert bench.right(engine.collect(), batches[-1])
        engine.close()

    def test_a_third_call_on_its_way_is_refused(self, bench: Bench) -> None:
        engine = bench.open()
        batch = noise(1, 1, self.size(engine))
        self.send(engine, batch)
        self.send(engine, batch)
        for call in (engine.slots, engine.submit):
            with pytest.raises(ModelError, match="collect one first"):
                call(1)
        engine.collect()
        self.send(engine, batch)
        engine.collect()
        assert bench.right(engine.collect(), batch)
        with pytest.raises(ModelError, match="without a question"):
            engine.collect()
        engine.close()

    def test_closing_with_calls_on_their_way_waits_for_them(self, bench: Bench) -> None:
        engine = bench.open()
        self.send(engine, noise(1, 1, self.size(engine)))
        engine.close()
        engine.close()
        for call in (lambda: engine.slots(1), lambda: engine.submit(1), engine.collect):
            with pytest.raises(ModelError, match="was closed"):
                call()

    @pytest.mark.parametrize("count", [0, 5])
    def test_too_many_pictures_are_refused(self, bench: Bench, count: int) -> None:
        engine = bench.open()
        with pytest.raises(ModelError, match="takes 1 to 4 pictures a call"):
            engine.slots(count)
        engine.close()

    def size(self, engine: Session) -> tuple[int, int]:
        height, width = engine.input.shape[1:3]
        assert height is not None
        assert width is not None
        return height, width

    def send(self, engine: Session, batch: np.ndarray) -> None:
        engine.slots(len(batch))[...] = batch
        engine.submit(len(batch))
