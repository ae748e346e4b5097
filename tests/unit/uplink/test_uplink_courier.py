"""The courier over real stores on both sides and a link that drops, refuses and cuts; time is simulated."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.link_stand import incident_with

from agent.clock import SimulatedClock, uuid7
from agent.core.event import Event
from agent.core.image import Image
from agent.core.message import NO_SUBSCRIBER, Ack, LogState, Topic
from agent.keys import load_signer
from agent.store.link_store import LinkStore
from agent.store.migrations import migrate
from agent.store.settings import StoreSettings
from agent.store.watch_store import WatchStore
from agent.uplink import lanes
from agent.uplink.courier import Courier
from agent.uplink.session import Connected
from agent.uplink.shelf import Parcel, Shelf
from hq.acks import LogKey as HqLog
from hq.intake import Intake
from hq.registry import Registry
from hq.store import HqStore

QUOTA = 0x97


class World:
    """One box, one HQ, and the link between them as a list of parcels."""

    def __init__(self, folder: Path, *, broker_is_enough: bool = False) -> None:
        self.clock = SimulatedClock()
        settings = StoreSettings("gate-01", folder / "state")
        migrate(settings)
        self.watch = WatchStore(settings, load_signer(settings.keys_dir / "watch.key"), self.clock)
        self.link = LinkStore(settings, load_signer(settings.keys_dir / "uplink.key"), self.clock)
        self.shelf = Shelf(settings)
        self.courier = Courier(self.shelf, self.link, broker_is_enough=broker_is_enough)
        self.hq = HqStore(folder / "hq", "demo")
        self.intake = Intake(Registry({}))
        self.recorded: list[str] = []
        self.arrived: list[Parcel] = []
        self.mid = 0

    def close(self) -> None:
        for part in (self.watch, self.link, self.shelf, self.hq):
            part.close()

    @property
    def now_us(self) -> int:
        return self.clock.now().mono_us

    def record(self, count: int) -> None:
        for _ in range(count):
            now = self.clock.now()
            event = Event(uuid7(now.utc_us), "camera.lost", now, detail={"camera": "cam-1"})
            self.watch.record([event], (), (), [])
            self.recorded.append(event.id)
        self.courier.refresh()

    def connect(self, *, heard: bool = True) -> None:
        self.courier.lost(self.now_us)
        self.courier.refresh()
        self.courier.connected(Connected(20, 65_536))
        self.courier.asked("nonce", self.now_us)
        if heard:
            for state in self.courier.states(with_ids=True):
                self.hq.told("gate-01", state, 0, trusted_head=True)
                self.courier.acked(self.hq_ack(state, "nonce"), self.now_us, retained=False)

    def hq_ack(self, state: LogState, nonce: str = "") -> Ack:
        return self.hq.ack(HqLog("gate-01", state.epoch, state.stream), nonce)

    def send(self) -> list[int]:
        """Hand over all that may go now; gives the message numbers."""
        mids = []
        while (parcel := self.courier.next_parcel(self.now_us)) is not None:
            self.mid += 1
            self.courier.sent(parcel, self.mid, self.now_us)
            self.arrived.append(parcel)
            mids.append(self.mid)
        load = self.courier._load()
        assert load.rows <= lanes.ROWS
        assert load.size_bytes <= lanes.BYTES
        return mids

    def commit(self) -> None:
        topic = Topic("demo", "gate-01", "e")
        for parcel in self.arrived:
            if parcel.message.leaf == "e":
                self.hq.commit(self.intake.events(topic, parcel.message.payload), 0)
        self.arrived.clear()

    def acknowledge(self) -> None:
        for state in self.courier.states(with_ids=False):
            self.courier.acked(self.hq_ack(state), self.now_us, retained=False)

    def at_hq(self) -> list[str]:
        return [row[0] for row in self.hq._db.execute("SELECT event_id FROM events")]

    def no_promise_is_broken(self) -> None:
        """I2: what the watermark calls delivered, HQ has."""
        for state in self.courier.states(with_ids=False):
            assert self.link.watermark(state.stream, state.epoch) <= self.hq_ack(state).upto


@pytest.fixture
def world(tmp_path: Path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("number", range(4))
def test_nothing_is_lost_or_promised_too_early_on_a_bad_link(world: World, seed: int, number: int) -> None:
    draw = random.Random(seed * 1000 + number)
    world.connect()
    for _ in range(60):
        chance = draw.random()
        if chance < 0.3:
            world.record(draw.randrange(1, 12))
        elif chance < 0.6:
            for mid in world.send():
                fate = draw.random()
                if fate < 0.2 and world.arrived:
                    world.arrived.pop(draw.randrange(len(world.arrived)))  # lost with the broker
                if fate < 0.7:
                    code = draw.choice([0, 0, 0, NO_SUBSCRIBER, QUOTA])
                    world.courier.taken(mid, code, world.now_us)
        elif chance < 0.75:
            world.commit()
        elif chance < 0.9:
            world.acknowledge()
        elif chance < 0.95:
            world.connect(heard=draw.random() < 0.5)
        world.clock.sleep(draw.choice([0.01, 1, 31]))
        world.no_promise_is_broken()
    for _ in range(40):
        world.connect()
        for mid in world.send():
            world.courier.taken(mid, 0, world.now_us)
        world.commit()
        world.acknowledge()
        world.clock.sleep(1)
    assert sorted(world.at_hq()) == sorted(world.recorded)
    assert world.courier.backlog()["a"] == 0


@pytest.mark.parametrize("seqs", [[1, 5], [1, 2, 90], [89, 90]])
def test_rows_with_others_between_are_fetched_and_never_taken_for_absent(world: World, seqs: list[int]) -> None:
    world.record(90)
    (key,) = (key for key in world.courier._windows if key.stream == "a")
    fetched = world.shelf.events(key, seqs, 100_000, 65_536)
    assert fetched.absent == ()
    assert fetched.parcel is not None
    assert list(fetched.parcel.sizes) == [seq for seq in seqs if seq < seqs[0] + 64]


def test_a_puback_alone_moves_no_watermark(world: World) -> None:
    world.connect()
    world.record(5)
    for mid in world.send():
        world.courier.taken(mid, 0, world.now_us)
    assert world.courier.backlog()["a"] == 5
    world.commit()
    world.acknowledge()
    assert world.courier.backlog()["a"] == 0


def test_a_puback_is_enough_where_the_site_chose_so(tmp_path: Path) -> None:
    world = World(tmp_path, broker_is_enough=True)
    world.connect(heard=False)
    world.record(5)
    mids = world.send()
    world.courier.taken(mids[0], NO_SUBSCRIBER, world.now_us)
    assert world.courier.backlog()["a"] == 5
    world.clock.sleep(30)
    for mid in world.send():
        world.courier.taken(mid, 0, world.now_us)
    assert world.courier.backlog()["a"] == 0
    world.close()


def test_nobody_listening_is_tried_again_after_half_a_minute_and_at_once_when_hq_comes(world: World) -> None:
    world.connect()
    world.record(1)
    (mid,) = world.send()
    world.courier.taken(mid, NO_SUBSCRIBER, world.now_us)
    world.clock.sleep(29)
    assert world.send() == []
    world.clock.sleep(1)
    (mid,) = world.send()
    world.courier.taken(mid, NO_SUBSCRIBER, world.now_us)
    assert world.send() == []
    world.courier.hq_said(online=True, budget_bps=None)
    assert len(world.send()) == 1


def test_a_forbidden_topic_is_an_alarm_tried_every_ten_minutes_and_nothing_is_dropped(world: World) -> None:
    world.connect()
    world.record(3)
    (mid,) = world.send()
    world.courier.taken(mid, 0x87, world.now_us)
    assert "the broker does not authorise this client" in world.courier.trouble
    world.clock.sleep(599)
    assert world.send() == []
    world.clock.sleep(1)
    (mid,) = world.send()
    world.courier.taken(mid, 0, world.now_us)
    assert world.courier.trouble == ""
    world.commit()
    assert sorted(world.at_hq()) == sorted(world.recorded)


def test_backlog_waits_for_hqs_answer_to_hello_and_a_fresh_alert_does_not(world: World) -> None:
    world.record(40)
    world.connect(heard=False)
    assert world.send() == []
    world.record(1)
    assert len(world.send()) == 1
    world.clock.sleep(5)
    assert len(world.send()) > 1


def test_backlog_travels_in_batches(world: World) -> None:
    world.record(40)
    world.connect()
    assert len(world.send()) == 3
    sizes = [len(parcel.message.payload) for parcel in world.arrived]
    assert max(sizes) <= 8192
    assert [len(parcel.sizes) for parcel in world.arrived] == [16, 16, 8]


def test_a_picture_larger_than_the_broker_takes_becomes_a_tombstone(world: World) -> None:
    _record_with(world, Image("overview", b"RIFF" + bytes(9000), "image/webp", 480, 270, leaves_box=True))
    world.connect()
    world.courier.connected(Connected(20, 4096))
    world.courier.asked("", 0)
    world.clock.sleep(6)
    world.send()
    (image,) = [parcel for parcel in world.arrived if parcel.message.leaf == "i"]
    assert image.message.payload == b""
    assert ("gone", "too large for the broker") in image.message.user


def test_a_picture_that_breaks_the_connection_three_times_alone_becomes_a_tombstone(world: World) -> None:
    _record_with(world, Image("overview", b"RIFF" + bytes(900), "image/webp", 480, 270, leaves_box=True))
    for _ in range(3):
        world.connect()
        mids = world.send()
        for mid in mids:  # the alert is taken, acknowledged, and then the picture travels alone
            world.courier.taken(mid, 0, world.now_us) if mid != mids[-1] else None
        world.commit()
        world.acknowledge()
        world.connect()
        assert world.send()
    world.connect()
    world.arrived.clear()
    world.send()
    (image,) = world.arrived
    assert image.message.payload == b""


def _record_with(world: World, picture: Image) -> None:
    now = world.clock.now()
    event = Event(uuid7(now.utc_us), "incident.open", now, incident_with(now, picture))
    world.watch.record([event], (), (), [picture])
    world.recorded.append(event.id)
    world.courier.refresh()
