"""HQ's ranges are exactly what arrived, and an acknowledgment never claims more."""

from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.link_stand import incident_with

from agent.clock import SimulatedClock, uuid7
from agent.core.event import Event, Place, seal
from agent.core.image import Image
from agent.core.message import (
    ImageLabel,
    LogState,
    Position,
    Sealed,
    Topic,
    above,
    encode_event,
    merged,
    missing,
    reach,
)
from agent.errors import StoreError, StoreFull, StoreVersion
from hq import sql
from hq.acks import LogKey
from hq.intake import Claim, DeadLetter, Fact, Intake, Picture
from hq.registry import Registry
from hq.store import HqStore

EPOCH = 77
LOG = LogKey("gate-01", EPOCH, "a")
TOPIC = Topic("demo", "gate-01", "e")
NOW = SimulatedClock().now()
EVENT = uuid7(NOW.utc_us)


@pytest.fixture
def store(tmp_path: Path):
    made = HqStore(tmp_path / "data", "demo")
    yield made
    made.close()


def fact(seq: int, event_id: str = "") -> Fact:
    event = Event(event_id or uuid7(NOW.utc_us), "camera.lost", NOW, detail={"camera": "cam-1"})
    body = seal(event, Place("gate-01", EPOCH, "a", seq, None))
    (judged,) = Intake(Registry({})).events(TOPIC, encode_event(Sealed(body, bytes(64))))
    assert isinstance(judged, Fact), judged
    return judged


def dead(seq: int) -> DeadLetter:
    return DeadLetter(str(TOPIC), b"{}", "no reason", Position("gate-01", EPOCH, "a", seq))


def image(seq: int, content: bytes = b"picture", gone: str = "", utc_us: int = NOW.utc_us) -> Picture:
    sha256 = hashlib.sha256(content).hexdigest()
    label = ImageLabel(EVENT, sha256, "overview", EPOCH, seq, utc_us, "" if gone else "image/webp", gone)
    return Picture(Position("gate-01", EPOCH, "m", seq), label, b"" if gone else content)


def rows(store: HqStore, query: str) -> list:
    return store._db.execute(query).fetchall()


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair)))))
def test_ranges_agree_with_sets(ranges: list[tuple[int, int]]) -> None:
    joined = merged(ranges)
    there = {seq for a, b in ranges for seq in range(a, b + 1)}
    assert {seq for a, b in joined for seq in range(a, b + 1)} == there
    assert all(b + 1 < c for (_, b), (c, _) in itertools.pairwise(joined)), "no two touch"
    upto = reach(joined, 1)
    assert set(range(1, upto + 1)) <= there
    assert upto + 1 not in there
    assert {seq for a, b in above(joined, upto) for seq in range(a, b + 1)} == {seq for seq in there if seq > upto}
    assert {seq for a, b in missing(joined, 3, 50) for seq in range(a, b + 1)} == set(range(3, 51)) - there


@given(base=st.integers(1, 30), ranges=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8))))
def test_reach_starts_below_its_base_and_stops_at_the_first_hole(base: int, ranges: list[tuple[int, int]]) -> None:
    joined = merged((a, a + more) for a, more in ranges)
    there = {seq for a, b in joined for seq in range(a, b + 1)}
    upto = base - 1
    while upto + 1 in there:
        upto += 1
    assert reach(joined, base) == upto


