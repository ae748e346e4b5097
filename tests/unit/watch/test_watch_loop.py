"""The loop carries what its parts find: held frames are counted, heat slows the cameras and becomes a fact."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
from support.jetson_tree import Tree
from support.stand import until
from support.store_world import World, sql

from agent import runtime
from agent.clock import SystemClock
from agent.core.source import Grab, StreamRequest
from agent.detect.detector import open_detector
from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.health.settings import HealthSettings
from agent.rules.settings import RulebookSettings
from agent.track.settings import TrackSettings
from agent.video.settings import CameraSettings
from agent.watch.process import Watch
from agent.watch.settings import WatchSettings


class StillCamera:
    """A live camera before which nothing ever moves, fifty pictures a second."""

    live = True

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._picture = stop, np.full((90, 160, 3), 90, np.uint8)

    def read(self) -> Grab:
        self._stop.wait(0.02)
        return Grab(self._picture, None)

    def close(self) -> None:
        pass


def test_a_hot_box_before_a_still_street(tmp_path: Path) -> None:
    world, stop = World(tmp_path), threading.Event()
    Tree(tmp_path / "root").heat(98)
    settings = WatchSettings(
        (CameraSettings("gate", "Gate", "still", "x", fps=10),),
        DetectSettings(card="demo"),
        TrackSettings(),
        (RulebookSettings("gate", (), ()),),
        EvidenceSettings(),
        world.settings,
        tmp_path,
        health=HealthSettings(root=tmp_path / "root"),
    )

    def opened(request: StreamRequest) -> StillCamera:
        return StillCamera(stop)

    store, detector = world.watch(), open_detector(settings.detect)
    watch = Watch(settings, SystemClock(), stop, store, detector, {"still": opened})
    before = runtime.preview_path(tmp_path, "kerb")
    before.write_bytes(b"of a run before some mask was drawn")
    watch.start()
    assert not before.exists()
    loop = threading.Thread(target=watch.loop)
    loop.start()
    try:
        status = until(lambda: _told(tmp_path, gated=6), 20, "frames to be held and told")
    finally:
        stop.set()
        loop.join()
        assert watch.close()
        store.close()
    assert (status.box.cause, status.box.hottest) == ("heat", "cpu-thermal")
    assert status.box.pace < 1
    facts = [json.loads(body) for (body,) in sql(world.settings.watch_db, "SELECT body FROM log_w")]
    assert next(fact["share"] for fact in facts if fact["kind"] == "health.pace") == 0.7
    assert status.cameras[0].dropped > status.cameras[0].gated


def _told(folder: Path, gated: int) -> runtime.WatchStatus | None:
    status = runtime.read_watch(folder)
    return status if status is not None and status.cameras and status.cameras[0].gated >= gated else None
