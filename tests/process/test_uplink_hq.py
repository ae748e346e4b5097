"""From a box's store to HQ's database through a real Mosquitto, with everything in between failing."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from support.broker import Broker
from support.link_stand import Hq, QuietBox, until

from agent.core.message import (
    Ack,
    encode_ack,
)

pytestmark = pytest.mark.broker


@pytest.fixture
def world(broker: Broker, tmp_path: Path):
    """A broker, an HQ that receives and a box that is connected."""
    with Hq(tmp_path / "hq" / "data", broker.port, "--json") as hq, QuietBox(tmp_path / "box", broker.port) as box:
        hq.ready()
        box.start().connected()
        yield broker, hq, box


def told(hq: Hq, kind: str) -> list[dict]:
    return [line for line in map(json.loads, hq.program.lines) if line["type"] == kind]


def check_exactly_once(hq: Hq, box: QuietBox) -> None:
    """Every event of the truth file is at HQ once, nothing else is, and what HQ has seen has no hole."""
    truth = box.truth.read_text().split()
    at_hq = hq.event_ids("a")
    assert sorted(at_hq) == sorted(truth), f"{len(at_hq)} at HQ, {len(truth)} recorded"
    assert hq.ask("SELECT count(*), min(a), max(b) FROM seen WHERE stream = 'a'") == [(1, 1, len(truth))]
    assert hq.ask("SELECT count(*) FROM gaps") == hq.ask("SELECT count(*) FROM forks") == [(0,)]


def test_an_alert_and_its_picture_arrive_within_seconds(world) -> None:
    _, hq, box = world
    began = time.monotonic()
    alert = box.alert(images=1)
    until(lambda: alert in hq.event_ids(), "the alert is at HQ")
    assert time.monotonic() - began < 3
    (image,) = until(lambda: told(hq, "image"), "the picture is at HQ")
    assert image["event_id"] == alert
    assert Path(image["path"]).stat().st_size == 2000
    box.delivered()
    check_exactly_once(hq, box)


def test_a_goodbye_is_told_and_nothing_is_sent_twice_after_it(world) -> None:
    _, hq, box = world
    for _ in range(5):
        box.alert()
    box.delivered()
    assert box.uplink.stop() == 0
    box.start().connected()
    box.alert()
    box.delivered()
    check_exactly_once(hq, box)
    assert not [event for event in told(hq, "event") if event["duplicate"]]


def test_what_is_recorded_while_the_broker_is_down_arrives_once_it_is_up(world) -> None:
    broker, hq, box = world
    box.alert(images=1)
    broker.kill()
    until(lambda: box.status().state == "lost", "the box has noticed")
    for _ in range(40):
        box.alert(images=1)
    time.sleep(10)  # long enough for several attempts of either side to fail
    broker.start()
    box.delivered()
    check_exactly_once(hq, box)
    assert hq.ask("SELECT count(*) FROM images WHERE path <> ''") == [(41,)]


def test_what_is_recorded_while_hq_is_down_arrives_once_it_is_up(world, tmp_path: Path) -> None:
    broker, hq, box = world
    box.alert()
    box.delivered()
    hq.program.kill()
    for _ in range(300):
        box.alert()
    until(lambda: not box.status().hq_online, "the box knows that HQ is away")
    with Hq(hq.data, broker.port, "--json") as again:
        box.delivered()
        check_exactly_once(again, box)


def test_a_box_killed_again_and_again_loses_and_doubles_nothing(world, seed: int) -> None:
    broker, hq, box = world
    draw = random.Random(seed)
    for _ in range(6):
        for _ in range(draw.randrange(5, 40)):
            box.alert(images=draw.randrange(2))
        fault = draw.randrange(3)
        if fault == 0:
            broker.restart()
        time.sleep(draw.random())
        box.uplink.kill()
        if fault == 1:
            broker.restart()
        box.alert()
        box.start()
    box.delivered()
    check_exactly_once(hq, box)


def test_overlapping_faults_lose_nothing(broker: Broker, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    data = tmp_path / "hq" / "data"
    hq = Hq(data, broker.port).ready()
    with QuietBox(tmp_path / "box", broker.port) as box:
        box.start().connected()
        for _ in range(5):
            faults = draw.sample(["box", "broker", "hq"], draw.randrange(2, 4))
            if "hq" in faults:
                hq.program.kill()
            if "broker" in faults:
                broker.kill()
            for _ in range(30):
                box.alert()
            if "box" in faults:
                box.uplink.kill()
            box.alert()
            if "broker" in faults:
                broker.start()
            if "box" in faults:
                box.start()
            time.sleep(draw.random())
            if "hq" in faults:
                hq = Hq(data, broker.port)
        with hq:
            box.delivered(wait_s=90)
            check_exactly_once(hq, box)


def test_the_suite_can_fail_delivery_by_the_broker_alone_loses(broker: Broker, tmp_path: Path) -> None:
    """A watermark moved on PUBACK: HQ away and the broker killed together lose what PUBACK had answered.

    Somebody else listens to the same topic, so that the broker answers success rather than "no subscriber".
    """
    data = tmp_path / "hq" / "data"
    listener = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "wall-display", protocol=mqtt.MQTTv5)
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("commune/v1/demo/+/e", 1)
    listener.loop_start()
    with QuietBox(tmp_path / "box", broker.port, delivery="broker") as box:
        with Hq(data, broker.port) as hq:
            hq.ready()
            box.start().connected()
            first = box.alert()
            until(lambda: first in hq.event_ids(), "the first alert is at HQ")
            hq.program.kill()
        lost = [box.alert() for _ in range(20)]
        box.delivered()
        broker.restart()
        with Hq(data, broker.port) as hq:
            hq.ready()
            last = box.alert()
            until(lambda: last in hq.event_ids(), "the last alert is at HQ")
            assert not set(lost) & set(hq.event_ids())
            with pytest.raises(AssertionError, match="2 at HQ, 22 recorded"):
                check_exactly_once(hq, box)
    listener.loop_stop()


def test_an_alert_overtakes_two_hundred_waiting_pictures(broker: Broker, tmp_path: Path) -> None:
    with Hq(tmp_path / "hq" / "data", broker.port, "--json") as hq, QuietBox(tmp_path / "box", broker.port) as box:
        hq.ready()
        for _ in range(50):
            box.alert(images=4, size_bytes=6_000)
        box.start().connected()
        until(lambda: len(told(hq, "image")) > 5, "pictures are on their way")
        urgent = box.alert()
        box.delivered(wait_s=90)
        kinds = [
            line["event_id"] if line["type"] == "image" else line["id"] for line in map(json.loads, hq.program.lines)
        ]
        position = kinds.index(urgent)
        after = [line for line in map(json.loads, hq.program.lines[position:]) if line["type"] == "image"]
        assert len(after) > 100
        assert len(told(hq, "image")) == 200
        check_exactly_once(hq, box)


def test_no_picture_starts_while_hq_allows_none(broker: Broker, tmp_path: Path) -> None:
    data = tmp_path / "hq" / "data"
    with Hq(data, broker.port, "--json", "--bulk-budget-bps", "0") as hq:
        hq.ready()
        with QuietBox(tmp_path / "box", broker.port) as box:
            box.start().connected()
            alerts = {box.alert(images=2) for _ in range(5)}
            until(lambda: hq.has(alerts), "the alerts are at HQ")
            until(lambda: box.status().backlog == {"a": 0, "w": 0, "d": 0, "u": 0, "m": 10}, "only pictures wait")
            assert not told(hq, "image")
            hq.program.stop()
            with Hq(data, broker.port, "--json") as again:
                box.delivered()
                assert len(told(again, "image")) == 10


def test_a_replaced_hq_gets_everything_that_is_still_kept(world, tmp_path: Path) -> None:
    broker, hq, box = world
    for _ in range(30):
        box.alert()
    box.delivered()
    hq.program.stop()
    with Hq(tmp_path / "new" / "data", broker.port) as new:
        until(lambda: new.has(set(box.recorded)), "the new HQ has it all")
        check_exactly_once(new, box)


def test_an_acknowledgment_above_head_moves_nothing_and_is_told_as_a_fork(world) -> None:
    broker, hq, box = world
    box.alert()
    box.delivered()
    epoch = hq.ask("SELECT DISTINCT epoch FROM events WHERE stream = 'a'")[0][0]
    box.uplink.stop()
    with _client(broker) as forger:
        forger.publish("commune/v1/demo/gate-01/ack", encode_ack(Ack("a", epoch, 1000)), 1, True).wait_for_publish(5)
    box.alert()
    box.start().connected()
    forks = until(lambda: [e for e in told(hq, "event") if e["kind"] == "link.fork"], "the fork is told")
    assert (forks[0]["of"], forks[0]["fork_epoch"], forks[0]["claimed"]) == ("a", str(epoch), 1000)
    box.alert()
    box.delivered()
    check_exactly_once(hq, box)
    assert "rolled back" in box.said
    box.watch.close()
    box.watch = box.open_watch()  # the next start of watch takes a new epoch, before it records anything
    box.alert()
    box.delivered()
    assert sorted(hq.event_ids()) == sorted(box.recorded)
    assert len(hq.ask("SELECT DISTINCT epoch FROM events WHERE stream = 'a'")) == 2


@pytest.mark.parametrize("recorded_since", [2, 6], ids=["fewer than before", "more than before"])
def test_a_box_rolled_back_to_yesterday_is_noticed_and_loses_nothing_new(world, recorded_since: int) -> None:
    _, hq, box = world
    state = box.store_settings.state_dir
    old = {box.alert() for _ in range(3)}
    box.delivered()
    box.uplink.stop()
    box.watch.close()
    copies = {path: path.read_bytes() for path in state.glob("*.db*")}
    box.watch = box.open_watch()
    box.start().connected()
    forgotten = {box.alert() for _ in range(4)}
    box.delivered()
    box.uplink.stop()
    box.watch.close()
    for path in state.glob("*.db*"):
        path.unlink()
    for path, content in copies.items():
        path.write_bytes(content)
    box.watch = box.open_watch()
    new = {box.alert() for _ in range(recorded_since)}
    box.start().connected()
    until(lambda: hq.has(new), "what was recorded after the roll-back is at HQ")
    assert set(hq.event_ids()) == old | forgotten | new
    assert hq.ask("SELECT count(*) FROM forks")[0][0] > 0


class _client:  # noqa: N801
    """A stranger on the broker."""

    def __init__(self, broker: Broker) -> None:
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._broker = broker

    def __enter__(self) -> mqtt.Client:
        self._client.connect("127.0.0.1", self._broker.port)
        self._client.loop_start()
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
