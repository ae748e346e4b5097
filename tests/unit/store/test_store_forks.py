import json
import shutil

import pytest
from support.store_world import World, picture, sql

from agent.store.chain import verify_chain


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def snapshot(world, name):
    copy = world.settings.state_dir.parent / f"{name}.snapshot"
    shutil.copy(world.settings.state_dir / name, copy)
    return lambda: shutil.copy(copy, world.settings.state_dir / name)


def record(world, count):
    store = world.watch()
    events = [world.event(number=number) for number in range(count)]
    for event in events:
        store.record([event], (), (), ())
    store.close()
    return events


def rows(world, stream="a", name="watch.db"):
    reader = world.reader(name, stream)
    head = reader.heads()[-1]
    found = reader.rows(stream, head.epoch, 0, 1000)
    reader.close()
    return head, found


def test_rolled_back_disk_starts_a_new_epoch_and_offers_everything_again(world):
    early = record(world, 5)
    old, _ = rows(world)
    restore = snapshot(world, "watch.db")
    record(world, 5)
    world.ack("a", 10)
    restore()
    (late,) = record(world, 1)
    head, found = rows(world)
    assert head.epoch != old.epoch
    assert head.first_seq == 6
    assert [row.event_id for row in found] == [event.id for event in (*early, late)]
    assert [row.seq for row in found] == [6, 7, 8, 9, 10, 11]
    assert verify_chain(found, world.signer("watch").public) is None


def test_new_epoch_is_told_as_an_event(world):
    record(world, 2)
    restore = snapshot(world, "watch.db")
    record(world, 2)
    world.ack("a", 4)
    restore()
    for _ in range(2):
        world.watch().close()
    _, found = rows(world, "w")
    (body,) = [json.loads(row.body) for row in found]
    assert body["kind"] == "store.epoch"
    assert body["file"] == "watch.db"
    assert body["reason"] == "rolled back: HQ has stream a up to 4, here it ends at 2"
    assert body["moved"] == {"a": 2, "w": 0}


def test_healthy_start_keeps_its_epoch(world):
    record(world, 3)
    world.ack("a", 3)
    before, _ = rows(world)
    record(world, 1)
    after, _ = rows(world)
    assert before.epoch == after.epoch


def test_claim_of_hq_starts_a_new_epoch_at_the_next_start_and_only_then(world):
    record(world, 3)
    head, _ = rows(world)
    link = world.link()
    assert not link.advance("a", head.epoch, 50, head.head_seq)
    link.close()
    record(world, 1)
    renewed, found = rows(world)
    assert renewed.epoch != head.epoch
    assert len(found) == 4
    record(world, 1)
    assert rows(world)[0].epoch == renewed.epoch


def test_rolled_back_pictures_move_in_order_with_their_bytes(world):
    store = world.watch()
    images = [picture(str(number)) for number in range(4)]
    for image in images:
        store.record([world.incident_event(world.slot(), "incident.open", image)], (), (), [image])
    store.close()
    restore = snapshot(world, "media.db")
    store = world.watch()
    more = picture("more")
    store.record([world.incident_event(world.slot(), "incident.open", more)], (), (), [more])
    store.close()
    world.ack("m", 5, "media.db")
    restore()
    store = world.watch()
    store.record([world.incident_event(world.slot(), "incident.open", more)], (), (), [more])
    store.close()
    reader = world.reader("media.db", "m")
    head = reader.heads()[-1]
    stored = [reader.image(head.epoch, row.seq) for row in reader.rows("m", head.epoch, 0, 100)]
    assert len(reader.heads()) == 1
    reader.close()
    assert head.oldest_seq > 4
    assert [image.content for image in stored] == [image.content for image in (*images, more)]
    assert sql(world.settings.watch_db, "SELECT count(*) FROM log_w WHERE kind = 'store.epoch'") == [(1,)]


@pytest.mark.parametrize(("opens", "stream", "name"), [("desk", "d", "desk.db"), ("link", "u", "link.db")])
def test_other_files_notice_a_claim_too(world, opens, stream, name):
    def add():
        store = getattr(world, opens)()
        (store.append if opens == "link" else store.record)(world.event())
        store.close()

    add()
    head, _ = rows(world, stream, name)
    link = world.link()
    link.advance(stream, head.epoch, 9, head.head_seq)
    link.close()
    add()
    renewed, found = rows(world, stream, name)
    assert renewed.epoch != head.epoch
    assert [row.kind for row in found] == ["camera.lost", "store.epoch", "camera.lost"]


def test_renewal_interrupted_changes_nothing(world, tmp_path):
    """A signer that fails half way stands for any crash inside the renewing transaction."""
    record(world, 5)
    restore = snapshot(world, "watch.db")
    record(world, 5)
    world.ack("a", 10)
    restore()
    before = sql(world.settings.watch_db, "SELECT seq, epoch, body FROM log_a ORDER BY seq")
    calls = []

    def failing(body):
        calls.append(body)
        if len(calls) == 3:
            raise RuntimeError("power cut")
        return world.signer("watch")(body)

    from agent.store.watch_store import WatchStore

    with pytest.raises(RuntimeError):
        WatchStore(world.settings, failing, world.clock)
    assert sql(world.settings.watch_db, "SELECT seq, epoch, body FROM log_a ORDER BY seq") == before
    record(world, 1)
    assert len(rows(world)[1]) == 6
