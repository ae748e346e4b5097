"""What HQ makes of messages that no box of ours would send: a dead letter, one clear line, and business as usual."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from support.broker import Broker
from support.link_stand import Hq, Program, until

from agent.clock import SystemClock, uuid7
from agent.core.event import Event, Place, seal
from agent.core.message import Sealed, encode_batch, encode_event
from agent.keys import Signer, make_key

pytestmark = pytest.mark.broker

EPOCH = 4_611_686_018_427_387_905
SEQ = iter(range(1, 10_000))
UUID = "01a1fbd9-0da1-7b3d-b4f9-df902b59c49a"
EVENTS, IMAGES = "commune/v1/demo/gate-01/e", "commune/v1/demo/gate-01/i"


def body(**changes: object) -> bytes:
    """A test alert's body with some fields changed; a field changed to None is left out."""
    now = SystemClock().now()
    event = Event(uuid7(now.utc_us), "test.alert", now, detail={"re": uuid7(now.utc_us)})
    fields = json.loads(seal(event, Place("gate-01", EPOCH, "a", next(SEQ), bytes(32))))
    fields.update(changes)
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


class Stranger:
    """A client that publishes what it likes, and the key that HQ's registry has for box gate-01."""

    def __init__(self, port: int, signer: Signer) -> None:
        self.sign = signer
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def say(self, topic: str, payload: bytes, user: dict[str, str] | None = None, content_type: str = "") -> None:
        properties = Properties(PacketTypes.PUBLISH)
        if user:
            properties.UserProperty = list(user.items())
        if content_type:
            properties.ContentType = content_type
        self.client.publish(topic, payload, 1, properties=properties).wait_for_publish(10)

    def tell(self, told: bytes, topic: str = EVENTS) -> None:
        self.say(topic, encode_event(Sealed(told, self.sign(told))))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hq, Stranger]]:
    folder = tmp_path_factory.mktemp("bad")
    signer = make_key(folder / "watch.key")
    registry = folder / "registry"
    registry.mkdir()
    known = {"box": "gate-01", "area": "demo", "name": "Cổng", "keys": {"watch": signer.public.hex()}}
    (registry / "gate-01.json").write_text(json.dumps(known), "utf-8")
    (registry / "far-01.json").write_text(json.dumps({"box": "far-01", "area": "elsewhere"}), "utf-8")
    with (
        Broker(folder / "broker") as broker,
        Hq(folder / "hq" / "data", broker.port, "--registry", str(registry)) as hq,
    ):
        hq.ready()
        stranger = Stranger(broker.port, signer)
        yield hq, stranger
        stranger.close()


def label(picture: bytes, **changes: str) -> dict[str, str]:
    sha256 = hashlib.sha256(picture).hexdigest()
    told = {"event_id": UUID, "sha256": sha256, "kind": "overview", "epoch": str(EPOCH), "seq": "1", "utc_us": "1"}
    return {**told, **changes}


BAD_EVENTS = {
    "rubbish": (lambda: b"\x00\xff rubbish", "an event is two lines"),
    "empty": (lambda: b"", "an event is two lines"),
    "not JSON": (lambda: b"{'box': 1}\n" + b"A" * 88, "is no JSON"),
    "not an object": (lambda: b"[1, 2]\n" + b"A" * 88, "is no JSON object"),
    "not UTF-8": (lambda: b'{"box":"\xff\xfe"}\n' + b"A" * 88, "is no JSON in UTF-8"),
    "half a surrogate pair": (lambda: b'{"box":"\\ud800"}\n' + b"A" * 88, "is no JSON in UTF-8"),
    "deeply nested": (lambda: b"[" * 4000 + b"\n" + b"A" * 88, "is no JSON"),
    "oversized": (lambda: b'{"box":"' + b"x" * 5000 + b'"}\n' + b"A" * 88, "event body of 5010 bytes"),
    "cut batch": (lambda: encode_batch([Sealed(body(), bytes(64))])[:-4], "cut short"),
    "zip bomb": (lambda: zlib.compress(bytes(7_000_000), 9), "batch inflates to more than"),
    "broken batch": (lambda: b"\x78\x9c" + bytes(50), "cannot be inflated"),
    "seventeen events": (lambda: encode_batch([Sealed(b"{}", bytes(64))] * 17), "34 lines"),
}

BAD_BODIES = {
    "of another box": ({"box": "gate-02"}, "the body says box gate-02, the topic gate-01"),
    "without a position": ({"seq": None}, "seq is missing"),
    "with an impossible position": ({"seq": 1 << 63}, "seq is missing or no whole number"),
    "with a number as epoch": ({"epoch": 5}, "epoch is missing or no text"),
    "of no known stream": ({"stream": "z"}, "stream 'z' is none of"),
    "of another version": ({"v": 2}, "v: 1 was expected"),
    "without its kind's field": ({"re": None}, "'re' is a required property"),
    "in the year 33658": ({"utc_us": 10**18}, "utc_us: 1000000000000000000"),
    "with a kind that breaks lines": ({"kind": "a\nb"}, "kind:"),
}

