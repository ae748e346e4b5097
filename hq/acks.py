"""When to tell which box what HQ has: at once for many rows or a hello, else within a second; pure."""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE_ROWS = 64
SOON_US = 1_000_000


@dataclass(frozen=True, slots=True)
class LogKey:
    """One life of one log of one box."""

    box: str
    epoch: int
    stream: str


@dataclass(slots=True)
class _Owed:
    since_us: int
    rows: int = 0
    nonce: str = ""


class AckBook:
    """What is committed and not yet told, by log."""

    def __init__(self) -> None:
        self._owed: dict[LogKey, _Owed] = {}

    def committed(self, key: LogKey, rows: int, now_us: int) -> None:
        """Note that ``rows`` more of a log are safe.

        Args:
            key: which log.
            rows: how many.
            now_us: monotonic µs.
        """
        self._owed.setdefault(key, _Owed(now_us)).rows += rows

    def asked(self, key: LogKey, nonce: str, now_us: int) -> None:
        """Note that a box asks how far HQ is, and by which nonce it wants to be answered."""
        self._owed.setdefault(key, _Owed(now_us)).nonce = nonce

    def due(self, now_us: int, *, leaving: bool = False) -> list[tuple[LogKey, str]]:
        """Give the logs to acknowledge now (all when ``leaving``), each with the nonce to answer; and forget them."""
        ready = [
            (key, owed.nonce)
            for key, owed in self._owed.items()
            if leaving or owed.nonce or owed.rows >= AT_ONCE_ROWS or now_us - owed.since_us >= SOON_US
        ]
        for key, _ in ready:
            del self._owed[key]
        return ready

    def __len__(self) -> int:
        return len(self._owed)
