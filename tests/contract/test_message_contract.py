"""What box and HQ promise each other: round trips, limits, and the schema over events as they are really sealed."""

from __future__ import annotations

import json
import random
import statistics
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.link_stand import incident_with

from agent.clock import SimulatedClock, uuid7
from agent.core.event import BODY_LIMIT_BYTES, Event, Json, Place, seal
from agent.core.image import Image
from agent.core.incident import Incident, Phase
from agent.core.message import (
    BATCH_BYTES,
    BATCH_EVENTS,
    Ack,
    BoxState,
    HqState,
    ImageLabel,
    LogState,
    Malformed,
    Report,
    Sealed,
    Topic,
    decode_ack,
    decode_box_state,
    decode_events,
    decode_hq_state,
    decode_report,
    encode_ack,
    encode_batch,
    encode_box_state,
    encode_event,
    encode_hq_state,
    encode_report,
    event_schema,
    image_properties,
    parse_topic,
    position_of,
    read_body,
    read_image,
)

ROOT = Path(__file__).resolve().parents[2]
NOW = SimulatedClock().now()
UUID = uuid7(NOW.utc_us)

ids = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
epochs = st.integers(1, (1 << 63) - 1)
seqs = st.integers(1, 1 << 40)
bodies = st.binary(min_size=2, max_size=BODY_LIMIT_BYTES).map(
    lambda raw: raw.replace(b"\n", b" ").replace(b"\x78", b"y")
)
sealed = st.builds(Sealed, bodies, st.binary(min_size=64, max_size=64))


def picture(kind: str) -> Image:
    return Image(kind, kind.encode() * 3000, "image/webp", 480, 270, leaves_box=True)


def incident(**changes: object) -> Incident:
    return replace(incident_with(NOW, picture("overview"), picture("closeup")), **changes)


ENDED = incident(phase=Phase.ENDED, rev=3, end_us=NOW.utc_us, end_reason="left", dwell_s=612.4)
KINDS: dict[str, tuple[Incident | None, dict[str, Json]]] = {
    "incident.open": (incident(preexisting=True), {}),
    "incident.update": (incident(rev=2, evidence="lost(no space)", images=()), {}),
    "incident.reopen": (incident(rev=4, quiet=True), {}),
    "incident.end": (ENDED, {}),
    "camera.lost": (None, {"camera": "cam-1", "since_us": NOW.utc_us, "reason": "no frame for 10 s"}),
    "camera.back": (None, {"camera": "cam-1"}),
    "camera.impaired": (
        None,
        {
            "camera": "cam-1",
            "state": "moved",
            "severity": "attention",
            "since_us": NOW.utc_us,
            "measured": {"shift": 0.2},
        },
    ),
    "camera.restored": (
        None,
        {
            "camera": "cam-1",
            "state": "moved",
            "reason": "returned",
            "re": UUID,
            "since_us": NOW.utc_us,
            "lasted_s": 75.5,
        },
    ),
    "camera.recalibrated": (None, {"camera": "cam-1", "re": UUID, "by": "lan (logged in as minh)"}),
    "test.alert": (None, {"re": UUID}),
    "agent.start": (None, {"version": "0.1.0", "config": "0" * 16, "model": "1" * 16, "detector": "demo on onnx"}),
    "health.minute": (
        None,
        {"judged": {"cam-1": 300}, "dropped": {"cam-1": 0}, "gated": {"cam-1": 9}, "detect_ms": 11.25},
    ),
    "health.pace": (None, {"share": 0.7, "cause": "heat", "zone": "tj-thermal", "temp_c": 92.5}),
    "store.epoch": (None, {"file": "watch.db", "reason": "salvaged", "lost": 3}),
    "link.up": (None, {"down_s": 12.5, "ups": 2}),
    "link.down": (None, {"reason": "the connection broke", "up_s": 7.0, "ups": 2}),
    "link.fork": (None, {"of": "a", "fork_epoch": "77", "claimed": 1000}),
}


def body(kind: str, /, **changes: object) -> dict[str, Json]:
    told, detail = KINDS[kind]
    event = Event(uuid7(NOW.utc_us), kind, NOW, told, detail)
    fields = json.loads(seal(event, Place("gate-01", (1 << 62) + 1, "a", 123_456, bytes(range(32)))))
    return {**fields, **changes}


