"""Rules for steps that move, cut and join what comes from the picture; see ``rules.py``."""

from __future__ import annotations

from math import prod

import numpy as np

from agent.detect.baking.dims import BATCH, CannotFollow, afters, batch_axis, befores, dim, reshaped
from agent.detect.baking.outcome import must_stay, spare_batch, stays, touched
from agent.detect.baking.step import Array, Flow, Step

_TO_THE_END = 2**31 - 1


def concat(step: Step) -> list[Flow]:
    """Join along any length but the batch."""
    axis = step.place(step.whole("axis", 0))
    for value in step.inputs:
        if not isinstance(value, Flow):
            raise CannotFollow("it joins what comes from the picture with fixed numbers")
        if batch_axis(value.dims) != step.axis or len(value.dims[step.axis]) != 1:
            raise CannotFollow("the batch lies in different lengths of its inputs")
    spare_batch(step, [axis])
    return touched(step, [axis])


def split(step: Step) -> list[Flow]:
    """Cut a length that never changes into pieces."""
    axis = step.place(step.whole("axis", 0))
    step.wholes("split", 1)
    spare_batch(step, [axis])
    must_stay(step, axis)
    return touched(step, [axis])


def cut(step: Step) -> list[Flow]:
    """Slice: keep a range; of a length that changes with the size, the whole of it (or every second, third, ...)."""
    starts, ends = step.known(1), step.known(2)
    assert starts is not None
    assert ends is not None
    axes = [step.place(axis) for axis in step.wholes("axes", 3) or range(starts.before.size)]
    spare_batch(step, axes)
    pitches = step.known(4)
    for index, axis in enumerate(axes):
        pitch = 1 if pitches is None else int(pitches.fixed.flat[index])
        start, end = ((int(known.before.flat[index]), int(known.value.flat[index])) for known in (starts, ends))
        whole = (start[0] != start[1] or 0 <= start[0] < pitch) and (end[0] != end[1] or end[0] >= _TO_THE_END)
        if not stays(step.flow.dims[axis]) and not whole:
            raise CannotFollow(f"it cuts from {start[0]} to {end[0]}, places that belong to the published size")
    return touched(step, axes)


def gather(step: Step) -> list[Flow]:
    """Pick by fixed places from a length that never changes."""
    axis = step.place(step.whole("axis", 0))
    indices = step.known(1)
    assert indices is not None
    spare_batch(step, [axis])
    must_stay(step, axis)
    dims, picked = step.flow.dims, tuple(dim(n, n) for n in indices.fixed.shape)
    return [Flow(dims[:axis] + picked + dims[axis + 1 :], step.flow.kind)]


def transpose(step: Step) -> list[Flow]:
    """Put the lengths in another order."""
    order = step.wholes("perm") or list(reversed(range(step.rank)))
    return [Flow(tuple(step.flow.dims[axis] for axis in order), step.flow.kind)]


def reshape(step: Step) -> list[Flow]:
    """See ``dims.reshaped``; the new target leaves the length that holds the batch open."""
    asked = step.known(1)
    assert asked is not None
    if 0 in asked.before.flat and step.whole("allowzero", 0):
        raise CannotFollow("it asks for a length of nought")
    flows = _to_target(step, _target(asked.before, befores(step.flow.dims)))
    worked_out = asked.before.tobytes() != asked.after.tobytes()
    if worked_out and _target(asked.after, afters(step.flow.dims)) != list(afters(flows[0].dims)):
        raise CannotFollow("the target it works out at the wanted size is another one")
    return flows


def _target(asked: Array, lengths: tuple[int, ...]) -> list[int]:
    """Resolve what a target leaves open: 0 copies a length, -1 takes what is left."""
    target = [lengths[i] if n == 0 else int(n) for i, n in enumerate(asked.flat)]
    if -1 in target:
        target[target.index(-1)] = prod(lengths) // -prod(target)
    return target


def flatten(step: Step) -> list[Flow]:
    """A reshape to two lengths."""
    axis, old = step.whole("axis", 1), befores(step.flow.dims)
    return _to_target(step, [prod(old[:axis]), prod(old[axis:])])


def squeeze(step: Step) -> list[Flow]:
    """Drop lengths of one, named ones and never the batch."""
    named = step.wholes("axes", 1)
    if named is None:
        raise CannotFollow("it drops every length of one, and the batch may be one")
    axes = [step.place(axis) for axis in named]
    spare_batch(step, axes)
    if any(step.flow.dims[axis] for axis in axes):
        raise CannotFollow("it drops a length of one that grows with the size of the input")
    kept = tuple(each for axis, each in enumerate(step.flow.dims) if axis not in axes)
    return [Flow(kept, step.flow.kind)]


def unsqueeze(step: Step) -> list[Flow]:
    """Add lengths of one."""
    named = step.wholes("axes", 1) or []
    rank, left = step.rank + len(named), list(step.flow.dims)
    added = {axis % rank for axis in named}
    return [Flow(tuple(() if axis in added else left.pop(0) for axis in range(rank)), step.flow.kind)]


def pad(step: Step) -> list[Flow]:
    """Add a margin, never to the batch."""
    pads, named = step.wholes("pads", 1) or [], step.wholes("axes", 3)
    axes = [step.place(axis) for axis in named] if named else list(range(step.rank))
    sides = zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
    spare_batch(step, [axis for axis, first, last in sides if first or last])
    return touched(step, axes)


def _to_target(step: Step, target: list[int]) -> list[Flow]:
    dims = reshaped(step.flow.dims, target)
    lengths = [-1 if BATCH in each else length for each, length in zip(dims, afters(dims), strict=True)]
    step.exchange("Reshape", {1: np.array(lengths, np.int64)})
    return [Flow(dims, step.flow.kind)]
