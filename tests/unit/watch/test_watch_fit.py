"""A fact too large for a log is recorded small, and watch goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.store_world import World, picture, sql

from agent.core.message import event_schema
from agent.evidence.album import Shot
from agent.watch.fit import fitted
from agent.watch.recorder import Recorder
from agent.watch.river import Catch

ENDLESS = "Đ\u0001" * 5000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def recorder(world: World) -> Iterator[Recorder]:
    store = world.watch()
    yield Recorder(store, threading.Event(), lambda: None)
    store.close()


def told(world: World, stream: str) -> dict[str, Any]:
    """The one event of a stream, as HQ would take it."""
    ((body,),) = sql(world.settings.watch_db, f"SELECT body FROM log_{stream}")
    fields: dict[str, Any] = json.loads(body)
    assert [fault.message for fault in Draft202012Validator(event_schema()).iter_errors(fields)] == []
    return fields


def test_what_fits_is_left_alone(world: World) -> None:
    for event in (world.event(camera="gate"), world.incident_event(world.slot(), "incident.open", picture("1"))):
        assert fitted(event) is event


def test_an_incident_too_large_is_recorded_without_its_pictures(world: World, recorder: Recorder) -> None:
    slot, image = world.slot(), picture("1")
    event = world.incident_event(slot, "incident.open", image, label=ENDLESS)
    recorder.catch(Catch((Shot(event, (image,)),), (), ()))
    incident = told(world, "a")["incident"]
    assert (incident["id"], incident["evidence"]) == (slot.incident, "lost(too large)")
    assert "images" not in incident


def test_an_alert_too_large_keeps_what_it_is_about(world: World, recorder: Recorder) -> None:
    recorder.alert(world.event("camera.lost", camera="gate", since_us=7, reason=ENDLESS))
    fields = told(world, "a")
    assert (fields["camera"], fields["since_us"], fields["evidence"]) == ("gate", 7, "lost(too large)")
    assert ENDLESS.startswith(fields["reason"])
    assert fields["reason"]


def test_a_note_too_large_gives_up_its_tables(world: World, recorder: Recorder) -> None:
    event = world.event("health.minute", detect_ms=3)
    judged = {f"camera-{number:025}": 300 for number in range(100)}
    recorder.note(type(event)(event.id, event.kind, event.at, detail={**event.detail, "judged": judged}))
    fields = told(world, "w")
    assert (fields["judged"], fields["detect_ms"], fields["evidence"]) == ({}, 3, "lost(too large)")
