import dataclasses
import json
import shutil

import pytest
from support.store_world import World, picture, sql

from agent.core.ailment import Ailment
from agent.core.incident import Phase, SlotKey
from agent.errors import StoreDamaged, StoreFull
from agent.store import originals
from agent.store.originals import original_path
from agent.store.watch_store import WatchStore


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def store(world):
    store = world.watch()
    yield store
    store.close()


def incident_bodies(world):
    return [json.loads(body)["incident"] for (body,) in sql(world.settings.watch_db, "SELECT body FROM log_a")]


def test_slot_comes_back_as_it_was_left(world, store):
    left = [
        world.slot(1, Phase.PENDING, excluded_us=77, preexisting=True),
        world.slot(2, Phase.OPEN, quiet=True, score=1 / 3, count=4),
    ]
    store.record((), left, (), ())
    store.close()
    again = world.watch()
    assert again.slots() == left
    again.close()


def test_slot_that_changes_or_is_freed(world, store):
    pending, other = world.slot(1, Phase.PENDING), world.slot(2, Phase.PENDING)
    store.record((), [pending, other], (), ())
    opened = dataclasses.replace(pending, phase=Phase.OPEN, rev=1, alert_us=5)
    store.record([world.incident_event(opened)], [opened], [other.key], ())
    assert store.slots() == [opened]


def test_a_state_of_a_camera_commits_with_its_event_or_not_at_all(world, store):
    event = world.event("camera.impaired", camera="gate", state="moved")
    ailment = Ailment("gate", "moved", event.id, 5)
    other = Ailment("yard", "moved", event.id, 6)
    store.record([event], (), (), (), ailing=[ailment, other])
    assert store.ailments() == [ailment, other]
    store.close()

    def dying(body):
        raise RuntimeError("power cut")

    dead = WatchStore(world.settings, dying, world.clock)
    with pytest.raises(RuntimeError):
        dead.record([world.event("camera.restored", camera="gate")], (), (), (), cured=[ailment])
    dead.close()
    again = world.watch()
    assert again.ailments() == [ailment, other]
    again.record([world.event("camera.restored", camera="gate")], (), (), (), cured=[ailment])
    again.close()
    last = world.watch()
    assert last.ailments() == [other]
    last.close()


def test_a_camera_event_whose_picture_is_lost_says_so_and_one_that_is_kept_is_found(world, store):
    kept, lost = picture("kept"), picture("lost", size=40_000)
    event = dataclasses.replace(world.event("camera.impaired", camera="gate"), images=(kept.ref, lost.ref))
    shutil.rmtree(world.settings.originals_dir)
    world.settings.originals_dir.write_bytes(b"in the way")  # a large picture becomes a file there
    store.record([event], (), (), [kept, lost])
    ((body,),) = sql(world.settings.watch_db, "SELECT body FROM log_a")
    told = json.loads(body)
    assert [image["sha256"] for image in told["images"]] == [kept.sha256]
    assert told["evidence"].startswith("lost(")
    assert sql(world.settings.media_db, "SELECT event_id, sha256 FROM log_m") == [(event.id, kept.sha256)]


def test_slot_freed_and_taken_in_one_frame_is_taken(world, store):
    slot = world.slot()
    store.record((), [slot], (), ())
    store.record((), [slot], [slot.key], ())
    assert store.slots() == [slot]


def test_event_and_rule_state_commit_together_or_not_at_all(world, store):
    slot = world.slot()
    good = world.incident_event(slot)
    too_long = world.event(text="x" * 5000)
    with pytest.raises(ValueError, match="limit"):
        store.record([good, too_long], [slot], (), ())
    assert (store.slots(), incident_bodies(world)) == ([], [])


def test_freeing_a_slot_nobody_has_is_harmless(store):
    store.record((), (), [SlotKey("gate", "intrusion", "yard", 9)], ())
    assert store.slots() == []


