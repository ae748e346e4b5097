import shutil

import pytest
from support.store_world import World, picture, sql

from agent.errors import StoreDamaged, StoreVersion


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def reader(world):
    reader = world.reader()
    yield reader
    reader.close()


def write(world, count=1):
    store = world.watch()
    for number in range(count):
        store.note(world.event(number=number))
    store.close()


def test_reads_while_the_writer_writes_and_after_it_is_gone(world, reader):
    store = world.watch()
    for number in range(3):
        store.note(world.event(number=number))
        assert [head.head_seq for head in reader.heads()] == [0, number + 1]
    store.close()
    assert [head.head_seq for head in reader.heads()] == [0, 3]
    reader.close()
    assert [head.head_seq for head in reader.heads()] == [0, 3]


def test_tells_changes_once(world, reader):
    store = world.watch()
    assert reader.changed()
    assert not reader.changed()
    store.note(world.event())
    assert reader.changed()
    assert not reader.changed()
    store.close()


def test_missing_file_says_what_to_run(tmp_path, world):
    world.settings.watch_db.unlink()
    reader = world.reader()
    with pytest.raises(StoreVersion, match=r"watch.db is missing; run: commune-agent migrate"):
        reader.heads()
    with pytest.raises(StoreVersion, match="is missing"):
        reader.changed()


def test_file_that_appears_later_is_read(world):
    kept = world.settings.watch_db.rename(world.settings.state_dir / "away")
    reader = world.reader()
    with pytest.raises(StoreVersion):
        reader.heads()
    kept.rename(world.settings.watch_db)
    assert len(reader.heads()) == 2
    reader.close()


def test_replaced_file_is_followed(world, reader):
    write(world, 2)
    old = reader.heads()[1]
    other = World(world.settings.state_dir.parent / "other", fresh=True)
    write(other, 5)
    assert not (reader.changed() and reader.changed())
    other.settings.watch_db.replace(world.settings.watch_db)
    assert reader.changed()
    new = reader.heads()[1]
    assert (old.head_seq, new.head_seq) == (2, 5)
    assert old.epoch != new.epoch


def test_other_generation_is_refused(world, reader):
    sql(world.settings.watch_db, "PRAGMA user_version = 3001")
    with pytest.raises(StoreVersion, match="generation 3, this program reads generation 1"):
        reader.heads()


def test_garbage_is_damage(world, reader):
    world.settings.watch_db.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreDamaged, match="commune-agent migrate"):
        reader.heads()


def test_rows_come_in_order_within_their_bounds(world, reader):
    write(world, 10)
    epoch = reader.heads()[1].epoch
    assert [row.seq for row in reader.rows("w", epoch, 0, 3)] == [1, 2, 3]
    assert [row.seq for row in reader.rows("w", epoch, 7, 100)] == [8, 9, 10]
    assert [row.seq for row in reader.rows("w", epoch, 2, 100, upto=4)] == [3, 4]
    assert reader.rows("w", epoch + 1, 0, 100) == []
    assert [row.seq for row in reader.newest("w", 2)] == [10, 9]


def test_open_reader_holds_up_no_checkpoint(world, reader):
    """A read transaction left open would let the write-ahead log grow without bound."""
    store = world.watch()
    for number in range(1200):
        store.note(world.event(number=number))
        if number % 100 == 0:
            reader.changed()
            reader.rows("w", reader.heads()[1].epoch, 0, 10)
    wal = world.settings.watch_db.with_name("watch.db-wal").stat().st_size
    store.close()
    assert wal < 4_200_000


def test_reader_never_writes_the_file(world, tmp_path):
    """As last to close, a read-write connection would checkpoint; the writer alone may."""
    store = world.watch()
    store.note(world.event())
    copy = tmp_path / "copy"
    copy.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(world.settings.state_dir / f"watch.db{suffix}", copy / f"watch.db{suffix}")
    store.close()
    before = (copy / "watch.db").read_bytes()
    reader = type(world.reader())(copy / "watch.db", "w")
    assert reader.heads()[0].head_seq == 1
    reader.close()
    assert (copy / "watch.db").read_bytes() == before
    assert (copy / "watch.db-wal").exists()


def test_unknown_picture_is_none(world):
    reader = world.reader("media.db", "m")
    assert reader.image(1, 1) is None
    assert reader.image_by_sha("0" * 64) is None
    reader.close()


def test_large_picture_whose_file_is_gone_is_a_tombstone(world):
    store = world.watch()
    image = picture("large", 40_000)
    store.record([world.incident_event(world.slot(), "incident.open", image)], (), (), [image])
    store.close()
    (world.settings.originals_dir / image.sha256[:2] / image.sha256).unlink()
    reader = world.reader("media.db", "m")
    stored = reader.image_by_sha(image.sha256)
    reader.close()
    assert (stored.content, stored.gone) == (None, "evicted")
