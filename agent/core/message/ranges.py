"""Ranges of sequence numbers: what is there, how far it reaches without a hole, what is missing; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Range = tuple[int, int]
"""Both ends included."""


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Sort ranges and join those that touch or overlap."""
    joined: list[Range] = []
    for a, b in sorted(ranges):
        if joined and a <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], b))
        else:
            joined.append((a, b))
    return joined


def reach(ranges: Sequence[Range], base: int) -> int:
    """Tell the highest seq up to which nothing from ``base`` on is missing; ``base - 1`` where even that is.

    Args:
        ranges: sorted and joined.
        base: the lowest seq that can still come.
    """
    upto = base - 1
    for a, b in ranges:
        if a > upto + 1:
            break
        upto = max(upto, b)
    return upto


def above(ranges: Sequence[Range], upto: int) -> tuple[Range, ...]:
    """Give the ranges that lie wholly above ``upto``."""
    return tuple((a, b) for a, b in ranges if a > upto)


def missing(ranges: Sequence[Range], first: int, last: int) -> list[Range]:
    """Give the parts of ``first`` … ``last`` that sorted, joined ``ranges`` do not cover."""
    holes: list[Range] = []
    for a, b in ranges:
        if first > last or a > last:
            break
        if a > first:
            holes.append((first, min(a - 1, last)))
        first = max(first, b + 1)
    if first <= last:
        holes.append((first, last))
    return holes
