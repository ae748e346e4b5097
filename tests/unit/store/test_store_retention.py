import sqlite3

import pytest
from support.store_world import DAY_US, World, picture, sql, unset

from agent.clock import ClockState
from agent.store.originals import original_path

KEEP_DAYS = 14


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def fill(world, days, stream="w"):
    """One event a day, the first now; the clock stands a day after the last."""
    store = world.watch()
    for day in range(days):
        event = world.event(day=day)
        store.note(event) if stream == "w" else store.record([event], (), (), ())
        world.clock.sleep(DAY_US / 1e6)
    store.close()


def seqs(world, table="log_w"):
    return [seq for (seq,) in sql(world.settings.watch_db, f"SELECT seq FROM {table} ORDER BY seq")]


def retain_daily(world, days):
    store = world.watch()
    for _ in range(days):
        store.retain(world.clock.now())
        world.clock.sleep(DAY_US / 1e6)
    store.close()


def test_unacked_rows_stay_for_ever(world):
    fill(world, 30)
    retain_daily(world, 30)
    assert seqs(world) == list(range(1, 31))


@pytest.mark.parametrize("table", ["log_a", "log_w"])
def test_file_itself_refuses_to_lose_an_unacked_row(world, table):
    fill(world, 3, stream=table[-1])
    with pytest.raises(sqlite3.IntegrityError, match="not acknowledged"):
        sql(world.settings.watch_db, f"DELETE FROM {table} WHERE seq = 1")


def test_acked_rows_go_when_they_are_old_enough(world):
    fill(world, 20)
    world.ack("w", 20)
    retain_daily(world, 1)
    # Twenty days old is row 1; two days' worth go on the first day, the rest within the next.
    assert seqs(world) == list(range(3, 21))
    retain_daily(world, 40)
    assert seqs(world) == [20]


def test_watermark_is_a_wall(world):
    fill(world, 30)
    world.ack("w", 7)
    retain_daily(world, 60)
    assert seqs(world) == list(range(8, 31))


@pytest.mark.parametrize("state", [ClockState.HOLDOVER, ClockState.UNSET])
def test_nothing_ages_while_the_clock_is_not_synced(world, state):
    fill(world, 30)
    world.ack("w", 30)
    world.clock.step_wall(0, state)
    retain_daily(world, 30)
    assert len(seqs(world)) == 30


def test_clock_wrong_by_ten_years_costs_two_days(world):
    fill(world, 10)
    world.ack("w", 10)
    world.clock.step_wall(3650 * DAY_US)
    store = world.watch()
    for _ in range(100):
        store.retain(world.clock.now())
        world.clock.sleep(600)
    store.close()
    assert len(seqs(world)) >= 8


def test_row_dated_1970_is_as_old_as_its_neighbours(world):
    store = world.watch()
    store.note(world.event())
    true_us = world.clock.now().utc_us
    unset(world)
    store.note(world.event())
    world.clock.step_wall(true_us - world.clock.now().utc_us, ClockState.SYNCED)
    store.note(world.event())
    store.close()
    world.ack("w", 3)
    retain_daily(world, 5)
    assert seqs(world) == [1, 2, 3]


def test_next_row_still_links_after_everything_old_has_gone(world):
    fill(world, 20)
    world.ack("w", 20)
    world.clock.sleep(60 * DAY_US / 1e6)
    retain_daily(world, 40)
    fill(world, 1)
    assert seqs(world) == [20, 21]


def shown(world, store, name, size=20_000):
    image = picture(name, size)
    store.record([world.incident_event(world.slot(), "incident.open", image)], (), (), [image])
    return image


def test_acked_pictures_age_and_a_shared_one_stays_while_needed(world):
    store = world.watch()
    image = shown(world, store, "shared")
    world.clock.sleep(20 * DAY_US / 1e6)
    shown(world, store, "shared")
    shown(world, store, "last")
    store.close()
    world.ack("m", 3, "media.db")
    retain_daily(world, 1)
    assert sql(world.settings.media_db, "SELECT seq FROM log_m ORDER BY seq") == [(2,), (3,)]
    reader = world.reader("media.db", "m")
    assert reader.image_by_sha(image.sha256).content == image.content
    reader.close()
    world.clock.sleep(20 * DAY_US / 1e6)
    retain_daily(world, 1)
    assert sql(world.settings.media_db, "SELECT count(*) FROM pictures") == [(1,)]


def test_quota_gives_up_acked_pictures_before_others(tmp_path):
    world = World(tmp_path, max_media_bytes=600_000)
    store = world.watch()
    for number in range(20):
        shown(world, store, str(number), 30_000)
    store.close()
    world.ack("m", 10, "media.db")
    store = world.watch()
    for number in range(20, 25):
        shown(world, store, str(number), 30_000)
    store.retain(world.clock.now())
    store.close()
    gone = [seq for (seq,) in sql(world.settings.media_db, "SELECT seq FROM log_m WHERE gone IS NOT NULL ORDER BY seq")]
    assert gone == list(range(1, len(gone) + 1))
    assert 5 <= len(gone) <= 14


def test_originals_go_oldest_first_when_their_quota_is_reached(tmp_path):
    world = World(tmp_path, max_originals_bytes=500_000)
    store = world.watch()
    kept = []
    for number in range(12):
        image, clean = picture(f"small {number}", 100), picture(f"clean {number}", 50_000, leaves_box=False)
        event = world.incident_event(world.slot(), "incident.open", image, clean)
        store.record([event], (), (), [image, clean])
        kept.append(original_path(world.settings.originals_dir, clean.sha256))
    store.retain(world.clock.now())
    there = [path.exists() for path in kept]
    assert there == sorted(there)
    assert sum(there) * 50_000 <= 500_000
    assert there[-5:] == [True] * 5
    assert sql(world.settings.media_db, "SELECT count(*) FROM originals") == [(sum(there),)]
    store.close()


def test_spent_ballast_is_put_back(world):
    ballast = world.settings.state_dir / "ballast-watch"
    ballast.unlink()
    store = world.watch()
    store.retain(world.clock.now())
    store.close()
    assert ballast.stat().st_size == 2 * 1024 * 1024


@pytest.mark.parametrize(("opens", "stream", "name"), [("link", "u", "link.db"), ("desk", "d", "desk.db")])
def test_other_logs_age_alike(world, opens, stream, name):
    for _ in range(20):
        store = getattr(world, opens)()
        (store.append if opens == "link" else store.record)(world.event())
        store.close()
        world.clock.sleep(DAY_US / 1e6)
    world.ack(stream, 19, name)
    for _ in range(20):
        store = getattr(world, opens)()
        store.retain(world.clock.now())
        store.close()
        world.clock.sleep(DAY_US / 1e6)
    assert sql(world.settings.state_dir / name, f"SELECT seq FROM log_{stream}") == [(20,)]
