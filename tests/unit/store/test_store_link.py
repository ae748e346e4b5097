import sqlite3

import pytest
from support.store_world import World, sql

from agent.store.reader import read_delivery


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_watermark_only_rises(world):
    link = world.link()
    assert link.watermark("a", 7) == 0
    for upto, expected in ((5, 5), (3, 5), (9, 9)):
        assert link.advance("a", 7, upto, head=10)
        assert link.watermark("a", 7) == expected
    link.close()
    again = world.link()
    assert again.watermark("a", 7) == 9
    assert again.watermark("a", 8) == 0
    assert again.watermark("w", 7) == 0
    again.close()


def test_watermark_in_the_file_cannot_be_lowered(world):
    link = world.link()
    link.advance("a", 7, 5, head=5)
    link.close()
    with pytest.raises(sqlite3.IntegrityError, match="never falls"):
        sql(world.settings.link_db, "UPDATE watermarks SET upto = 4")


def test_claim_above_head_is_a_fork_and_moves_nothing(world):
    link = world.link()
    assert not link.advance("a", 7, 11, head=10)
    assert link.watermark("a", 7) == 0
    assert read_delivery(world.settings.link_db).forks == {("a", 7): 11}
    link.close()


def test_written_at_most_every_five_seconds(world):
    link = world.link()
    stored = lambda: read_delivery(world.settings.link_db).watermarks.get(("a", 7), 0)  # noqa: E731
    link.advance("a", 7, 1, head=10)
    link.flush()
    assert stored() == 0
    world.clock.sleep(5)
    link.flush()
    assert stored() == 1
    link.advance("a", 7, 2, head=10)
    link.flush()
    assert stored() == 1
    link.flush(force=True)
    assert stored() == 2
    link.advance("a", 7, 3, head=10)
    link.close()
    assert stored() == 3


def test_clock_step_does_not_flush(world):
    link = world.link()
    link.advance("a", 7, 1, head=10)
    world.clock.step_wall(10**12)
    link.flush()
    assert read_delivery(world.settings.link_db).watermarks == {}
    link.close()


def test_link_events_are_a_stream(world):
    link = world.link()
    link.append(world.event("link.up"))
    link.append(world.event("link.lost"))
    link.close()
    reader = world.reader("link.db", "u")
    assert [row.kind for row in reader.newest("u", 10)] == ["link.lost", "link.up"]
    reader.close()


def test_unreadable_link_counts_as_nothing_delivered(world):
    world.settings.link_db.write_bytes(b"garbage" * 1000)
    assert read_delivery(world.settings.link_db).watermarks == {}
