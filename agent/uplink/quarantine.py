"""Pictures that a broker cannot digest: three strikes, and a tombstone goes in their place; pure."""

from __future__ import annotations

STRIKES = 3
QUICK_US = 2_000_000
"""A connection that breaks this soon after a picture was handed to it is held against the picture."""


class Quarantine:
    """Strikes by seq of one connection's pictures.

    A strike counts only when the picture was alone in flight, and only three running condemn it: a bad link breaks
    connections too. Events are never quarantined.
    """

    def __init__(self) -> None:
        self._strikes: dict[tuple[int, int], int] = {}

    def strike(self, epoch: int, seq: int, *, alone: bool) -> None:
        """Note that the broker choked on a picture, or on something sent beside it."""
        before = self._strikes.get((epoch, seq), 0)
        self._strikes[epoch, seq] = before + 1 if alone else before

    def cleared(self, epoch: int, seq: int) -> None:
        """Note that the broker took a picture."""
        self._strikes.pop((epoch, seq), None)

    def suspected(self, epoch: int, seq: int) -> bool:
        """Tell whether a picture must travel alone."""
        return (epoch, seq) in self._strikes

    def condemned(self, epoch: int, seq: int) -> bool:
        """Tell whether a picture is to be replaced by its tombstone."""
        return self._strikes.get((epoch, seq), 0) >= STRIKES