def test_pictures_are_on_disk_although_the_event_never_was(world, store):
    small, clean = picture("small"), picture("clean", 90_000, leaves_box=False)
    event = world.incident_event(world.slot(), "incident.open", small, clean)
    too_long = world.event(text="x" * 5000)
    with pytest.raises(ValueError, match="limit"):
        store.record([event, too_long], (), (), [small, clean])
    reader = world.reader("media.db", "m")
    assert reader.image_by_sha(small.sha256).content == small.content
    reader.close()
    assert original_path(world.settings.originals_dir, clean.sha256).read_bytes() == clean.content


def test_pictures_keep_their_order_and_their_event(world, store):
    first, second = picture("1", kind="overview"), picture("2", kind="closeup")
    event = world.incident_event(world.slot(), "incident.open", first, second)
    store.record([event], (), (), [first, second])
    reader = world.reader("media.db", "m")
    (head,) = reader.heads()
    stored = [reader.image(head.epoch, row.seq) for row in reader.rows("m", head.epoch, 0, 10)]
    reader.close()
    assert [(image.kind, image.content, image.event_id) for image in stored] == [
        ("overview", first.content, event.id),
        ("closeup", second.content, event.id),
    ]


def test_record_repeated_stores_each_picture_once(world, store):
    image = picture("1")
    event = world.incident_event(world.slot(), "incident.open", image)
    for _ in range(3):
        store.record([event], (), (), [image])
    assert sql(world.settings.media_db, "SELECT seq, event_id FROM log_m") == [(1, event.id)]
    assert incident_bodies(world)[0]["images"][0]["sha256"] == image.sha256


def test_one_picture_of_two_events_travels_for_both(world, store):
    image = picture("shared")
    events = [world.incident_event(world.slot(place), "incident.open", image) for place in (1, 2)]
    store.record(events, (), (), [image])
    assert sql(world.settings.media_db, "SELECT event_id FROM log_m ORDER BY seq") == [(event.id,) for event in events]
    assert sql(world.settings.media_db, "SELECT count(*) FROM pictures") == [(1,)]


def test_clean_picture_stays_out_of_every_stream(world, store):
    shown, clean = picture("shown"), picture("clean", 500, leaves_box=False)
    event = world.incident_event(world.slot(), "incident.open", shown, clean)
    store.record([event], (), (), [shown, clean])
    assert sql(world.settings.media_db, "SELECT sha256 FROM log_m") == [(shown.sha256,)]
    assert sql(world.settings.media_db, "SELECT sha256, event_id FROM originals") == [(clean.sha256, event.id)]


@pytest.mark.parametrize(("size", "as_file"), [(32_768, False), (32_769, True)])
def test_large_picture_that_leaves_is_a_file_in_the_stream(world, store, size, as_file):
    image = picture("large", size)
    store.record([world.incident_event(world.slot(), "incident.open", image)], (), (), [image])
    assert original_path(world.settings.originals_dir, image.sha256).exists() is as_file
    reader = world.reader("media.db", "m")
    assert reader.image(reader.heads()[0].epoch, 1).content == image.content
    reader.close()


def test_lost_picture_never_holds_back_its_event(world, store):
    shown, large = picture("shown", kind="closeup"), picture("large", 50_000)
    blocked = original_path(world.settings.originals_dir, large.sha256).parent
    blocked.write_text("a file where the folder should be")
    event = world.incident_event(world.slot(), "incident.open", shown, large)
    store.record([event], (), (), [shown, large])
    (incident,) = incident_bodies(world)
    assert [ref["sha256"] for ref in incident["images"]] == [shown.sha256]
    assert incident["evidence"] == "lost(write error)"


def test_lost_clean_picture_is_told_too(world, store):
    shown, clean = picture("shown"), picture("clean", 500, leaves_box=False)
    original_path(world.settings.originals_dir, clean.sha256).parent.write_text("in the way")
    event = world.incident_event(world.slot(), "incident.open", shown, clean, evidence="no before")
    store.record([event], (), (), [shown, clean])
    (incident,) = incident_bodies(world)
    assert [ref["sha256"] for ref in incident["images"]] == [shown.sha256]
    assert incident["evidence"] == "no before; lost(write error)"


