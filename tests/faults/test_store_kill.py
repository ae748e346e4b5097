"""kill -9 at random moments: what was answered is there, in one unbroken chain, and the file is sound."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.store_world import World, sql

from agent.store.chain import verify_chain

# Runs as a program of its own, so that the kill is real. The truth file is written only after the store answered;
# each line is one write(2), which a killed process leaves whole or not at all.
WRITER = """
import os, sys
from pathlib import Path
from agent.clock import SystemClock, uuid7
from agent.keys import load_signer
from agent.store.settings import StoreSettings
from agent.store.watch_store import WatchStore
sys.path.insert(0, sys.argv[2])
from support.store_world import World, picture

world = World.__new__(World)
world.settings = StoreSettings("box-7", Path(sys.argv[1]))
world.clock = SystemClock()
store = world.watch()
truth = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
print("ready", flush=True)
number = 0
while True:
    number += 1
    slot = world.slot(number % 4)
    image = picture(f"{os.getpid()} {number}", 3000)
    event = world.incident_event(slot, "incident.open", image)
    store.record([event], [slot], (), [image])
    os.write(truth, f"a {event.id} {image.sha256} {slot.key.slot} {slot.incident}\\n".encode())
    note = world.event("health.minute", number=number)
    store.note(note)
    os.write(truth, f"w {note.id}\\n".encode())
"""


def run_until_killed(world, truth, after_s):
    tests = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(tests.parent)}
    arguments = [sys.executable, "-c", WRITER, str(world.settings.state_dir), str(tests), str(truth)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(after_s)  # the fault itself: a moment drawn at random, nothing is waited for
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(timeout=10) == -signal.SIGKILL


def check(world, truth):
    """Compare the files with the truth file; gives how many events were answered."""
    answered = [line.split() for line in truth.read_text("ascii").splitlines()] if truth.exists() else []
    for name in ("watch.db", "media.db"):
        assert sql(world.settings.state_dir / name, "PRAGMA integrity_check") == [("ok",)]
    for stream in "aw":
        reader = world.reader("watch.db", stream)
        (head,) = reader.heads()
        rows = reader.rows(stream, head.epoch, 0, 10**6)
        reader.close()
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert verify_chain(rows, world.signer("watch").public) is None
        stored = [row.event_id for row in rows]
        expected = [line[1] for line in answered if line[0] == stream]
        assert sorted(set(expected) - set(stored)) == []
        assert len(stored) == len(set(stored))
    check_pictures(world)
    check_slots(world, [line for line in answered if line[0] == "a"])
    return len(answered)


def check_pictures(world):
    """I1: whatever an event names was durable before it."""
    reader = world.reader("media.db", "m")
    for (body,) in sql(world.settings.watch_db, "SELECT body FROM log_a"):
        for ref in json.loads(body)["incident"]["images"]:
            assert reader.image_by_sha(ref["sha256"]).content is not None
    reader.close()


def check_slots(world, answered):
    """I1: rule state is exactly that of the newest stored event of its slot."""
    newest = {}
    for (body,) in sql(world.settings.watch_db, "SELECT body FROM log_a ORDER BY seq"):
        incident = json.loads(body)["incident"]
        newest[incident["slot"]] = incident["id"]
    assert newest == dict(sql(world.settings.watch_db, "SELECT slot, incident FROM slots"))
    assert {int(line[3]) for line in answered} <= set(newest)


@pytest.mark.parametrize("kills", [pytest.param(6, id="slice"), pytest.param(60, id="all", marks=pytest.mark.long)])
def test_nothing_answered_is_lost_to_kill_9(tmp_path, seed, kills):
    print(f"seed {seed}")
    chance = random.Random(seed)
    world = World(tmp_path)
    truth = tmp_path / "truth.txt"
    answered = 0
    for _ in range(kills):
        run_until_killed(world, truth, chance.uniform(0.0, 0.4))
        if chance.random() < 0.5:
            world.migrate()
        answered = check(world, truth)
    assert answered > kills  # the writer did get to write between the kills
