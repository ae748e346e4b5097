"""How fast an engine is, without cameras, decoding and rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agent.clock import monotonic_us
from agent.detect.engine import Engine, SlotEngine, Tensor

_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """One batch size, measured.

    Attributes:
        batch: pictures a call.
        calls: how many were made.
        median_ms: of one call, from a filled input to an answer that can be read.
        worst_ms: of one call in twenty, or more (95th percentile).
        fps: pictures a second, with the next call on its way while one is answered where the engine can do that.
    """

    batch: int
    calls: int
    median_ms: float
    worst_ms: float
    fps: float


def measure(engine: Engine, batch: Tensor, seconds: float) -> Iterator[Pace]:
    """Measure every number of pictures up to ``len(batch)`` that the engine takes, half of ``seconds`` each way."""
    most = min(engine.max_batch or len(batch), len(batch))
    for count in range(1, most + 1):
        some = np.ascontiguousarray(batch[:count])
        for _ in range(_WARM_UP):
            engine.run(some)
        times_ms = list(_one_by_one(engine, some, seconds / 2))
        fps = _overlapped(engine, some, seconds / 2) if isinstance(engine, SlotEngine) else 0.0
        alone = count * len(times_ms) / (sum(times_ms) / 1000)
        median, worst = np.percentile(times_ms, [50, 95])
        yield Pace(count, len(times_ms), round(float(median), 2), round(float(worst), 2), round(fps or alone, 1))


def _one_by_one(engine: Engine, some: Tensor, seconds: float) -> Iterator[float]:
    end_us = monotonic_us() + round(seconds * 1e6)
    now_us = monotonic_us()
    while now_us < end_us:
        engine.run(some)
        now_us, began_us = monotonic_us(), now_us
        yield (now_us - began_us) / 1000


def _overlapped(engine: SlotEngine, some: Tensor, seconds: float) -> float:
    count, calls = len(some), 0
    began_us = monotonic_us()
    _send(engine, some)
    while monotonic_us() - began_us < seconds * 1e6:
        _send(engine, some)
        engine.collect()
        calls += 1
    engine.collect()
    return count * (calls + 1) / ((monotonic_us() - began_us) / 1e6)


def _send(engine: SlotEngine, some: Tensor) -> None:
    engine.slots(len(some))[...] = some
    engine.submit(len(some))
