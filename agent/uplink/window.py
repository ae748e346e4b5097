"""What of one log is on its way: sent, received by HQ, due again; pure bookkeeping over sequence numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from agent.core.message import Range, merged, missing, reach

RESEND_US = 30_000_000
RESEND_LIMIT_US = 600_000_000
_USUAL_ACKS = 4


@dataclass(frozen=True, slots=True)
class LogKey:
    """One life of one log."""

    stream: str
    epoch: int


@dataclass(slots=True)
class _Sent:
    at_us: int
    size_bytes: int
    taken: bool = False  # the broker has it; whether HQ has is another matter


class Window:
    """The rows of one log that HQ has not acknowledged.

    A row is with HQ, or sent and waited for, or still to be sent; what is neither of the first two is the third, so
    that nothing can fall between. Rows are only named by number here: a million of them cost nothing.

    Attributes:
        upto: everything up to here is at HQ by HQ's latest word, or was no longer here to be sent.
        head: the newest row.
    """

    def __init__(self, upto: int, head: int) -> None:
        self.upto = upto
        self.head = max(head, upto)
        self._floor = 0
        self._old = self.head  # rows above this were committed since connecting
        self._have: list[Range] = []
        self._absent: list[Range] = []
        self._sent: dict[int, _Sent] = {}
        self._tries: dict[int, int] = {}

    @property
    def outstanding_rows(self) -> int:
        """Rows sent and waited for."""
        return len(self._sent)

    @property
    def outstanding_bytes(self) -> int:
        """Bytes of the rows sent and waited for."""
        return sum(sent.size_bytes for sent in self._sent.values())

    def stands(self, oldest: int, head: int) -> None:
        """Note which rows the log holds: retention raises ``oldest``, each commit raises ``head``."""
        self.head = max(self.head, head)
        self._floor = oldest - 1
        if self.upto < self._floor:
            self._settle(self._floor, self._have)

    def reconnected(self) -> None:
        """Take back what the broken connection may not have carried; all that waits is now backlog."""
        self.release(seq for seq, sent in self._sent.items() if not sent.taken)
        self._old = self.head

    def fresh(self, limit: int) -> list[int]:
        """Name at most ``limit`` rows to send that were committed since connecting, oldest first."""
        return list(islice(self._to_send(max(self.upto, self._old) + 1, self.head), limit))

    def backlog(self, limit: int) -> list[int]:
        """Name at most ``limit`` older rows to send, oldest first."""
        return list(islice(self._to_send(self.upto + 1, min(self._old, self.head)), limit))

    def _to_send(self, first: int, last: int) -> Iterator[int]:
        for a, b in missing(self._have, first, last):
            yield from (seq for seq in range(a, b + 1) if seq not in self._sent)

    def sent(self, seq: int, size_bytes: int, now_us: int) -> None:
        """Note that a row was handed to the connection, at monotonic ``now_us``."""
        self._tries[seq] = self._tries.get(seq, 0) + 1
        self._sent[seq] = _Sent(now_us, size_bytes)

    def taken(self, seqs: Iterable[int]) -> None:
        """Note that the broker has rows; HQ's word is still to come."""
        for seq in seqs:
            if seq in self._sent:
                self._sent[seq].taken = True

    def release(self, seqs: Iterable[int]) -> None:
        """Take rows back that did not get through; they are to be sent again."""
        for seq in list(seqs):
            self._sent.pop(seq, None)

    def release_overdue(self, now_us: int, usual_us: int) -> None:
        """Take back what HQ has been silent about for too long.

        Too long is 30 s, or four times what HQ usually takes, and doubles with each attempt up to 10 min: a slow HQ
        is not helped by hearing everything twice.
        """
        patience_us = max(RESEND_US, _USUAL_ACKS * usual_us)
        self.release(
            seq
            for seq, sent in self._sent.items()
            if now_us - sent.at_us >= min(RESEND_LIMIT_US, patience_us << min(self._tries[seq] - 1, 10))
        )

    def release_before(self, asked_us: int) -> None:
        """Take back what was sent before HQ was asked (at ``asked_us``) and not named in its answer."""
        self.release(seq for seq, sent in self._sent.items() if sent.at_us < asked_us)

    def absent(self, seqs: Iterable[int]) -> None:
        """Note rows that are no longer in the log: nobody will ever send them."""
        self._absent = merged([*self._absent, *((seq, seq) for seq in seqs)])
        self._settle(self.upto, self._have)

    def received(self, seqs: Iterable[int]) -> None:
        """Note rows that count as delivered without HQ's word (``delivery = "broker"``)."""
        self._settle(self.upto, [*self._have, *((seq, seq) for seq in seqs)])

    def acked(self, upto: int, have: Iterable[Range], now_us: int, *, whole: bool = False) -> list[int]:
        """Take HQ's word of what it has.

        A word below an earlier one means that HQ lost what it had: all of that which is still here is sent again.

        Args:
            upto: HQ has everything up to here.
            have: ranges above that it has too.
            now_us: monotonic.
            whole: HQ was asked and this is its answer: what it does not name, it does not have.

        Returns:
            how long each newly acknowledged row took, µs.
        """
        upto = max(upto, self._floor)
        known = [] if whole or upto < self.upto else self._have
        before = dict(self._sent)
        self._settle(upto, [*known, *have])
        return [now_us - sent.at_us for seq, sent in before.items() if seq not in self._sent]

    def _settle(self, upto: int, have: Iterable[Range]) -> None:
        ranges = merged([*have, *self._absent])
        self.upto = reach(ranges, upto + 1)
        self._have = [(a, b) for a, b in ranges if b > self.upto]
        done = [seq for seq in self._sent if seq <= self.upto or any(a <= seq <= b for a, b in self._have)]
        for seq in done:
            del self._sent[seq]
            self._tries.pop(seq, None)
