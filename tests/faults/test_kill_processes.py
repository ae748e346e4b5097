"""kill -9 of every process and of HQ, again and again, overlapping: nothing is missing at HQ, nothing alerts twice."""

from __future__ import annotations

import random
import re
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from support.broker import Broker
from support.stand import Stand, head, until

pytestmark = pytest.mark.broker

ROOT = Path(__file__).resolve().parents[2]
STAY_EVERY_S, ENTERS_S, LEAVES_S, SCENE_S = 15, 3, 12, 60

SITE = """
[[camera]]
id = "yard"
name = "Yard"
backend = "rendered"
url = "{scene}?start_mono_us={start}"
loop = true
fps = 5

[[camera.zone]]
id = "yard"
name = "Yard"
polygon = {polygon}

[[camera.rule]]
rule = "intrusion"
zone = "yard"
end_confirm_s = 1
reopen_within_s = 0
"""

ACTOR = """
[[actor]]
id = "intruder{n}"
class = "person"
colour = "#34507c"
trim = "#2a2a30"
path = [[{a}, -2.4, 7.4], [{b}, -2.4, 8.4], [{c}, 0.6, 12.2], [{d}, 4.6, 8.4], [{e}, 4.6, 7.4]]
"""


def busy_yard(folder: Path) -> Path:
    """The demo's yard with an intruder every 15 s and nobody else."""
    setting = (ROOT / "agent/stage/scenes/demo_yard.toml").read_text("utf-8").split("[[actor]]")[0]
    actors = ""
    for n in range(SCENE_S // STAY_EVERY_S):
        enters, leaves = ENTERS_S + n * STAY_EVERY_S, LEAVES_S + n * STAY_EVERY_S
        actors += ACTOR.format(n=n, a=enters - 0.7, b=enters, c=enters + 4.5, d=leaves, e=leaves + 0.7)
    scene = folder / "busy_yard.toml"
    scene.write_text(setting + actors, "utf-8")
    return scene


class Reaper(threading.Thread):
    """Runs one program, kills it at random moments, starts it again: what power and a service manager do."""

    def __init__(self, stand: Stand, name: str, seed: str, longest_s: float, kills: int) -> None:
        super().__init__(daemon=True)
        self.stand, self.name_, self.longest_s, self.kills = stand, name, longest_s, kills
        self.random = random.Random(seed)
        self.moments: list[float] = []
        self.failure = ""

    def run(self) -> None:
        for _ in range(self.kills):
            program = self.stand.start(self.name_)
            wait_s = self.random.uniform(0.05, self.longest_s)
            deadline = time.monotonic() + wait_s
            while time.monotonic() < deadline:
                if program.child.poll() is not None:
                    self.failure = f"{self.name_} ended by itself: {program.text()[-1500:]}"
                    return
                time.sleep(0.02)
            program.kill()
            self.moments.append(round(wait_s, 2))
        self.stand.start(self.name_)


def answered(stand: Stand) -> set[str]:
    """The truth outside SQLite: ids that watch logged after their commit was answered."""
    return set(re.findall(r"recorded incident\.\w+ ([0-9a-f-]{36})", (stand.folder / "watch.log").read_text("utf-8")))


def test_kill_9_of_each_process_loses_and_repeats_nothing(
    broker: Broker, tmp_path: Path, free_port: int, seed: int, long_run: bool
) -> None:
    from agent.stage.script import load_scene

    kills = 20 if long_run else 10
    scene = busy_yard(tmp_path)
    polygon = [[round(x, 4), round(y, 4)] for x, y in load_scene(str(scene)).zone("yard").polygon]
    start_us = time.monotonic_ns() // 1000
    site = head(broker.port, free_port) + SITE.format(scene=scene, start=start_us, polygon=polygon)
    with Stand(tmp_path / "box", broker.port, site) as stand:
        reapers = [
            Reaper(stand, "watch", f"{seed} watch", 8.0, kills),
            Reaper(stand, "uplink", f"{seed} uplink", 5.0, kills),
            Reaper(stand, "page", f"{seed} page", 3.0, kills),
            Reaper(stand, "hq", f"{seed} hq", 6.0, kills),
        ]
        for reaper in reapers:
            reaper.start()
        for reaper in reapers:
            reaper.join(kills * 12)
            print(f"seed {seed}: {reaper.name_} killed after {reaper.moments} s")
            assert not reaper.failure, reaper.failure
            assert len(reaper.moments) == kills

        until(lambda: answered(stand), 40, "an incident recorded")
        until(lambda: set(stand.committed()) <= {e["id"] for e in stand.at_hq()}, 60, "everything committed at HQ")
        until(lambda: len(stand.at_hq("incident.open")) >= 2, 60, "enough incidents to say anything")
        page = urllib.request.urlopen(f"http://127.0.0.1:{free_port}/healthz", timeout=5)
        assert page.status == 200

        events = stand.at_hq()
        ids = [event["id"] for event in events]
        assert len(ids) == len(set(ids))
        assert answered(stand) <= set(ids)
        alerts = [event["incident"] for event in stand.at_hq("incident.open")]
        assert len(alerts) == len({incident["id"] for incident in alerts}), "an incident was alerted twice"
        stays = [int((at_s(event, start_us) - ENTERS_S + 1) // STAY_EVERY_S) for event in stand.at_hq("incident.open")]
        assert len(stays) == len(set(stays)), f"two incidents in one stay: {stays}"
        until(
            lambda: (stand.data.parent / "hq.log").read_text("utf-8").count("Nghi vấn") >= len(alerts), 10, "all shown"
        )


def at_s(event: dict, start_us: int) -> float:
    """Scene time at which the incident of an event began."""
    incident = event["incident"]
    return (event["mono_us"] - start_us - (event["utc_us"] - incident["begin_us"])) / 1e6
