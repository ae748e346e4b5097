"""Damaged files: what can be read is saved under a new epoch, the damaged file is kept, and the chain holds."""

import json
import random
import shutil
from pathlib import Path

import jsonschema
import pytest
from support.store_world import World, picture, sql

import agent.core.schemas
from agent.errors import StoreDamaged, StoreVersion
from agent.store.chain import verify_chain

PAGE = 4096


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def write(world, count):
    store = world.watch()
    events = [world.event(number=number, text="x" * 300) for number in range(count)]
    for event in events:
        store.record([event], (), (), ())
    slots = [world.slot(place) for place in range(3)]
    store.record((), slots, (), ())
    store.close()
    return events, slots


def destroy(path, pages):
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)


def leaf_pages(world, name, table):
    """Pages that hold rows of a table: those whose first byte marks a table leaf and that its rows' text is in."""
    content = (world.settings.state_dir / name).read_bytes()
    marker = table.encode()
    return [
        number
        for number in range(2, len(content) // PAGE)
        if content[number * PAGE] == 13 and marker in content[number * PAGE : (number + 1) * PAGE]
    ]


def newest_epoch(world, stream="a", name="watch.db"):
    reader = world.reader(name, stream)
    heads = reader.heads()
    rows = reader.rows(stream, heads[-1].epoch, 0, 10**6)
    reader.close()
    return heads, rows


def test_destroyed_pages_cost_their_rows_and_no_others(world, seed):
    events, slots = write(world, 600)
    old_heads, _ = newest_epoch(world)
    bodies = leaf_pages(world, "watch.db", '"number":')
    broken = random.Random(seed).sample(bodies[1:-1], 3)
    destroy(world.settings.watch_db, broken)
    with pytest.raises(StoreDamaged):
        raise_damage(world)
    line = next(line for line in world.migrate() if "watch.db" in line)
    assert "was damaged" in line
    heads, rows = newest_epoch(world)
    ids = [event.id for event in events]
    saved = [row.event_id for row in rows]
    assert heads[-1].epoch != old_heads[-1].epoch
    assert heads[-1].first_seq == 601
    assert saved == [event_id for event_id in ids if event_id in set(saved)]
    lost = len(ids) - len(saved)
    assert 3 <= lost <= 3 * 8
    assert f"lost {lost}" in line
    assert verify_chain(rows, world.signer("watch").public) is None
    store = world.watch()
    assert store.slots() == slots
    store.close()
    told = sql(world.settings.watch_db, "SELECT body FROM log_w WHERE kind = 'store.epoch'")
    assert len(told) == 1
    assert_known_to_hq(told[0][0])
    assert f'"lost":{lost}'.encode() in told[0][0]


def assert_known_to_hq(body):
    schema = json.loads(Path(agent.core.schemas.__path__[0], "event.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads(body), schema)


def raise_damage(world):
    reader = world.reader("watch.db", "a")
    try:
        reader.rows("a", reader.heads()[-1].epoch, 0, 10**6)
    finally:
        reader.close()


def test_damaged_file_is_kept_byte_for_byte(world):
    write(world, 100)
    destroy(world.settings.watch_db, leaf_pages(world, "watch.db", '"number":')[:1])
    before = world.settings.watch_db.read_bytes()
    world.migrate()
    (kept,) = world.settings.state_dir.glob("watch.db.broken-*")
    assert kept.read_bytes() == before
    world.migrate()
    assert len(list(world.settings.state_dir.glob("watch.db.broken-*"))) == 1


def test_what_hq_has_keeps_its_place_and_is_not_sent_again(world):
    events, _ = write(world, 300)
    world.ack("a", 200)
    destroy(world.settings.watch_db, leaf_pages(world, "watch.db", '"number":')[10:11])
    world.migrate()
    heads, rows = newest_epoch(world)
    assert [row.event_id for row in rows] == [event.id for event in events[200:]]
    old, new = heads
    assert (old.current, new.current) == (False, True)
    assert (old.head_seq, new.first_seq) == (200, 301)
    link = world.link()
    assert link.watermark("a", old.epoch) == 200
    link.close()
    from agent.store.views import Views

    views = Views(world.settings)
    assert views.backlog()["a"] == 100
    views.close()


@pytest.mark.parametrize("name", ["watch.db", "media.db", "desk.db", "link.db"])
@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0" + b"\0" * 5000, b"\xff" * 9000], ids=["empty", "zeros", "noise"]
)
def test_file_that_is_no_database_is_set_aside(world, name, content):
    (world.settings.state_dir / name).write_bytes(content)
    line = next(line for line in world.migrate() if name in line)
    assert "was damaged" in line
    (kept,) = world.settings.state_dir.glob(f"{name}.broken-*")
    assert kept.read_bytes() == content
    for opens in ("watch", "desk", "link"):
        getattr(world, opens)().close()


def test_programs_refuse_a_damaged_file_and_name_the_command(world):
    world.settings.watch_db.write_bytes(b"\xff" * 9000)
    with pytest.raises(StoreDamaged, match=r"watch.db is damaged .*run: commune-agent migrate"):
        world.watch()


def test_salvaged_pictures_are_checked_and_lost_ones_leave_tombstones(world, seed):
    store = world.watch()
    images = [picture(str(number), 2000) for number in range(60)]
    for image in images:
        store.record([world.incident_event(world.slot(), "incident.open", image)], (), (), [image])
    store.close()
    content = world.settings.media_db.read_bytes()
    # Scribble into the middle of pictures, where SQLite itself notices nothing, and destroy a page, which it does.
    holders = {image.sha256: content.find(image.content[:64]) for image in images}
    scribbled = random.Random(seed).choice(images[20:40])
    with world.settings.media_db.open("r+b") as file:
        file.seek(holders[scribbled.sha256] + 100)
        file.write(b"\xa5\x5a")
    destroy(world.settings.media_db, [holders[images[5].sha256] // PAGE])
    world.migrate()
    _, rows = newest_epoch(world, "m", "media.db")
    reader = world.reader("media.db", "m")
    stored = {image.sha256: image for image in (reader.image(row.epoch, row.seq) for row in rows)}
    reader.close()
    by_sha = {image.sha256: image.content for image in images}
    assert all(found.content in (None, by_sha[sha]) for sha, found in stored.items())
    assert stored[scribbled.sha256].gone == "damaged"
    assert 2 <= sum(found.content is None for found in stored.values()) <= 6
    assert [row.seq for row in rows] == list(range(rows[0].seq, rows[0].seq + len(rows)))


def test_damaged_file_of_another_generation_is_not_touched(world):
    write(world, 100)
    sql(world.settings.watch_db, "PRAGMA user_version = 2001")
    destroy(world.settings.watch_db, leaf_pages(world, "watch.db", '"number":')[:1])
    before = world.settings.watch_db.read_bytes()
    with pytest.raises(StoreVersion, match="generation 2"):
        world.migrate()
    assert world.settings.watch_db.read_bytes() == before


def test_salvage_interrupted_between_its_renames_is_finished(world):
    """The moment after the damaged file was moved away and before the new one took its place."""
    events, _ = write(world, 50)
    ready = world.settings.state_dir / ".watch.db.salvaged-20300101T000000Z"
    world.settings.watch_db.rename(ready)
    world.migrate()
    _, rows = newest_epoch(world)
    assert [row.event_id for row in rows] == [event.id for event in events]
    assert not ready.exists()


def test_write_ahead_log_of_the_damaged_file_never_meets_the_new_one(world):
    """The moment before any rename: were the old log replayed over the salvaged file, it would be damaged again."""
    events, _ = write(world, 50)
    ready = world.settings.state_dir / ".watch.db.salvaged-20300101T000000Z"
    shutil.copy(world.settings.watch_db, ready)
    wal = world.settings.watch_db.with_name("watch.db-wal")
    store = world.watch()
    store.record([world.event()], (), (), ())
    left = wal.read_bytes()
    store.close()
    wal.write_bytes(left)
    world.migrate()
    _, rows = newest_epoch(world)
    assert [row.event_id for row in rows] == [event.id for event in events]
    kept = {path.name for path in world.settings.state_dir.glob("watch.db.broken-*")}
    assert kept == {"watch.db.broken-20300101T000000Z", "watch.db.broken-20300101T000000Z-wal"}


def test_rows_still_in_the_write_ahead_log_are_saved(world):
    store = world.watch()
    first = [world.event(number=number, text="x" * 300) for number in range(100)]
    for event in first:
        store.record([event], (), (), ())
    store.close()
    store = world.watch()
    late = world.event(number=101)
    store.record([late], (), (), ())
    copy = world.settings.state_dir.parent / "power cut"
    copy.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(world.settings.state_dir / f"watch.db{suffix}", copy)
    store.close()
    shutil.copy(copy / "watch.db", world.settings.watch_db)
    shutil.copy(copy / "watch.db-wal", world.settings.watch_db.with_name("watch.db-wal"))
    destroy(world.settings.watch_db, leaf_pages(world, "watch.db", '"number":')[3:4])
    world.migrate()
    _, rows = newest_epoch(world)
    assert rows[-1].event_id == late.id
    assert 80 < len(rows) < 101