BAD_IMAGES = {
    "without properties": (b"picture", {}, "image/webp", "event_id is missing"),
    "of another hash": (b"picture", label(b"other"), "image/webp", "does not have the SHA-256"),
    "of no picture type": (b"picture", label(b"picture"), "text/html", "content type 'text/html'"),
    "empty and not gone": (b"", label(b""), "image/webp", "a tombstone has a reason"),
    "a path as hash": (b"picture", label(b"picture", sha256="../../etc/passwd"), "image/webp", "has not the form"),
}


def dead(hq: Hq) -> int:
    return hq.ask("SELECT count(*) FROM dead_letters")[0][0]


def check(hq: Hq, stranger: Stranger, before: int, reason: str) -> None:
    """One dead letter more, its reason in one line of the log, and the next good alert is stored."""
    until(lambda: dead(hq) == before + 1, f"a dead letter: {reason}")
    assert reason in hq.ask("SELECT reason FROM dead_letters ORDER BY number DESC LIMIT 1")[0][0]
    good = body()
    stranger.tell(good)
    until(lambda: json.loads(good)["id"] in hq.event_ids(), "HQ goes on")
    assert sum(reason in line for line in hq.program.said.splitlines()) >= 1
    assert "Traceback" not in hq.program.said


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_rubbish_on_the_topic_of_events_is_a_dead_letter(stand, name: str) -> None:
    hq, stranger = stand
    make, reason = BAD_EVENTS[name]
    before = dead(hq)
    stranger.say(EVENTS, make())
    check(hq, stranger, before, reason)


@pytest.mark.parametrize("name", BAD_BODIES)
def test_an_event_that_is_not_as_promised_is_a_dead_letter(stand, name: str) -> None:
    hq, stranger = stand
    changes, reason = BAD_BODIES[name]
    before = dead(hq)
    stranger.tell(body(**changes))
    check(hq, stranger, before, reason)


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_picture_that_is_not_as_promised_is_a_dead_letter(stand, name: str) -> None:
    hq, stranger = stand
    payload, user, content_type, reason = BAD_IMAGES[name]
    before = dead(hq)
    stranger.say(IMAGES, payload, user, content_type)
    check(hq, stranger, before, reason)


def test_a_forged_signature_is_a_dead_letter_and_its_good_neighbours_are_stored(stand) -> None:
    hq, stranger = stand
    before, first, forged, last = dead(hq), body(), body(), body()
    batch = [Sealed(first, stranger.sign(first)), Sealed(forged, bytes(64)), Sealed(last, stranger.sign(last))]
    stranger.say(EVENTS, encode_batch(batch))
    check(hq, stranger, before, "the signature is not that of box gate-01")
    seq = json.loads(forged)["seq"]
    assert hq.ask("SELECT count(*) FROM seen WHERE ? BETWEEN a AND b", seq) == [(0,)], "the true one is still awaited"
    assert hq.has({json.loads(first)["id"], json.loads(last)["id"]})
    assert json.loads(forged)["id"] not in hq.event_ids()


def test_a_box_registered_elsewhere_is_not_taken_in(stand) -> None:
    hq, stranger = stand
    before = dead(hq)
    stranger.tell(body(box="far-01"), "commune/v1/demo/far-01/e")
    check(hq, stranger, before, "box far-01 is registered in area elsewhere, not demo")


@pytest.mark.parametrize("leaf", ["hello", "h", "s"])
def test_a_report_that_is_none_is_a_dead_letter(stand, leaf: str) -> None:
    hq, stranger = stand
    before = dead(hq)
    stranger.say(f"commune/v1/demo/gate-01/{leaf}", b'{"logs": 5, "state": "dancing"}')
    check(hq, stranger, before, "dancing" if leaf == "s" else "logs must be a list")


def test_what_is_dead_is_acknowledged_where_its_position_is_its_senders(stand) -> None:
    """Otherwise the box would send it for ever; its bytes are kept, and nobody else's ranges are touched."""
    hq, stranger = stand
    before = dead(hq)
    stranger.tell(body(v=2, seq=9_000_001))
    stranger.tell(body(box="gate-02", seq=9_000_002))
    until(lambda: dead(hq) == before + 2, "two dead letters")
    seen = hq.ask("SELECT box, a, b FROM seen WHERE a >= 9000000")
    assert seen == [("gate-01", 9_000_001, 9_000_001)]


def test_a_second_receiver_is_refused_the_data_directory(stand, tmp_path: Path) -> None:
    hq, _ = stand
    arguments = ["-m", "hq", "receive", "--port", "1", "--area", "demo", "--data", str(hq.data), "--seconds", "1"]
    second = Program(arguments, tmp_path / "second.log")
    assert second.process.wait(20) == 6
    second.stop()
    assert "another receiver uses it; stop that one or give --data elsewhere" in second.said
