"""The lengths of what a step gives, and what it must leave alone."""

from __future__ import annotations

from agent.detect.baking.dims import BATCH, CannotFollow, Dim, afters, befores, dim
from agent.detect.baking.step import Flow, Step


def fresh(step: Step, axis: int) -> list[Flow]:
    """Take the inferred lengths, with the batch at ``axis``."""
    flows = []
    for before, after, kind in step.shapes():
        if before[axis] != 1 or after[axis] != 1:
            raise CannotFollow("it changes the number of pictures")
        dims = [(BATCH,) if i == axis else dim(*pair) for i, pair in enumerate(zip(before, after, strict=True))]
        flows.append(Flow(tuple(dims), kind))
    return flows


def touched(step: Step, axes: list[int]) -> list[Flow]:
    """Take the inferred lengths at ``axes``; at others the input's, whose parts are known, where they are the same."""
    flows = []
    for flow in fresh(step, step.axis):
        pairs = enumerate(zip(flow.dims, step.flow.dims, strict=True))
        dims = [new if i in axes or _sizes(new) != _sizes(old) else old for i, (new, old) in pairs]
        flows.append(Flow(tuple(dims), flow.kind))
    return flows


def _sizes(length: Dim) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return befores([length]), afters([length])


def spare_batch(step: Step, axes: list[int] | range) -> None:
    """Make sure that none of ``axes`` is the batch."""
    if step.axis in axes:
        raise CannotFollow("it works along the batch, from one picture into the next")


def stays(length: Dim) -> bool:
    """Tell whether a length is the same at any size of the input."""
    return all(part.fixed for part in length)


def must_stay(step: Step, axis: int) -> None:
    """Make sure of it for the length at ``axis``."""
    if not stays(step.flow.dims[axis]):
        raise CannotFollow("it cuts up a length that changes with the size of the input")
