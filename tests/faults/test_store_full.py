"""A real file system that is really full."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.commands import CAMERA, command, one_line, write_site
from support.stand import Program, until
from support.store_world import World, picture, sql

from agent.clock import SystemClock
from agent.errors import StoreFull
from agent.runtime import drop_ask, read_watch
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
    with pytest.raises(StoreFull, match=r"(?i)no space left on device; free space on that disk"):
        World(small_disk, fresh=True)


@pytest.mark.parametrize("process", ["watch", "uplink", "page"])
def test_a_store_opens_on_a_full_disk_by_its_ballast(small_disk, process):
    """Power comes back, the disk is full: the box must find its way to work by itself."""
    world = World(small_disk)
    opened = {"watch": world.watch, "uplink": world.link, "page": world.desk}[process]
    opened().close()
    fill(small_disk)
    store = opened()
    spent = [
        name for name in ("watch", "uplink", "page") if not (world.settings.state_dir / f"ballast-{name}").exists()
    ]
    assert spent == [process]
    (store.note if process == "watch" else store.append if process == "uplink" else store.record)(world.event())
    store.close()


def site_on(disk: Path, folder: Path) -> Path:
    """A site whose store lies on ``disk`` and everything else elsewhere."""
    site = write_site(folder, 1883, camera=CAMERA.replace('"clip.mp4"', '"clip.mp4"\nloop = true'))
    site.write_text(site.read_text("utf-8").replace('state_dir = "state"', f'state_dir = "{disk}/state"'), "utf-8")
    return site


def test_a_full_disk_is_one_line_with_its_remedy(small_disk, tmp_path):
    site = site_on(small_disk, tmp_path / "box")
    filler = fill(small_disk)
    one_line(command("migrate", site), 6, f"{small_disk}/state", "No space left on device", "free space on that disk")
    filler.unlink()
    assert command("migrate", site).returncode == 0
    (small_disk / "state/ballast-watch").unlink()
    fill(small_disk)
    one_line(command("watch", site), 6, f"{small_disk}/state/watch.db", "no space left", "free space on that disk")


def test_a_box_whose_disk_fills_up_goes_on_says_why_and_loses_no_fact(small_disk, tmp_path):
    site = site_on(small_disk, tmp_path / "box")
    assert command("migrate", site).returncode == 0
    state, runtime = small_disk / "state", tmp_path / "box/runtime"
    watch = Program(tmp_path, "watch", "agent", "watch", str(site))
    try:
        until(lambda: (status := read_watch(runtime)) and status.cameras[0].fps > 0, 30, "the camera to be judged")
        watch.child.send_signal(signal.SIGSTOP)
        asks = [drop_ask(state / "ask/watch", "test_alert", SystemClock().now()).id for _ in range(30)]
        (state / "ballast-watch").unlink()
        filler = fill(small_disk)
        watch.child.send_signal(signal.SIGCONT)
        trouble = until(lambda: read_watch(runtime).trouble, 20, "the trouble to be told")
        assert f"{state}/watch.db: no space left" in trouble
        assert watch.child.poll() is None
        asked = command("test-alert", site)
        one_line(asked, 6, f"{state}/ask/watch", "No space left on device", "is its disk full?")
        filler.unlink()
        until(lambda: not read_watch(runtime).trouble and not any((state / "ask/watch").iterdir()), 20, "all recorded")
        assert watch.stop() == 0
        assert "Traceback" not in watch.text()
    finally:
        if watch.child.poll() is None:
            watch.kill()
    listed = json.loads(command("events", site, "list", "--limit", "100", "--json").stdout)
    assert sorted(event["re"] for event in listed if event["kind"] == "test.alert") == sorted(asks)
