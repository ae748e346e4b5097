"""What people and programs read at HQ."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from support.link_stand import incident_with

from agent.clock import ClockState, Moment, uuid7
from agent.core.ailment import AILMENTS
from agent.core.event import Event, Place, seal
from agent.core.incident import Incident, Phase
from agent.core.message import ImageLabel, Position, Sealed, Topic, encode_event
from agent.errors import ConfigError
from agent.keys import Signer, make_key
from hq.acks import AckBook, LogKey
from hq.intake import DeadLetter, Fact, Intake, Picture
from hq.lines import Lines, as_json
from hq.presence import SILENT_US, Presence
from hq.registry import KnownBox, KnownCamera, Registry, load_registry
from hq.store import Outcome
from hq.words import EN, LANGUAGES, VI

AT = Moment(5_000_000, 1_790_000_000_000_000, ClockState.SYNCED, "0" * 32)  # 21/09/2026 21:13:20 at +07:00
TOPIC = Topic("demo", "gate-01", "e")
KNOWN = Registry(
    {
        "gate-01": KnownBox(
            "gate-01", "demo", "Cổng chợ", cameras={"cam-1": KnownCamera("Cổng chính", {"kerb": "lề đường"})}
        )
    }
)


def incident(**changes: object) -> Incident:
    return replace(incident_with(AT), **changes)


def outcome(kind: str, what: Incident | None = None, at: Moment = AT, **detail: object) -> Outcome:
    body = seal(Event(uuid7(1), kind, at, what, detail), Place("gate-01", 7, "a", 1, None))
    (judged,) = Intake(Registry({})).events(TOPIC, encode_event(Sealed(body, bytes(64))))
    assert isinstance(judged, Fact), judged
    return Outcome(replace(judged, verified=True))


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (
            outcome("incident.open", incident()),
            "21/09/2026 21:13:20 · Cổng chợ · Nghi vấn dừng xe sai quy định: ô tô đã 15 giây tại lề đường,"
            " camera Cổng chính, từ 21:13:05 [chú ý]",
        ),
        (
            outcome("incident.open", incident(preexisting=True, quiet=True, count=3, dwell_s=4000.0, rule="intrusion")),
            "21/09/2026 21:13:20 · Cổng chợ · Nghi vấn xâm nhập khu vực cấm: 3 ô tô đã 1 giờ 6 phút tại lề đường,"
            " camera Cổng chính, từ 21:13:05 [chú ý] (đã có từ trước khi camera bắt đầu quan sát; vừa cảnh báo tại"
            " chỗ này)",
        ),
        (
            outcome("incident.end", incident(phase=Phase.ENDED, end_us=AT.utc_us, end_reason="left", dwell_s=125.0)),
            "21/09/2026 21:13:20 · Cổng chợ · Đã kết thúc nghi vấn dừng xe sai quy định: ô tô tại lề đường,"
            " camera Cổng chính, kéo dài 2 phút 5 giây",
        ),
        (
            outcome("camera.lost", at=replace(AT, state=ClockState.UNSET), camera="cam-1"),
            "21/09/2026 21:13:20 · Cổng chợ · Camera Cổng chính mất tín hiệu"
            " (giờ gần đúng: đồng hồ của hộp chưa được đặt)",
        ),
        (
            outcome("camera.impaired", camera="cam-1", state="moved", severity="attention", since_us=AT.utc_us),
            "21/09/2026 21:13:20 · Cổng chợ · Camera Cổng chính bị lệch góc; các quy tắc theo vùng tạm dừng, cần hiệu"
            " chỉnh lại [chú ý]",
        ),
        (
            outcome("camera.impaired", camera="cam-1", state="fogged", severity="info", since_us=AT.utc_us),
            "21/09/2026 21:13:20 · Cổng chợ · Camera Cổng chính gặp trạng thái fogged [thông tin]",
        ),
        (
            outcome("camera.restored", camera="cam-1", state="covered", reason="well", lasted_s=95.2),
            "21/09/2026 21:13:20 · Cổng chợ · Camera Cổng chính đã bình thường trở lại, không còn bị che khuất,"
            " kéo dài 1 phút 35 giây",
        ),
        (
            outcome("camera.restored", camera="cam-1", state="moved", reason="recalibrated"),
            "21/09/2026 21:13:20 · Cổng chợ · Camera Cổng chính đã được hiệu chỉnh lại; các quy tắc theo vùng hoạt"
            " động lại",
        ),
        (outcome("health.minute", judged={}), ""),
        (
            outcome("health.pace", share=0.7, cause="heat", zone="tj-thermal", temp_c=92.5),
            "21/09/2026 21:13:20 · Cổng chợ · Hộp nóng, chỉ xem xét camera ở 70% nhịp bình thường,"
            " nhưng không dưới một ảnh mỗi giây",
        ),
        (
            outcome("health.pace", share=1.0, cause="recovered"),
            "21/09/2026 21:13:20 · Cổng chợ · Hộp đỡ nóng hoặc nguồn đã ổn, xem xét camera ở 100% nhịp bình thường",
        ),
        (outcome("health.pace", share=0.7, cause="of_a_newer_box"), ""),
        (replace(outcome("incident.open", incident()), duplicate=True), ""),
    ],
)  # fmt: skip
def test_an_alert_is_one_line(what: Outcome, line: str) -> None:
    assert Lines(VI, KNOWN).of(what) == line


def test_the_same_in_english_with_ids_where_no_name_is_known() -> None:
    line = Lines(EN, Registry({})).of(outcome("incident.open", incident()))
    assert line == (
        "21/09/2026 21:13:20 · gate-01 · Suspected improper stopping: car for 15 s in kerb, camera cam-1,"
        " since 21:13:05 [attention]"
    )


def test_an_unknown_rule_and_an_unverified_event_are_shown_as_such() -> None:
    unknown = outcome("incident.open", incident(rule="wrong_way"))
    line = Lines(VI, KNOWN).of(replace(unknown, arrival=replace(unknown.arrival, verified=False)))
    assert "Nghi vấn sự việc (wrong_way)" in line
    assert "chữ ký chưa kiểm tra" in line


def test_a_lying_box_cannot_steer_the_terminal() -> None:
    line = Lines(VI, KNOWN).of(outcome("incident.open", incident(label="car\x1b[2J\nfake")))
    assert "\x1b" not in line
    assert "\n" not in line


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_state_of_a_camera_is_worded(language: str) -> None:
    words = LANGUAGES[language]
    assert set(words.ailments) == {*AILMENTS, "other"}
    assert set(words.ailing) == set(AILMENTS)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_rule_is_worded_as_a_suspicion(language: str) -> None:
    words = LANGUAGES[language]
    suspicion = {"vi": "nghi vấn", "en": "suspected"}[language]
    for text in (*words.rules.values(), words.unknown_rule):
        assert suspicion in text
    for pattern in (words.open, words.reopen, words.update, words.end):
        assert "{what}" in pattern


def test_both_languages_have_the_same_keys() -> None:
    for field in fields(VI):
        vietnamese, english = getattr(VI, field.name), getattr(EN, field.name)
        if isinstance(vietnamese, dict) and field.name != "labels":  # an English label is its own name
            assert vietnamese.keys() == english.keys(), field.name


def test_json_has_every_fact_and_what_became_of_it() -> None:
    told = json.loads(as_json(outcome("incident.open", incident()), "a line"))
    assert (told["type"], told["kind"], told["box"], told["duplicate"]) == ("event", "incident.open", "gate-01", False)
    assert (told["incident"]["rule"], told["line"]) == ("stopped_vehicle", "a line")
    told = json.loads(as_json(Outcome(DeadLetter("t", b"", "why")), ""))
    assert (told["type"], told["reason"], told["line"]) == ("dead_letter", "why", None)


@pytest.mark.parametrize(("proved", "remark"), [(True, ""), (False, " (chưa kiểm tra)")])
def test_a_picture_that_no_verified_event_lists_says_so(proved: bool, remark: str) -> None:
    label = ImageLabel(uuid7(1), "0" * 64, "overview", 7, 1, AT.utc_us, "image/webp")
    filed = Outcome(Picture(Position("gate-01", 7, "m", 1), label, b"p"), path=Path("/p.webp"), proved=proved)
    line = Lines(VI, KNOWN).of(filed)
    assert line == f"    Cổng chợ · ảnh: /p.webp{remark}"
    assert json.loads(as_json(filed, line))["verified"] is proved


def test_acks_go_at_once_for_many_or_for_a_hello_else_after_a_second() -> None:
    book, one, two = AckBook(), LogKey("b", 1, "a"), LogKey("b", 1, "m")
    book.committed(one, 63, 0)
    assert book.due(999_999) == []
    book.committed(one, 1, 999_999)
    assert book.due(999_999) == [(one, "")]
    assert book.due(5_000_000) == [], "told once"
    book.committed(two, 1, 0)
    book.asked(one, "nonce", 10)
    assert book.due(10) == [(one, "nonce")]
    assert book.due(1_000_000) == [(two, "")]
    book.committed(two, 1, 0)
    assert book.due(0, leaving=True) == [(two, "")]


def test_silence_is_told_once_and_its_end_too() -> None:
    presence = Presence()
    assert not presence.heard("b", 0)
    assert presence.fallen_silent(SILENT_US) == []
    assert presence.fallen_silent(SILENT_US + 1_000_000) == [("b", 181.0)]
    assert presence.fallen_silent(SILENT_US + 2_000_000) == []
    assert presence.heard("b", SILENT_US + 3_000_000)
    assert not presence.heard("b", SILENT_US + 3_000_001)


def test_the_registry_is_read_and_its_keys_verify(tmp_path: Path) -> None:
    signer: Signer = make_key(tmp_path / "watch.key")
    known = {
        "box": "gate-01", "area": "demo", "name": "Cổng", "config_hash": "00",
        "cameras": {"cam-1": {"name": "Camera", "zones": {"kerb": "lề"}}}, "keys": {"watch": signer.public.hex()},
    }  # fmt: skip
    (tmp_path / "gate-01.json").write_text(json.dumps(known), "utf-8")
    registry = load_registry(tmp_path)
    assert registry.key("gate-01", "a") == registry.key("gate-01", "w") == signer.public
    assert registry.key("gate-01", "d") is registry.key("gate-01", "m") is registry.key("stranger", "a") is None
    assert registry.foreign("gate-01", "demo") == registry.foreign("stranger", "demo") == ""
    assert "registered in area demo" in registry.foreign("gate-01", "other")


@pytest.mark.parametrize("content", ["", "[]", '{"box": "a"}', '{"box":"a","area":"b","keys":{"watch":"00"}}', "\x00"])
def test_a_broken_registry_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "box.json").write_text(content)
    with pytest.raises(ConfigError, match=r"box\.json: is no box of the registry"):
        load_registry(tmp_path)
