"""The window never loses a row and never exceeds its bounds, whatever the link does."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.core.event import BODY_LIMIT_BYTES
from agent.core.message import merged, reach
from agent.uplink import lanes
from agent.uplink.lanes import Load, Waiting
from agent.uplink.window import RESEND_LIMIT_US, RESEND_US, Window


class LinkMachine(RuleBasedStateMachine):
    """A log, a link that loses and cuts, an HQ that commits, forgets and acknowledges; time is a number."""

    @initialize(head=st.integers(0, 40), upto=st.integers(0, 40))
    def begin(self, head: int, upto: int) -> None:
        self.head = max(head, upto)
        self.window = Window(upto, self.head)
        self.at_hq = set(range(1, upto + 1))
        self.now_us = 0
        self.under_way: set[int] = set()

    @rule(count=st.integers(1, 20))
    def commit(self, count: int) -> None:
        self.head += count
        self.window.stands(1, self.head)

    @rule(fresh=st.booleans(), limit=st.integers(1, 16))
    def send(self, fresh: bool, limit: int) -> None:
        seqs = self.window.fresh(limit) if fresh else self.window.backlog(limit)
        assert len(seqs) <= limit
        for seq in seqs:
            assert seq not in self.under_way, "sent twice without having been given up"
            self.window.sent(seq, 100, self.now_us)
            self.under_way.add(seq)

    @rule(data=st.data(), taken=st.booleans())
    def arrive(self, data: st.DataObject, taken: bool) -> None:
        if self.under_way:
            seqs = data.draw(st.sets(st.sampled_from(sorted(self.under_way)), min_size=1))
            self.at_hq |= seqs
            if taken:
                self.window.taken(seqs)

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        if self.under_way:
            seqs = data.draw(st.sets(st.sampled_from(sorted(self.under_way)), min_size=1))
            self.window.release(seqs)
            self.under_way -= seqs

    @rule(whole=st.booleans())
    def acknowledge(self, whole: bool = False) -> None:
        ranges = merged((seq, seq) for seq in self.at_hq)
        upto = reach(ranges, 1)
        self.window.acked(upto, [(a, b) for a, b in ranges if a > upto], self.now_us, whole=whole)
        self.under_way -= self.at_hq

    @rule(share=st.floats(0, 1))
    def forget(self, share: float) -> None:
        """HQ is restored from an old backup, and says so when a box says hello."""
        self.at_hq = {seq for seq in self.at_hq if seq <= share * self.head}
        self.acknowledge(whole=True)

    @rule()
    def cut(self) -> None:
        self.window.reconnected()
        self.under_way = {seq for seq in self.under_way if seq in self.window._sent}

    @rule(pause_us=st.integers(1, RESEND_LIMIT_US))
    def wait(self, pause_us: int) -> None:
        self.now_us += pause_us
        self.window.release_overdue(self.now_us, 1_000_000)
        self.under_way = {seq for seq in self.under_way if seq in self.window._sent}

    @invariant()
    def every_row_is_somewhere(self) -> None:
        if not hasattr(self, "window"):
            return
        waiting = set(self.window.backlog(10**6)) | set(self.window.fresh(10**6))
        known = {seq for a, b in self.window._have for seq in range(a, b + 1)} | set(range(1, self.window.upto + 1))
        assert waiting | known | self.under_way >= set(range(1, self.head + 1))
        assert not waiting & self.under_way
        assert self.window.outstanding_rows == len(self.under_way)

    def teardown(self) -> None:
        """Heal the link: everything arrives, and the window says so."""
        if not hasattr(self, "window"):
            return
        self.cut()
        self.now_us += RESEND_LIMIT_US
        self.window.release_overdue(self.now_us, 0)
        for seq in self.window.backlog(10**6):
            self.window.sent(seq, 100, self.now_us)
            self.at_hq.add(seq)
        assert self.at_hq >= set(range(1, self.head + 1)), "a row was lost"
        self.acknowledge()
        assert self.window.upto == self.head
        assert self.window.outstanding_rows == 0


LinkMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestWindowUnderAnyLink = LinkMachine.TestCase


def test_rows_committed_since_connecting_are_fresh_and_the_others_are_not() -> None:
    window = Window(upto=2, head=5)
    window.stands(1, 8)
    assert (window.fresh(9), window.backlog(9)) == ([6, 7, 8], [3, 4, 5])
    window.reconnected()
    assert (window.fresh(9), window.backlog(9)) == ([], [3, 4, 5, 6, 7, 8])


@pytest.mark.parametrize(("tries", "patience_us"), [(1, RESEND_US), (2, 2 * RESEND_US), (9, RESEND_LIMIT_US)])
def test_patience_doubles_with_each_try_up_to_a_limit(tries: int, patience_us: int) -> None:
    window = Window(0, 1)
    for _ in range(tries):
        window.release([1])
        window.sent(1, 10, now_us=0)
    window.release_overdue(patience_us - 1, usual_us=0)
    assert window.outstanding_rows == 1
    window.release_overdue(patience_us, usual_us=0)
    assert window.outstanding_rows == 0


def test_a_slow_hq_is_given_four_times_what_it_usually_takes() -> None:
    window = Window(0, 1)
    window.sent(1, 10, now_us=0)
    window.release_overdue(79_000_000, usual_us=20_000_000)
    assert window.outstanding_rows == 1
    window.release_overdue(80_000_000, usual_us=20_000_000)
    assert window.outstanding_rows == 0


def test_what_was_sent_before_a_hello_and_is_not_in_its_answer_is_sent_again_at_once() -> None:
    window = Window(0, 3)
    for seq in (1, 2, 3):
        window.sent(seq, 10, now_us=seq)
    window.taken([1, 2, 3])
    window.acked(1, [], now_us=10)
    window.release_before(asked_us=3)
    assert window.backlog(9) == [2]


def test_what_hq_no_longer_names_in_its_answer_to_a_hello_is_sent_again() -> None:
    window = Window(0, 3)
    for seq in (1, 2, 3):
        window.sent(seq, 10, now_us=0)
    window.acked(0, [(2, 3)], now_us=1)
    window.acked(0, [(3, 3)], now_us=2)
    assert window.backlog(9) == [], "an everyday word adds to what is known"
    window.acked(0, [(3, 3)], now_us=3, whole=True)
    assert window.backlog(9) == [2]


def test_rows_that_retention_removed_are_not_waited_for() -> None:
    window = Window(0, 10)
    window.stands(oldest=6, head=10)
    assert window.backlog(99) == [6, 7, 8, 9, 10]
    window.absent([7])
    assert window.backlog(99) == [6, 8, 9, 10]
    window.acked(0, [(6, 6)], now_us=0)
    assert window.upto == 7


def test_lanes_keep_every_bound_and_always_leave_room_for_alerts(seed: int) -> None:
    """Random lanes send until nothing may be sent: the bounds hold, and an alert still gets through each other lane."""
    draw = random.Random(seed)
    for _ in range(300):
        waiting = {lane: Waiting(draw.random() < 0.5, draw.random() < 0.5) for lane in "dwu" if draw.random() < 0.7}
        rows = size_bytes = 0
        while True:
            turn = lanes.next_turn(waiting, Load(rows, size_bytes, flight_limit=20), 0)
            if turn is None:
                break
            sent = draw.randint(1, min(turn.rows, 16))
            rows += sent
            size_bytes += min(turn.size_bytes, draw.randint(sent, sent * BODY_LIMIT_BYTES))
            assert rows <= lanes.ROWS
            assert size_bytes <= lanes.BYTES
        alert = lanes.next_turn({**waiting, "a": Waiting(fresh=True)}, Load(rows, size_bytes, flight_limit=20), 0)
        assert alert is not None
        assert alert.rows >= 64
