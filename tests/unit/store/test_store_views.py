import dataclasses
import time

import pytest
from support.store_world import World, picture, sql

from agent.core.incident import Phase
from agent.store.views import Views


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def views(world):
    views = Views(world.settings)
    yield views
    views.close()


@pytest.fixture
def store(world):
    store = world.watch()
    yield store
    store.close()


def live_one(world, store, place=1, *, end=False):
    """Let one incident open, improve and perhaps end; gives its slot, open event and pictures."""
    slot = world.slot(place)
    overview, clean = picture(f"{place} overview"), picture(f"{place} clean", 50_000, leaves_box=False)
    opened = world.incident_event(slot, "incident.open", overview, clean, evidence="no before")
    store.record([opened], [slot], (), [overview, clean])
    world.clock.sleep(30)
    slot = dataclasses.replace(slot, rev=2)
    if end:
        after = picture(f"{place} after", kind="after")
        store.record([world.incident_event(slot, "incident.end", after)], (), [slot.key], [after])
    else:
        store.record([world.incident_event(slot, "incident.update")], [slot], (), ())
    world.clock.sleep(1)
    return slot, opened, overview, clean


def test_open_incident_shows_its_newest_revision_and_all_its_pictures(world, store, views):
    slot, opened, overview, _ = live_one(world, store)
    (view,) = views.open_incidents()
    assert (view.incident.id, view.incident.rev, view.incident.phase) == (slot.incident, 2, Phase.OPEN)
    assert view.incident.images == (overview.ref,)
    assert view.incident.evidence == "no before"
    assert (view.first_seq, view.last_seq, view.delivered) == (1, 2, False)
    assert view.event_ids[0] == opened.id


def test_every_field_of_an_incident_survives_the_log(world, store, views):
    slot = world.slot()
    image = picture("x")
    event = world.incident_event(slot, "incident.end", image, preexisting=True, quiet=True, count=3, evidence="why")
    store.record([event], (), (), [image])
    assert views.incident(slot.incident).incident == event.incident


def test_ended_incident_is_recent_and_not_open(world, store, views):
    first, *_ = live_one(world, store, 1, end=True)
    second, *_ = live_one(world, store, 2)
    assert [view.incident.id for view in views.open_incidents()] == [second.incident]
    assert [view.incident.id for view in views.recent(10)] == [second.incident, first.incident]
    ended = views.incident(first.incident)
    assert ended.incident.phase is Phase.ENDED
    assert [ref.kind for ref in ended.incident.images] == ["overview", "after"]


def test_recent_pages_backwards(world, store, views):
    ids = [live_one(world, store, place)[0].incident for place in range(5)]
    page = views.recent(2)
    assert [view.incident.id for view in page] == [ids[4], ids[3]]
    page = views.recent(2, before=page[-1].first_seq)
    assert [view.incident.id for view in page] == [ids[2], ids[1]]


def test_pending_slot_is_shown_as_what_it_is(world, store, views):
    slot = world.slot(3, Phase.PENDING)
    store.record((), [slot], (), ())
    assert views.pending_slots() == [slot]
    assert views.open_incidents() == []


def test_incident_open_for_longer_than_its_events_are_kept(world, store, views):
    slot = world.slot()
    store.record((), [slot], (), ())
    (view,) = views.open_incidents()
    assert (view.incident.id, view.incident.begin_us, view.last_seq) == (slot.incident, slot.since_utc_us, 0)


def test_unknown_incident_is_none(views):
    assert views.incident("nobody") is None


def test_delivered_once_hq_has_the_newest_revision(world, store, views):
    slot, *_ = live_one(world, store)
    world.ack("a", 1)
    assert not views.incident(slot.incident).delivered
    world.ack("a", 2)
    assert views.incident(slot.incident).delivered


def test_backlog_counts_what_hq_does_not_have(world, store, views):
    assert views.backlog() == {"a": 0, "w": 0, "m": 0, "d": 0, "u": 0}
    live_one(world, store)
    store.note(world.event())
    desk = world.desk()
    desk.record(world.event())
    desk.close()
    assert views.backlog() == {"a": 2, "w": 1, "m": 1, "d": 1, "u": 0}
    world.ack("a", 1)
    world.ack("m", 1, "media.db")
    assert views.backlog() == {"a": 1, "w": 1, "m": 0, "d": 1, "u": 0}


def test_pictures_by_hash(world, store, views):
    slot, _, overview, clean = live_one(world, store)
    assert views.image(overview.sha256).content == overview.content
    assert views.image(clean.sha256) is None
    (original,) = views.originals_of(views.incident(slot.incident))
    assert (original.sha256, original.size_bytes) == (clean.sha256, 50_000)
    assert views.original(clean.sha256).read_bytes() == clean.content
    assert views.original(overview.sha256) is None


def test_newest_events_of_any_stream(world, store, views):
    live_one(world, store)
    store.note(world.event("health.minute"))
    assert [row.kind for row in views.events("a", 10)] == ["incident.update", "incident.open"]
    assert [row.kind for row in views.events("w", 10)] == ["health.minute"]
    assert views.events("u", 10) == []


def test_changed_when_watch_recorded(world, store, views):
    views.changed()
    assert not views.changed()
    store.note(world.event())
    assert views.changed()


def test_reads_without_any_writer(world, store, views):
    live_one(world, store)
    store.close()
    assert len(views.open_incidents()) == 1


def test_hundred_thousand_rows_do_not_slow_the_page(world, store, views):
    """Against the cost of a full scan on the same machine, not against a clock on the wall."""
    slot, *_ = live_one(world, store)
    store.close()
    sql(
        world.settings.watch_db,
        """
        WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO log_a SELECT i, epoch, printf('%036d', i), kind, body, signature, hash, printf('%036d', i / 3),
          1 + i % 3, utc_us, clock_state, boot_id, mono_us FROM n, log_a WHERE log_a.seq = 1
        """,
    )
    begin = time.perf_counter()
    sql(world.settings.watch_db, "SELECT sum(length(body)) FROM log_a")
    scan_s = time.perf_counter() - begin
    views.recent(1)
    begin = time.perf_counter()
    assert len(views.recent(20)) == 20
    assert views.incident(slot.incident) is not None
    assert len(views.open_incidents()) == 1
    assert views.backlog()["a"] == 100_000
    assert time.perf_counter() - begin < max(0.05, scan_s)
    plan = sql(world.settings.watch_db, "EXPLAIN QUERY PLAN SELECT seq FROM log_a WHERE incident = 'x' ORDER BY seq")
    assert "log_a_incident" in str(plan)