def faults(fields: dict[str, Json]) -> list[str]:
    return [fault.message for fault in Draft202012Validator(event_schema()).iter_errors(fields)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_as_really_sealed_fits_the_schema(kind: str) -> None:
    assert faults(body(kind)) == []


def test_every_kind_the_schema_knows_is_among_these() -> None:
    named = {
        rule["if"]["properties"]["kind"].get("const")
        for rule in event_schema()["allOf"]
        if "const" in rule["if"]["properties"]["kind"]
    }
    assert named <= KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("incident.open", {"incident": None}),
        ("incident.open", {"incident": {"id": UUID}}),
        ("incident.end", {"incident": body("incident.open")["incident"]}),
        ("incident.open", {"incident": body("incident.end")["incident"]}),
        ("camera.lost", {"camera": 5}),
        ("camera.lost", {"camera": "Cổng"}),
        ("camera.impaired", {"state": "Đẩy"}),
        ("camera.impaired", {"measured": {"shift": "far"}}),
        ("camera.impaired", {"severity": "soon"}),
        ("camera.impaired", {"images": [{"kind": "overview"}]}),
        ("camera.restored", {"reason": 5}),
        ("camera.recalibrated", {"re": "me"}),
        ("test.alert", {"re": "soon"}),
        ("health.minute", {"judged": {"cam-1": -1}}),
        ("health.minute", {"pace": 1.5}),
        ("health.pace", {"share": 7}),
        ("health.pace", {"cause": "the sun"}),
        ("link.up", {"down_s": "long"}),
        ("agent.start", {"epoch": 5}),
        ("agent.start", {"stream": "m"}),
        ("agent.start", {"seq": 0}),
        ("agent.start", {"id": "1"}),
        ("agent.start", {"clock": "good"}),
        ("agent.start", {"utc_us": 1 << 62}),
        ("agent.start", {"prev": "short"}),
        ("agent.start", {"kind": "Agent Start"}),
    ],
)
def test_what_is_not_as_promised_does_not_fit(kind: str, changes: dict[str, object]) -> None:
    assert faults(body(kind, **changes))


def test_a_newer_box_may_say_more_without_being_refused() -> None:
    assert faults(body("camera.lost", weather="rain")) == []
    assert faults(body("camera.back", kind="camera.tampered")) == []


def test_the_published_schema_is_the_one_in_the_package() -> None:
    packaged = ROOT / "agent" / "core" / "schemas" / "event.schema.json"
    assert (ROOT / "docs" / "ref" / "event.schema.json").read_bytes() == packaged.read_bytes()
    Draft202012Validator.check_schema(json.loads(packaged.read_text("utf-8")))


@pytest.mark.parametrize("document", ["mqtt.md", "asyncapi.yaml"])
def test_the_reference_names_every_topic_and_every_kind_of_payload(document: str) -> None:
    text = (ROOT / "docs" / "ref" / document).read_text("utf-8")
    for leaf in ("e", "i", "s", "h", "hello", "ack"):
        assert f"commune/v1/{{area}}/{{box}}/{leaf}" in text
    assert "commune/v1/{area}/hq/s" in text


def test_a_typical_event_is_small() -> None:
    """With its signature, as it travels: at most 700 bytes for the median of what a box says in a day."""
    day = ["incident.open"] * 3 + ["incident.update", "incident.end"] * 3 + ["camera.lost", "camera.back"]
    day += ["health.minute"] * 10
    sizes = [len(json.dumps(body(kind), ensure_ascii=False, separators=(",", ":")).encode()) + 89 for kind in day]
    assert statistics.median(sizes) <= 700
    assert max(sizes) <= 1100


@given(st.lists(sealed, min_size=1, max_size=BATCH_EVENTS))
def test_events_come_out_byte_for_byte(events: list[Sealed]) -> None:
    assert decode_events(encode_event(events[0])) == (events[0],)
    batch = encode_batch(events)
    if len(batch) <= BATCH_BYTES:
        assert decode_events(batch) == tuple(events)
    else:
        with pytest.raises(Malformed, match="the limit is 8192"):
            decode_events(batch)


def refusal_of(decode: Callable[[bytes], object], payload: bytes) -> str | None:
    """Why ``payload`` is refused, None where it is taken; any other exception ends the test."""
    try:
        decode(payload)
    except Malformed as reason:
        return str(reason)
    return None


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_raise_malformed(payload: bytes) -> None:
    for decode in (decode_events, decode_ack, decode_report, decode_box_state, decode_hq_state, read_body):
        for attempt in (payload, zlib.compress(payload), b'{"seq":' + payload + b"}"):
            assert refusal_of(decode, attempt) != "", "a refusal without a reason helps nobody"


