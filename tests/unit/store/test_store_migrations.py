import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.store_world import World, sql

from agent.errors import StoreError, StoreVersion
from agent.keys import load_signer
from agent.store import files, schema
from agent.store.ballast import BALLAST_BYTES
from agent.store.migrations import migrate
from agent.store.settings import StoreSettings

FILES = ("watch.db", "media.db", "desk.db", "link.db")
VERSIONS = {"watch.db": 1002, "media.db": 1001, "desk.db": 1001, "link.db": 1001}


def test_first_run_makes_everything_the_programs_need(tmp_path):
    settings = StoreSettings("box-7", tmp_path / "state")
    lines = migrate(settings)
    assert [line for line in lines if "created" in line] == [
        f"{settings.state_dir / name}: created, version {VERSIONS[name]}" for name in FILES
    ]
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
    assert settings.originals_dir.is_dir()
    for process in ("watch", "page", "uplink"):
        load_signer(settings.keys_dir / f"{process}.key")
        assert (settings.state_dir / f"ballast-{process}").stat().st_blocks * 512 >= BALLAST_BYTES
        assert settings.ask_dir(process).is_dir()
    for name in FILES:
        assert stat.S_IMODE((settings.state_dir / name).stat().st_mode) == 0o600


def test_second_run_changes_nothing(tmp_path):
    world = World(tmp_path)
    before = {path: path.read_bytes() for path in world.settings.state_dir.rglob("*") if path.is_file()}
    world.migrate()
    assert {path: path.read_bytes() for path in world.settings.state_dir.rglob("*") if path.is_file()} == before


def test_every_table_is_strict(tmp_path):
    world = World(tmp_path)
    for name in FILES:
        tables = sql(world.settings.state_dir / name, "SELECT sql FROM sqlite_schema WHERE sql LIKE 'CREATE TABLE%'")
        loose = [text for (text,) in tables if "sqlite_sequence" not in text and not text.rstrip().endswith("STRICT")]
        assert loose == []


@pytest.mark.parametrize("name", FILES)
def test_file_of_another_generation_is_refused_and_left_as_it_was(tmp_path, name):
    world = World(tmp_path)
    path = world.settings.state_dir / name
    sql(path, "PRAGMA user_version = 2001")
    before = path.read_bytes()
    with pytest.raises(StoreVersion, match=rf"{name} is of generation 2.*generation 1; install"):
        world.migrate()
    assert path.read_bytes() == before


@pytest.mark.parametrize(("name", "opens"), [("watch.db", "watch"), ("desk.db", "desk"), ("link.db", "link")])
@pytest.mark.parametrize("version", [2001, 1000, 0])
def test_program_refuses_other_generation_and_lower_step(tmp_path, name, opens, version):
    world = World(tmp_path)
    sql(world.settings.state_dir / name, f"PRAGMA user_version = {version}")
    with pytest.raises(StoreVersion, match="run: commune-agent migrate"):
        getattr(world, opens)()


def test_program_accepts_a_higher_step_so_that_a_rollback_still_runs(tmp_path):
    world = World(tmp_path)
    sql(world.settings.watch_db, "CREATE TABLE later (x INTEGER) STRICT")
    sql(world.settings.watch_db, "PRAGMA user_version = 1003")
    store = world.watch()
    store.note(world.event())
    store.close()
    assert "1003" in "".join(world.migrate())


def test_added_step_keeps_the_rows(tmp_path):
    world = World(tmp_path)
    store = world.watch()
    store.note(world.event())
    store.close()
    longer = dataclasses.replace(schema.WATCH, steps=(*schema.WATCH.steps, ("CREATE TABLE later (x INTEGER) STRICT",)))
    connection = files.sqlite3.connect(world.settings.watch_db, isolation_level=None)
    assert files.upgrade(connection, longer.steps) == 1
    assert files.upgrade(connection, longer.steps) == 0
    connection.close()
    assert sql(world.settings.watch_db, "PRAGMA user_version") == [(longer.version,)]
    assert sql(world.settings.watch_db, "SELECT count(*) FROM log_w") == [(1,)]


def test_a_store_from_before_the_states_of_cameras_is_brought_forward(tmp_path):
    world = World(tmp_path)
    sql(world.settings.watch_db, "DROP TABLE ailments")
    sql(world.settings.watch_db, "PRAGMA user_version = 1001")
    with pytest.raises(StoreVersion, match="run: commune-agent migrate"):
        world.watch()
    assert f"{world.settings.watch_db}: now version 1002" in "".join(world.migrate())
    store = world.watch()
    assert store.ailments() == []
    store.close()


def test_step_that_fails_half_way_leaves_nothing(tmp_path):
    world = World(tmp_path)
    broken = (*schema.WATCH.steps, ("CREATE TABLE later (x INTEGER) STRICT", "CREATE TABLE slots (x INTEGER) STRICT"))
    connection = files.sqlite3.connect(world.settings.watch_db, isolation_level=None)
    with pytest.raises(files.sqlite3.OperationalError):
        files.upgrade(connection, broken)
    connection.close()
    assert sql(world.settings.watch_db, "PRAGMA user_version") == [(1002,)]
    assert sql(world.settings.watch_db, "SELECT name FROM sqlite_schema WHERE name = 'later'") == []


def test_running_program_is_left_alone(tmp_path):
    world = World(tmp_path)
    store = world.watch()
    assert f"{world.settings.watch_db}: in use, left alone" in world.migrate()
    store.note(world.event())
    store.close()


def test_missing_file_of_a_running_program_is_an_error(tmp_path):
    world = World(tmp_path)
    store = world.watch()
    world.settings.media_db.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"media.db is missing while watch runs; stop it"):
        world.migrate()
    store.close()


def test_state_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "state").write_text("a file is in the way")
    with pytest.raises(StoreError, match=r"state: .*; the store needs a directory it may write"):
        migrate(StoreSettings("box-7", tmp_path / "state"))


def test_many_migrates_at_once_make_one_store(tmp_path):
    code = (
        "import sys; from pathlib import Path; from agent.store.settings import StoreSettings;"
        "from agent.store.migrations import migrate; sys.stdin.read(1);"
        "print(sum('created' in line for line in migrate(StoreSettings('box-7', Path(sys.argv[1])))))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "state")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        for _ in range(4)
    ]  # fmt: skip
    for racer in racers:
        racer.stdin.write("g")
        racer.stdin.flush()
    created = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert sorted(created) == [0, 0, 0, 4]