def test_folder_of_originals_that_went_away_is_made_again(world, store):
    shown, clean = picture("shown"), picture("clean", 500, leaves_box=False)
    world.settings.originals_dir.rmdir()
    event = world.incident_event(world.slot(), "incident.open", shown, clean)
    store.record([event], (), (), [shown, clean])
    (incident,) = incident_bodies(world)
    assert "evidence" not in incident
    assert original_path(world.settings.originals_dir, clean.sha256).read_bytes() == clean.content


def test_folder_of_originals_that_cannot_be_made_costs_what_belongs_there(world, store):
    shown, clean = picture("shown"), picture("clean", 500, leaves_box=False)
    world.settings.originals_dir.rmdir()
    world.settings.originals_dir.symlink_to("a-disk-that-is-not-mounted")
    event = world.incident_event(world.slot(), "incident.open", shown, clean)
    store.record([event], (), (), [shown, clean])
    (incident,) = incident_bodies(world)
    assert [ref["sha256"] for ref in incident["images"]] == [shown.sha256]
    assert incident["evidence"] == "lost(write error)"


def test_damaged_media_costs_the_pictures_not_the_event_and_stops_the_program(world, store):
    image, slot = picture("1"), world.slot()
    event = world.incident_event(slot, "incident.open", image)
    for suffix in ("", "-wal"):
        path = world.settings.media_db.with_name(f"media.db{suffix}")
        if path.exists():
            path.write_bytes(b"\x5a" * max(8192, path.stat().st_size))
    with pytest.raises(StoreDamaged, match=r"media.db is damaged.*commune-agent migrate"):
        store.record([event], [slot], (), [image])
    (incident,) = incident_bodies(world)
    assert "images" not in incident
    assert incident["evidence"] == "lost(damaged)"
    assert store.slots() == [slot]


def test_media_quota_gives_up_the_oldest_pictures_and_keeps_the_new_one(tmp_path):
    world = World(tmp_path, max_media_bytes=1_000_000)
    store = world.watch()
    sent = []
    for number in range(60):
        image = picture(str(number), 30_000)
        sent.append(image.sha256)
        event = world.incident_event(world.slot(), "incident.open", image)
        store.record([event], (), (), [image])
    store.close()
    assert all("evidence" not in incident for incident in incident_bodies(world))
    reader = world.reader("media.db", "m")
    (head,) = reader.heads()
    stored = [reader.image(head.epoch, seq) for seq in range(1, 61)]
    reader.close()
    assert [image.sha256 for image in stored] == sent
    gone = [image.gone for image in stored]
    given_up = gone.count("quota")
    assert 25 <= given_up <= 40
    assert gone == ["quota"] * given_up + [None] * (60 - given_up)
    assert world.settings.media_db.stat().st_size <= 1_000_000


def test_original_written_before_is_not_written_again(tmp_path):
    (tmp_path / "originals").mkdir()
    image = picture("1", 50_000)
    assert originals.keep(tmp_path / "originals", image.sha256, image.content) == 50_000
    assert originals.keep(tmp_path / "originals", image.sha256, image.content) == 0


def test_half_written_original_is_completed(tmp_path):
    (tmp_path / "originals").mkdir()
    image = picture("1", 50_000)
    path = original_path(tmp_path / "originals", image.sha256)
    path.parent.mkdir()
    path.write_bytes(image.content[:100])
    originals.keep(tmp_path / "originals", image.sha256, image.content)
    assert path.read_bytes() == image.content
    assert [left.name for left in path.parent.iterdir()] == [image.sha256]


def test_store_error_of_a_full_quota_names_the_file(tmp_path):
    world = World(tmp_path, max_log_bytes=200_000)
    store = world.watch()

    def fill() -> None:
        for number in range(2000):
            store.note(world.event(number=number, text="x" * 500))

    with pytest.raises(StoreFull, match=r"watch.db: no space left .*raise its quota"):
        fill()
    recorded = sql(world.settings.watch_db, "SELECT count(*) FROM log_w")[0][0]
    store.close()
    assert recorded > 100
