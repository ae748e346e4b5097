"""What commands ask of the page: recorded once, kept while it cannot be, and never taken from a file that is unfit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.store_world import World

from agent import runtime
from agent.page.asks import EXPORT, answer_asks, subject_of
from agent.page.desk import Desk
from agent.page.settings import PageSettings
from agent.store.desk_store import read_audit

SETTINGS = PageSettings("127.0.0.1", 0, None, (), "vi", "box-7", "Chợ", "xa", (), "Asia/Ho_Chi_Minh")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    desk = Desk(SETTINGS, world.settings, world.clock)
    yield desk
    desk.close()


def waiting(world: World) -> list[Path]:
    return list(world.settings.ask_dir("page").iterdir())


def ask(world: World, what: str = EXPORT) -> runtime.Ask:
    return runtime.drop_ask(world.settings.ask_dir("page"), what, world.clock.now(), note="picture 1: court")


def answer(world: World, desk: Desk) -> None:
    answer_asks(world.settings.ask_dir("page"), desk, world.clock)


def test_an_export_is_recorded_once_and_its_request_is_gone(world: World, desk: Desk) -> None:
    asked = ask(world)
    for _ in range(2):
        answer(world, desk)
    (entry,) = read_audit(world.settings.desk_db, 10)
    assert (entry.actor, entry.action, entry.subject) == (runtime.asker(), "picture.exported", subject_of(asked))
    assert waiting(world) == []


def test_what_cannot_be_recorded_now_waits_and_what_is_too_old_is_dropped(world: World, desk: Desk) -> None:
    other = world.desk()  # holds the writer's lock, as a second page would
    ask(world)
    answer(world, desk)
    assert len(waiting(world)) == 1
    other.close()
    world.clock.sleep(61)
    answer(world, desk)
    assert waiting(world) == []
    assert read_audit(world.settings.desk_db, 10) == []


@pytest.mark.parametrize(
    "change",
    [{"what": "test_alert"}, {"note": ""}, {"note": "\ud800"}, {"note": "x" * 2000}, {"by": 7}, {"by": "a\nb"}],
    ids=repr,
)
def test_an_unfit_request_is_dropped_unrecorded(world: World, desk: Desk, change: dict[str, object]) -> None:
    ask(world)
    (path,) = waiting(world)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    answer(world, desk)
    assert waiting(world) == []
    assert read_audit(world.settings.desk_db, 10) == []
