"""What a tensor's lengths are made of: how a network's shapes change with the batch and with the size of its input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod


class CannotFollow(Exception):
    """A step of the network whose work on several pictures, or at another size, cannot be proven to be the same."""


@dataclass(frozen=True, slots=True)
class Part:
    """One factor of a length.

    Attributes:
        before: its value in the file as published, for one picture.
        after: its value at the wanted size of the input, for one picture.
        batch: whether it is the batch itself: 1 in both, and N once the model is open.
    """

    before: int
    after: int
    batch: bool = False

    @property
    def fixed(self) -> bool:
        """Whether it has nothing to do with the batch or the size of the input."""
        return not self.batch and self.before == self.after


BATCH = Part(1, 1, batch=True)

Dim = tuple[Part, ...]
"""One length, as a product; its parts lie in memory from slow to fast. A length of 1 has none."""

Dims = tuple[Dim, ...]


def dim(before: int, after: int) -> Dim:
    """Make a length that is one factor."""
    return () if before == after == 1 else (Part(before, after),)


def befores(dims: Iterable[Dim]) -> tuple[int, ...]:
    """Give the lengths in the file as published."""
    return tuple(prod(part.before for part in each) for each in dims)


def afters(dims: Iterable[Dim]) -> tuple[int, ...]:
    """Give the lengths at the wanted size, for one picture."""
    return tuple(prod(part.after for part in each) for each in dims)


def batch_axis(dims: Dims) -> int:
    """Tell in which length the batch lies."""
    return next(axis for axis, each in enumerate(dims) if BATCH in each)


def reshaped(dims: Dims, target: Sequence[int]) -> Dims:
    """Follow the factors through a Reshape.

    A reshape leaves the order in memory as it is, so each target length takes the next factors until its product is
    reached. The batch goes with the first target length that begins where it lies; what each picture gets is then
    exactly what it got alone.

    Args:
        dims: of the input.
        target: the lengths that the published file asks for, for one picture; -1 and 0 already resolved.

    Raises:
        CannotFollow: a length mixes factors in a way that another size would change, or the batch has no place.
    """
    parts = _joined(part for each in dims for part in each)
    if any(part.before == 1 and not part.batch for part in parts):
        raise CannotFollow("a length that is 1 in the published file grows with the size of the input")
    taken = tuple(_take(parts, length) for length in target)
    if parts:
        raise CannotFollow(f"its target {list(target)} has no place for the batch")
    return taken


def _take(parts: list[Part], length: int) -> Dim:
    """Take the factors of one target length off the front of ``parts``."""
    taken: list[Part] = []
    if parts and parts[0].batch:
        taken.append(parts.pop(0))
    missing = length
    while missing > 1:
        part = parts.pop(0) if parts else Part(0, 0)
        if part.before and missing % part.before == 0:
            taken.append(part)
            missing //= part.before
        elif part.fixed and part.before and part.before % missing == 0:
            taken.append(Part(missing, missing))
            parts.insert(0, Part(part.before // missing, part.before // missing))
            missing = 1
        else:
            raise CannotFollow(f"its target length {length} is no product of the lengths that go in")
    return tuple(_joined(taken))


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Multiply neighbours that never change: they may be split again anywhere."""
    joined: list[Part] = []
    for part in parts:
        if joined and joined[-1].fixed and part.fixed:
            joined[-1] = Part(joined[-1].before * part.before, joined[-1].after * part.after)
        else:
            joined.append(part)
    return joined
