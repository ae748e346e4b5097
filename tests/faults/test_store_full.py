"""A real file system that is really full."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.store_world import World, picture, sql

from agent.errors import StoreError, StoreFull
from agent.store.chain import verify_chain


@pytest.fixture
def small_disk(tmp_path):
    """24 MB of ext4 on a loop device, or of tmpfs where there is no loop device; needs root."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    mount = tmp_path / "disk"
    mount.mkdir()
    image = tmp_path / "disk.img"
    with image.open("wb") as out:
        out.truncate(24 * 1024 * 1024)
    made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], capture_output=True, check=False)
    ways = [
        ["mount", "-o", "loop", str(image), str(mount)],
        ["mount", "-t", "tmpfs", "-o", "size=24m", "t", str(mount)],
    ]
    if not any(
        subprocess.run(way, capture_output=True, check=False).returncode == 0
        for way in (ways if made.returncode == 0 else ways[1:])
    ):
        pytest.skip("no small file system can be mounted here")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(disk: Path) -> Path:
    """Leave not one free block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1024 * 1024, 4096, 512):
            while True:
                try:
                    if out.write(os.urandom(size)) < size:
                        break
                except OSError:
                    break
    assert shutil.disk_usage(disk).free < 4096
    return filler


def ids(world):
    """Read a copy elsewhere: who opens a log in WAL mode maps memory on its disk, and dies of SIGBUS there."""
    watch_db = world.settings.watch_db
    with tempfile.TemporaryDirectory() as folder:
        for path in watch_db.parent.glob(f"{watch_db.name}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        found = sql(Path(folder) / watch_db.name, "SELECT event_id FROM log_a ORDER BY seq")
    return [event_id for (event_id,) in found]


def test_ballast_lets_events_be_recorded_on_a_full_disk(small_disk):
    world = World(small_disk)
    store = world.watch()
    store.record([world.event()], (), (), ())
    fill(small_disk)
    told = []

    def record_on() -> None:
        while len(told) < 20_000:
            event = world.event(text="x" * 2000)
            store.record([event], (), (), ())
            told.append(event.id)

    with pytest.raises(StoreFull, match=r"no space left"):
        record_on()
    assert len(told) > 100, "two megabytes of ballast hold more than that"
    assert not (world.settings.state_dir / "ballast-watch").exists()
    store.close()
    assert ids(world)[1:] == told


def test_fact_in_hand_is_recorded_once_space_returns(small_disk):
    world = World(small_disk)
    store = world.watch()
    slot = world.slot()
    (world.settings.state_dir / "ballast-watch").unlink()
    filler = fill(small_disk)
    offered = []

    def record_on() -> None:
        while len(offered) < 20_000:
            offered.append(world.event(text="x" * 3000))
            store.record([offered[-1]], (), (), ())

    with pytest.raises(StoreFull, match="no space left"):
        record_on()
    *answered, refused = offered
    for _ in range(3):
        with pytest.raises(StoreFull):
            store.record([refused], [slot], (), ())
    assert store.slots() == []
    filler.unlink()
    store.record([refused], [slot], (), ())
    store.record([refused], [slot], (), ())
    assert store.slots() == [slot]
    store.retain(world.clock.now())
    assert (world.settings.state_dir / "ballast-watch").exists()
    store.close()
    assert ids(world) == [event.id for event in (*answered, refused)]
    reader = world.reader()
    rows = reader.rows("a", reader.heads()[0].epoch, 0, 10**6)
    reader.close()
    assert verify_chain(rows, world.signer("watch").public) is None
    assert sql(world.settings.watch_db, "PRAGMA integrity_check") == [("ok",)]


def test_pictures_are_lost_before_an_event_is(small_disk):
    world = World(small_disk)
    store = world.watch()
    fill(small_disk)
    lost = 0
    for number in range(40):
        small, clean = picture(f"s{number}", 20_000), picture(f"c{number}", 400_000, leaves_box=False)
        event = world.incident_event(world.slot(), "incident.open", small, clean)
        store.record([event], (), (), [small, clean])
        evidence = sql(world.settings.watch_db, "SELECT body FROM log_a ORDER BY seq DESC LIMIT 1")[0][0]
        lost += b"lost(no space)" in evidence
    store.close()
    assert len(ids(world)) == 40
    assert lost == 40
    assert not list(world.settings.originals_dir.rglob(".*.part"))


def test_originals_make_room_before_the_disk_is_full(small_disk):
    world = World(small_disk)
    store = world.watch()
    for number in range(100):
        small, clean = picture(f"s{number}", 1000), picture(f"c{number}", 400_000, leaves_box=False)
        store.record([world.incident_event(world.slot(), "incident.open", small, clean)], (), (), [small, clean])
        store.retain(world.clock.now())
    store.close()
    assert shutil.disk_usage(small_disk).free > 500_000
    assert b"lost" not in b"".join(body for (body,) in sql(world.settings.watch_db, "SELECT body FROM log_a"))


def test_watermarks_can_be_written_on_a_full_disk(small_disk):
    world = World(small_disk)
    link = world.link()
    fill(small_disk)
    link.advance("a", 7, 5, head=5)
    link.flush(force=True)
    link.close()
    assert not (world.settings.state_dir / "ballast-uplink").exists()
    assert (world.settings.state_dir / "ballast-watch").exists()
    again = world.link()
    assert again.watermark("a", 7) == 5
    again.close()


def test_migrate_on_a_full_disk_names_it(small_disk):
    fill(small_disk)
    with pytest.raises(StoreError, match=r"(?i)no space left"):
        World(small_disk, fresh=True)
