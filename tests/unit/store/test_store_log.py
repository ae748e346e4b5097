import base64
import dataclasses
import json
import re

import pytest
from support.store_world import World

from agent.core.event import digest
from agent.errors import StoreDamaged, StoreError, StoreFull, StoreVersion
from agent.store import faults, schema
from agent.store.chain import verify_chain
from agent.store.log import Log


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def rows_of(world, stream="w", name="watch.db"):
    reader = world.reader(name, stream)
    rows = reader.rows(stream, reader.heads()[-1].epoch, 0, 1000)
    reader.close()
    return rows


def test_event_repeated_after_an_unknown_answer_is_stored_once(world):
    store = world.watch()
    event = world.event()
    for _ in range(3):
        store.note(event)
    store.close()
    assert [row.event_id for row in rows_of(world)] == [event.id]


def test_body_tells_its_place_and_links_to_the_row_before(world):
    store = world.watch()
    for number in range(3):
        store.note(world.event(number=number))
    store.close()
    first, second, _ = rows_of(world)
    body = json.loads(second.body)
    assert (body["box"], body["stream"], body["seq"], body["epoch"]) == ("box-7", "w", 2, str(second.epoch))
    assert body["prev"] == base64.b64encode(digest(first.body)[:16]).decode()


def test_chain_holds_over_a_restart(world):
    for number in range(3):
        store = world.watch()
        store.note(world.event(number=number))
        store.close()
    rows = rows_of(world)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert verify_chain(rows, world.signer("watch").public) is None


def tampered(rows, sign):
    """Every way to lie about three rows, with the words the check must find for it."""
    first, second, third = rows
    scribbled = dataclasses.replace(second, body=second.body.replace(b"camera.lost", b"camera.back"))
    resigned = dataclasses.replace(scribbled, signature=sign(scribbled.body))
    return {
        "signature": ([first, scribbled, third], "row 2.*signature does not match"),
        "rewritten with the key": ([first, resigned, third], "row 3.*link does not match"),
        "taken out": ([first, third], "row 3.*rows 2 to 2 are missing"),
        "renumbered": ([first, dataclasses.replace(third, seq=2)], "row 2.*body says row 3"),
        "another epoch": ([first, dataclasses.replace(second, epoch=5)], "row 2.*body says row 2 of epoch"),
    }


@pytest.mark.parametrize("lie", ["signature", "rewritten with the key", "taken out", "renumbered", "another epoch"])
def test_chain_check_finds(world, lie):
    store = world.watch()
    for _ in range(3):
        store.note(world.event())
    store.close()
    rows, words = tampered(rows_of(world), world.signer("watch"))[lie]
    assert re.search(words, verify_chain(rows, world.signer("watch").public))


def test_link_events_are_signed_but_not_chained(world):
    link = world.link()
    link.append(world.event("link.up"))
    link.close()
    (row,) = rows_of(world, "u", "link.db")
    assert "prev" not in json.loads(row.body)
    assert verify_chain([row], world.signer("uplink").public) is None


def test_failed_transaction_leaves_no_trace_and_no_gap(world):
    log = Log(schema.DESK, world.settings, world.signer("page"), world.clock)

    def half() -> None:
        log.append("d", world.event())
        raise KeyError("the caller failed after the append")

    with pytest.raises(KeyError):
        log.write(half)
    log.write(lambda: log.append("d", world.event()))
    log.close()
    rows = rows_of(world, "d", "desk.db")
    assert [row.seq for row in rows] == [1]
    assert verify_chain(rows, world.signer("page").public) is None


def test_event_too_long_for_a_packet_is_refused_whole(world):
    store = world.watch()
    with pytest.raises(ValueError, match="the limit is 4096"):
        store.note(world.event(text="x" * 5000))
    store.note(world.event())
    store.close()
    assert [row.seq for row in rows_of(world)] == [1]


def test_second_writer_is_refused_until_the_first_is_done(world):
    first = world.watch()
    with pytest.raises(StoreError, match="another process already writes the files of watch"):
        world.watch()
    first.close()
    world.watch().close()


@pytest.mark.parametrize("name", ["watch.db", "media.db"])
def test_missing_file_says_what_to_run(world, name):
    (world.settings.state_dir / name).unlink()
    with pytest.raises(StoreVersion, match=rf"{name} is missing; run: commune-agent migrate"):
        world.watch()


def test_writer_that_could_not_open_gives_its_lock_back(world):
    world.settings.media_db.rename(world.settings.state_dir / "away")
    with pytest.raises(StoreVersion):
        world.watch()
    (world.settings.state_dir / "away").rename(world.settings.media_db)
    world.watch().close()


def test_writer_is_durable_by_its_settings(world):
    log = Log(schema.WATCH, world.settings, world.signer("watch"), world.clock)
    found = {name: log.ask(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "trusted_schema")}
    pages = log.ask("PRAGMA max_page_count")[0][0]
    log.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "trusted_schema": 0}
    assert pages == world.settings.max_log_bytes // 4096


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("database or disk is full", StoreFull),
        ("database disk image is malformed", StoreDamaged),
        ("file is not a database", StoreDamaged),
        ("disk I/O error", StoreError),
        ("database is locked", StoreError),
    ],
)
def test_sqlite_errors_are_named_for_what_to_do(tmp_path, text, kind):
    meaning = faults.translate(faults.sqlite3.OperationalError(text), tmp_path / "watch.db")
    assert type(meaning) is kind
    assert str(tmp_path / "watch.db") in str(meaning)


def test_io_error_on_a_full_disk_is_a_full_disk(tmp_path, monkeypatch):
    usage = faults.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(faults.shutil, "disk_usage", lambda path: usage)
    meaning = faults.translate(faults.sqlite3.OperationalError("disk I/O error"), tmp_path / "watch.db")
    assert type(meaning) is StoreFull
