"""``events`` over a real store: what is listed, shown and exported is what was recorded."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import command, write_site
from support.stand import Program, until
from support.store_world import World

from agent import config, runtime
from agent.cli.page_probe import running_page
from agent.core.image import Image


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A site whose store holds one incident with a picture, and one lost camera; their ids and hashes."""
    site = write_site(tmp_path, 1883)
    world = World(tmp_path)
    world.settings = config.load(site).store
    world.migrate()
    redacted = Image("overview", b"redacted picture", "image/webp", 320, 180, leaves_box=True)
    clean = Image("overview", b"clean picture, persons and all", "image/jpeg", 640, 360, leaves_box=False)
    slot = world.slot()
    opened = world.incident_event(slot, "incident.open", redacted)
    lost = world.event("camera.lost", camera="gate", reason="no frame for 10 s")
    store = world.watch()
    store.record([opened], [slot], [], [redacted, clean])
    store.record([lost], [], [], [])
    store.close()
    return site, {"incident": slot.incident, "open": opened.id, "lost": lost.id, "clean": clean.sha256}


def test_list_gives_the_newest_first(recorded: tuple[Path, dict[str, str]]) -> None:
    site, ids = recorded
    run = command("events", site, "list")
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert ids["lost"] in first
    assert "camera.lost" in first
    assert "gate no frame for 10 s" in first
    assert ids["open"] in second
    assert "stopped_vehicle car at gate/kerb" in second
    assert "+07:00" in first
    bodies = json.loads(command("events", site, "list", "--json", "--limit", "1").stdout)
    assert [body["id"] for body in bodies] == [ids["lost"]]


def test_show_takes_event_and_incident_ids_and_their_beginnings(recorded: tuple[Path, dict[str, str]]) -> None:
    site, ids = recorded
    for word in (ids["incident"], ids["open"], ids["open"][:-4]):
        told = json.loads(command("events", site, "show", word, "--json").stdout)
        assert [body["id"] for body in told["events"]] == [ids["open"]]
        assert told["delivered"] is False
    run = command("events", site, "show", "ffff")
    assert run.returncode == 1
    assert run.stderr == "commune-agent: no event or incident ffff here; see: commune-agent events CONFIG list\n"
    shared = command("events", site, "show", ids["open"][:8])
    assert shared.returncode == 1
    assert "several ids begin with" in shared.stderr


def test_export_saves_the_redacted_picture(recorded: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    site, ids = recorded
    run = command("events", site, "export", ids["incident"], "-o", tmp_path / "a.webp", "--json")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "a.webp").read_bytes() == b"redacted picture"
    assert json.loads(run.stdout)["sha256"] == hashlib.sha256(b"redacted picture").hexdigest()


@pytest.fixture
def page(recorded: tuple[Path, dict[str, str]]) -> Iterator[None]:
    """The site's page, running."""
    folder = recorded[0].parent
    program = Program(folder, "page", "agent", "page", str(recorded[0]))
    try:
        until(lambda: running_page(folder / "runtime"), 60, f"the page to answer: {program.text()}")
        yield
    finally:
        program.kill()


def audit(folder: Path) -> list[dict[str, str]]:
    connection = sqlite3.connect(f"file:{folder / 'state/desk.db'}?mode=ro", uri=True)
    try:
        return [json.loads(row[0]) for row in connection.execute("SELECT entry FROM audit ORDER BY seq")]
    finally:
        connection.close()


@pytest.mark.usefixtures("page")
def test_a_clean_picture_leaves_with_its_reason_in_the_audit(
    recorded: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    site, ids = recorded
    asked = ("events", site, "export", ids["incident"], "-o", tmp_path / "b.jpg", "--original", "--reason")
    run = command(*asked, "Công an xã,\n vụ va chạm 3/5")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "b.jpg").read_bytes() == b"clean picture, persons and all"
    assert (tmp_path / "b.jpg").stat().st_mode & 0o777 == 0o600
    assert "persons are recognisable" in run.stderr
    (entry,) = audit(tmp_path)
    assert (entry["actor"], entry["action"]) == (runtime.asker(), "picture.exported")
    told = f"{ids['clean']} overview of incident {ids['incident']}: Công an xã, vụ va chạm 3/5 (request "
    assert entry["subject"].startswith(told)
    assert list((tmp_path / "state/ask/page").iterdir()) == []
    again = command(*asked, "x")
    assert again.returncode == 2
    assert "b.jpg: cannot be written: File exists" in again.stderr
    assert len(audit(tmp_path)) == 1


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        (("--reason", "needed in court"), 1, "nothing was exported: a clean picture leaves only recorded"),
        ((), 2, "--reason: is needed with --original"),
        (("--reason", "  "), 2, "argument --reason: takes 1 to 300 letters"),
        (("--reason", "a\x1bb"), 2, "argument --reason: takes 1 to 300 letters"),
    ],
    ids=["the page is not running", "no reason", "an empty reason", "a reason that is no text"],
)
def test_no_clean_picture_leaves_unrecorded(
    recorded: tuple[Path, dict[str, str]], tmp_path: Path, reason: tuple[str, ...], code: int, message: str
) -> None:
    site, ids = recorded
    run = command("events", site, "export", ids["incident"], "-o", tmp_path / "b.jpg", "--original", *reason)
    assert (run.returncode, run.stdout) == (code, "")
    assert message in run.stderr
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("incident", ["--kind", "after"], "has no picture after; there are: overview"),
        ("lost", [], "is no incident, so it has no picture"),
    ],
)
def test_export_says_what_there_is(
    recorded: tuple[Path, dict[str, str]], tmp_path: Path, name: str, more: list[str], message: str
) -> None:
    site, ids = recorded
    run = command("events", site, "export", ids[name], "-o", tmp_path / "x", *more)
    assert run.returncode == 1
    assert message in run.stderr
    assert not (tmp_path / "x").exists()


def test_a_store_that_was_never_made_is_told(tmp_path: Path) -> None:
    run = command("events", write_site(tmp_path, 1883), "list")
    assert run.returncode == 6
    assert "run: commune-agent migrate" in run.stderr