@settings(max_examples=25, deadline=None)
@given(draw=st.randoms(use_true_random=False))
def test_seen_is_what_arrived_in_whatever_order_and_batches(
    draw: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = HqStore(tmp_path_factory.mktemp("hq") / "data", "demo")
    arrived: set[int] = set()
    ids: set[str] = set()
    known: list[Fact] = []
    for _ in range(draw.randrange(1, 12)):
        batch = []
        for _ in range(draw.randrange(1, 6)):
            seq, what = draw.randrange(1, 25), draw.random()
            if known and what < 0.3:
                batch.append(draw.choice(known))  # a duplicate
            elif what < 0.5:
                batch.append(dead(seq))
            else:
                batch.append(fact(seq))  # new, or a fork
                known.append(batch[-1])
        store.commit(batch, 0)
        arrived |= {arrival.position.seq for arrival in batch}
        ids |= {arrival.event_id for arrival in batch if isinstance(arrival, Fact)}
        ranges = rows(store, "SELECT a, b FROM seen ORDER BY a")
        assert ranges == merged((seq, seq) for seq in arrived)
        ack = store.ack(LOG)
        assert ack.upto == reach(ranges, 1)
        assert ack.have == above(ranges, ack.upto)
    assert {row[0] for row in rows(store, "SELECT event_id FROM events")} == ids
    store.close()


def test_a_duplicate_is_told_apart_and_two_ids_on_one_row_are_a_fork(store: HqStore) -> None:
    first, other = fact(1), fact(1)
    assert [o.duplicate for o in store.commit([first, first], 0)] == [False, True]
    (outcome,) = store.commit([other], 0)
    assert (outcome.duplicate, outcome.fork) == (False, first.event_id)
    assert rows(store, "SELECT count(*) FROM events") == [(2,)]
    assert rows(store, "SELECT seq FROM forks") == [(1,)]


def test_what_was_gone_before_hq_got_it_is_a_gap_told_once(store: HqStore) -> None:
    store.commit([fact(3), fact(9)], 0)
    state = LogState("a", EPOCH, 1, 8, 7, 9)
    assert "6 rows of log a" in store.told("gate-01", state, 0, trusted_head=True)
    assert store.told("gate-01", state, 0, trusted_head=True) == ""
    assert rows(store, "SELECT a, b FROM gaps ORDER BY a") == [(1, 2), (4, 7)]
    ack = store.ack(LOG, "nonce")
    assert (ack.upto, ack.have, ack.nonce) == (7, ((9, 9),), "nonce")


@pytest.mark.parametrize(
    ("state", "noticed"),
    [
        (LogState("a", EPOCH, 1, 1, 2, 2), True),
        (LogState("a", EPOCH, 1, 1, 2, 9, next_id=uuid7(1)), True),
        (LogState("a", EPOCH, 1, 1, 2, 9), False),
        (LogState("a", EPOCH, 1, 1, 3, 9, next_id=uuid7(1)), False),
    ],
    ids=["its head is below", "another row follows", "it went on", "what follows is not here yet"],
)
def test_a_rolled_back_box_is_noticed_by_its_hello(store: HqStore, state: LogState, noticed: bool) -> None:
    store.commit([fact(1), fact(2), fact(3)], 0)
    assert bool(store.told("gate-01", state, 0, trusted_head=True)) is noticed
    assert (store.ack(LOG).upto == 0) is noticed, "its ranges start anew, so that it sends what it has"
    assert rows(store, "SELECT count(*) FROM events") == [(3,)], "what is here stays"


def test_a_heartbeat_that_was_overtaken_does_not_look_like_a_roll_back(store: HqStore) -> None:
    store.commit([fact(1), fact(2), fact(3)], 0)
    assert store.told("gate-01", LogState("a", EPOCH, 1, 1, 0, 2), 0, trusted_head=False) == ""
    assert store.ack(LOG).upto == 3


def test_a_picture_is_filed_by_its_local_date_and_its_hash(store: HqStore, tmp_path: Path) -> None:
    (outcome,) = store.commit([image(1, b"abc", utc_us=1_790_038_800_000_000)], 0)  # 2026-09-22 00:20 at +07:00
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert outcome.path == tmp_path / "data" / "thumbs" / "demo" / "gate-01" / "2026-09-22" / f"{sha256}.webp"
    assert outcome.path.read_bytes() == b"abc"
    assert not list(outcome.path.parent.glob("*.part"))


def test_a_tombstone_counts_and_a_picture_that_comes_after_all_takes_its_place(store: HqStore) -> None:
    store.commit([image(1, gone="evicted")], 0)
    assert store.ack(LogKey("gate-01", EPOCH, "m")).upto == 1
    store.commit([image(1)], 0)
    assert rows(store, "SELECT gone, path <> '' FROM images") == [("", 1)]
    store.commit([image(1, gone="evicted")], 0)
    assert rows(store, "SELECT gone, path <> '' FROM images") == [("", 1)]


def test_a_batch_is_stored_whole_or_not_at_all(store: HqStore) -> None:
    """The disk is full in the middle of a batch: nothing of it may be acknowledged."""
    store._db.execute(f"PRAGMA max_page_count = {rows(store, 'PRAGMA page_count')[0][0] + 4}")
    with pytest.raises(StoreFull, match="no space left; free some"):
        store.commit([fact(seq) for seq in range(1, 200)], 0)
    assert rows(store, "SELECT count(*) FROM events") == rows(store, "SELECT count(*) FROM seen") == [(0,)]
    store._db.execute("PRAGMA max_page_count = 100000")
    store.commit([fact(seq) for seq in range(1, 200)], 0)
    assert store.ack(LOG).upto == 199


def test_dead_letters_without_a_place_are_bounded_and_the_others_are_kept(tmp_path: Path) -> None:
    store = HqStore(tmp_path / "data", "demo", keep_unplaced_dead=5)
    store.commit([dead(1), *[DeadLetter("x", b"", f"{n}") for n in range(9)]], 0)
    assert rows(store, "SELECT reason FROM dead_letters") == [("no reason",), *[(f"{n}",) for n in range(4, 9)]]
    store.close()


def test_a_claim_against_the_registry_is_kept_once_and_not_seen(tmp_path: Path) -> None:
    store = HqStore(tmp_path / "data", "demo", keep_unplaced_dead=5)
    claims = [Claim(Position("gate-01", EPOCH, "a", seq), EVENT) for seq in range(1, 9)]
    letters = [DeadLetter(str(TOPIC), b"{}", "no key of its", claim=claim) for claim in claims]
    assert [o.duplicate for o in store.commit([letters[0], letters[0]], 0)] == [False, True]
    assert [o.duplicate for o in store.commit(letters[:2], 0)] == [True, False]
    assert rows(store, "SELECT count(*) FROM dead_letters") == [(2,)]
    store.commit(letters, 0)
    assert rows(store, "SELECT count(*) FROM dead_letters") == [(5,)], "bounded"
    assert rows(store, "SELECT * FROM seen") == []
    assert store.ack(LOG).upto == 0
    store.close()


def test_what_was_not_shown_is_given_as_it_arrived_until_it_is_marked(store: HqStore) -> None:
    first, second, gone = fact(1), fact(2), image(2, b"other", gone="evicted")
    store.commit([first, image(1), second, gone], 0)
    events, pictures = store.unshown()[:2], store.unshown()[2:]
    assert [outcome.arrival for outcome in events] == [first, second]
    assert [outcome.arrival.label for outcome in pictures] == [image(1).label, gone.label]
    assert [outcome.path is not None and outcome.path.exists() for outcome in pictures] == [True, False]
    store.mark_shown()
    assert store.unshown() == []
    store.commit([first, fact(3)], 0)
    assert [outcome.arrival.position.seq for outcome in store.unshown()] == [3], "a duplicate was shown before"


@pytest.mark.parametrize(
    ("verified", "event_box", "listed", "proved"),
    [
        (True, "gate-01", b"picture", True),
        (False, "gate-01", b"picture", False),
        (True, "gate-02", b"picture", False),
        (True, "gate-01", b"another", False),
    ],
    ids=["listed by a verified event", "its event is unverified", "an event of another box", "not listed"],
)
def test_a_picture_is_proved_by_a_verified_event_that_lists_it(
    store: HqStore, verified: bool, event_box: str, listed: bytes, proved: bool
) -> None:
    (before,) = store.commit([image(1)], 0)
    assert not before.proved, "its event is not here yet"
    incident = incident_with(NOW, Image("overview", listed, "image/webp", 480, 270, leaves_box=True))
    body = seal(Event(EVENT, "incident.open", NOW, incident), Place(event_box, EPOCH, "a", 1, None))
    topic = Topic("demo", event_box, "e")
    (judged,) = Intake(Registry({})).events(topic, encode_event(Sealed(body, bytes(64))))
    assert isinstance(judged, Fact), judged
    other = replace(image(2), label=replace(image(2).label, seq=2))
    outcomes = store.commit([other, replace(judged, verified=verified)], 0)
    assert outcomes[0].proved is proved, "also when the picture overtook its event within one batch"
    assert [outcome.proved for outcome in store.unshown()] == [False, proved]


def test_a_picture_of_a_camera_is_proved_by_the_event_that_tells_its_state(store: HqStore) -> None:
    shown = Image("overview", b"picture", "image/webp", 480, 270, leaves_box=True)
    detail = {"camera": "cam-1", "state": "covered", "severity": "urgent", "since_us": NOW.utc_us}
    event = Event(EVENT, "camera.impaired", NOW, detail=detail, images=(shown.ref,))
    body = seal(event, Place("gate-01", EPOCH, "a", 1, None))
    (judged,) = Intake(Registry({})).events(TOPIC, encode_event(Sealed(body, bytes(64))))
    assert isinstance(judged, Fact), judged
    outcomes = store.commit([image(1), image(2, b"another"), replace(judged, verified=True)], 0)
    assert [outcome.proved for outcome in outcomes[:2]] == [True, False]


def test_a_database_of_the_step_before_is_brought_up_and_nothing_old_is_shown_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    db = sqlite3.connect(tmp_path / "data" / "hq.db")
    for statement in sql.STEPS[1001]:
        db.execute(statement)
    db.execute(
        "INSERT INTO events VALUES (?, 'gate-01', 7, 'a', 1, 'k', 1, 'ok', NULL, NULL, 0, x'', x'', 1)", (EVENT,)
    )
    db.execute("PRAGMA user_version = 1001")
    db.commit()
    db.close()
    for _ in range(2):
        store = HqStore(tmp_path / "data", "demo")
        assert store.unshown() == []
        assert rows(store, "PRAGMA user_version") == [(sql.VERSION,)]
        store.close()


def test_one_receiver_a_directory(store: HqStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another receiver uses it"):
        HqStore(tmp_path / "data", "demo")


def test_a_database_of_another_generation_is_refused_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    db = sqlite3.connect(tmp_path / "new" / "hq.db")
    db.execute("PRAGMA user_version = 2001")
    db.close()
    with pytest.raises(StoreVersion, match="of version 2001"):
        HqStore(tmp_path / "new", "demo")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "hq.db").write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="put it aside and start again"):
        HqStore(tmp_path / "broken", "demo")