def test_an_event_whose_signature_cannot_be_read_keeps_its_neighbours() -> None:
    good = Sealed(b'{"a":1}', bytes(64))
    batch = zlib.compress(encode_event(good) + b"\n{}\nnot base64\n" + encode_event(good))
    assert decode_events(batch) == (good, Sealed(b"{}", b""), good)


def test_a_bomb_is_never_inflated_whole() -> None:
    with pytest.raises(Malformed, match="inflates to more than"):
        decode_events(zlib.compress(bytes(8_000_000), 9))


ranges = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=20)
acks = st.builds(
    lambda epoch, stream, upto, steps, nonce: Ack(stream, epoch, upto, _above(upto, steps), nonce),
    epochs, st.sampled_from("adwum"), st.integers(0, 1 << 40), ranges, st.sampled_from(["", "n"]),
)  # fmt: skip


def _above(upto: int, steps: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found = []
    for gap, length in steps:
        found.append((upto + gap + 1, upto + gap + 1 + length))
        upto = found[-1][1]
    return tuple(found)


@given(acks)
def test_an_ack_comes_out_as_it_went_in(ack: Ack) -> None:
    assert decode_ack(encode_ack(ack)) == ack
    assert isinstance(json.loads(encode_ack(ack))["epoch"], str), "53 bits are all that many JSON readers keep"


def test_an_ack_tells_the_lowest_ranges_when_there_are_too_many() -> None:
    many = tuple((10 * n, 10 * n + 1) for n in range(1, 200))
    assert decode_ack(encode_ack(Ack("a", 1, 0, many))).have == many[:64]


log_states = st.builds(
    lambda stream, epoch, first, kept, more, acked, next_id: LogState(
        stream, epoch, first, first + kept, acked, first + kept + more - 1, next_id
    ),
    st.sampled_from("adwum"), epochs, st.integers(1, 1 << 40), st.integers(0, 99), st.integers(0, 99),
    st.integers(0, 9), st.sampled_from(["", UUID]),
)  # fmt: skip


@given(st.lists(log_states, max_size=12), st.sampled_from(["synced", "holdover", "unset"]), st.integers(0, 1 << 50))
def test_a_report_comes_out_as_it_went_in(logs: list[LogState], clock: str, number: int) -> None:
    report = Report(number, clock, tuple(logs), UUID, number, number)
    assert decode_report(encode_report(report)) == report
    assert len(encode_report(report)) < 4096


@pytest.mark.parametrize("state", ["online", "offline", "stopped"])
def test_a_box_state_comes_out_as_it_went_in(state: str) -> None:
    told = BoxState(state, "0.1.0", "0" * 16, "1" * 16)
    assert decode_box_state(encode_box_state(told)) == told


@pytest.mark.parametrize(
    "state", [HqState(True, None, 0.0), HqState(True, 0, 60.0), HqState(True, 64_000, 5), HqState(False)]
)
def test_hqs_state_comes_out_as_it_went_in(state: HqState) -> None:
    assert decode_hq_state(encode_hq_state(state)) == state


@given(ids, ids, st.sampled_from(["e", "i", "ic", "s", "h", "hello", "ack", "cmd/new_epoch"]))
def test_a_topic_comes_out_as_it_went_in(area: str, box: str, leaf: str) -> None:
    topic = Topic(area, box, leaf)
    assert parse_topic(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    ["", "commune/v1/a/b", "commune/v2/a/b/e", "commune/v1/A/b/e", "commune/v1/a/b/x", "commune/v1/a/b/e/f",
     "commune/v1/a/b/cmd/", "commune/v1/a/../e", "commune/v1/a/b/e\n", "commune/v1/+/b/e"],
)  # fmt: skip
def test_a_stranger_topic_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_topic(text)


@given(epochs, seqs, st.integers(0, 1 << 55), st.booleans())
def test_a_picture_is_labelled_as_it_went_in(epoch: int, seq: int, utc_us: int, lost: bool) -> None:
    sha256 = random.Random(seq).randbytes(32).hex()
    label = ImageLabel(
        UUID, sha256, "closeup", epoch, seq, utc_us, "" if lost else "image/jpeg", "evicted" if lost else ""
    )
    payload = b"" if lost else b"picture"
    assert read_image(image_properties(label), label.content_type, payload) == label


def test_a_position_is_read_from_a_body_that_fits_no_schema() -> None:
    position = position_of({"box": "b", "epoch": "7", "stream": "a", "seq": 5, "kind": 9})
    assert (position.box, position.epoch, position.stream, position.seq) == ("b", 7, "a", 5)
