"""The catalogue is whole in both languages, and calls nothing an offence that is only suspected."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

import agent.page
from agent.core.ailment import AILMENTS
from agent.core.incident import Severity
from agent.errors import ConfigError
from agent.evidence.album import NOT_MADE, WITHHELD
from agent.page.status import NOTICED
from agent.page.words import LANGUAGES, Words, load_words
from agent.rules.settings import DEFAULTS

PAGE = Path(agent.page.__file__).parent
WORDS = load_words("Asia/Ho_Chi_Minh")
SUSPECTED = {"vi": "nghi vấn", "en": "suspected"}
VERDICT = re.compile(
    "vi phạm|phạm luật|phạm pháp|tội|trái phép|trái quy định|sai quy định|bất hợp pháp|thủ phạm|xử phạt|không phép|"
    "violat|offen|crim|guilty|illegal|unlawful|culprit|perpetrator|wrongdo|penalt"
)
ALL = [(language, key, text) for language, words in WORDS.items() for key, text in words.strings.items()]


def is_a_verdict(text: str) -> bool:
    return VERDICT.search(text.casefold()) is not None


@pytest.mark.parametrize(("language", "key", "text"), ALL, ids=[f"{language}-{key}" for language, key, _ in ALL])
def test_no_offence_or_verdict_without_saying_suspected(language: str, key: str, text: str):
    assert not is_a_verdict(text) or SUSPECTED[language] in text.casefold(), f"{language} {key}: {text}"


@pytest.mark.parametrize("text", ["Xe vi phạm", "Đỗ xe sai quy định", "Illegal parking", "Traffic offence", "TỘI PHẠM"])
def test_the_wording_test_knows_a_verdict_when_it_reads_one(text: str):
    assert is_a_verdict(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_every_kind_of_message_is_called_suspected(language: str):
    for key, text in WORDS[language].strings.items():
        if key.startswith(("rule.", "kind.")):
            assert SUSPECTED[language] in text.casefold(), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", [*DEFAULTS, "a_rule_of_a_later_version"])
def test_every_title_of_every_rule_is_called_suspected(language: str, rule: str):
    assert SUSPECTED[language] in WORDS[language].title(rule, "car").casefold()


def test_no_rule_id_is_a_verdict():
    assert not [rule for rule in DEFAULTS if is_a_verdict(rule.replace("_", " "))]


def test_both_languages_have_the_same_keys_and_the_same_places():
    vi, en = (WORDS[language].strings for language in LANGUAGES)
    assert vi.keys() == en.keys()
    assert {key for key in vi if _places(vi[key]) != _places(en[key])} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_hold_each_key_once_and_no_empty_text(language: str):
    pairs = json.loads((PAGE / "locale" / f"{language}.json").read_text("utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys))
    assert [key for key, text in pairs if not text.strip()] == []


def test_every_key_that_a_template_or_a_module_names_is_there_and_none_is_idle():
    sources = [*PAGE.glob("templates/*.html"), *PAGE.glob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    named = set(re.findall(r"""\b(?:w|words|self)\(\s*["']([a-z_]+\.[a-z_.0-9]+)["']\s*[,)]""", text))
    families = set(re.findall(r"""\bknown\(\s*["']([a-z_]+)["']""", text))
    families |= set(re.findall(r"""\b(?:w|words|self)\(f?["']([a-z_]+)\.(?:["']|\{)""", text))
    keys = set(WORDS["vi"].strings)
    assert named - keys == set()
    for family in families:
        assert any(key.startswith(f"{family}.") for key in keys), family
    assert {key for key in keys - named if key.partition(".")[0] not in families} == set()


def test_every_severity_and_every_rule_has_its_own_text():
    for words in WORDS.values():
        assert {f"severity.{severity.value}" for severity in Severity} <= words.strings.keys()
        assert {f"rule.{rule}" for rule in DEFAULTS} <= words.strings.keys()
        assert {f"ailment.{state}" for state in AILMENTS} <= words.strings.keys()
        assert {f"warning.{state}" for state in NOTICED} <= words.strings.keys()


def test_templates_and_scripts_speak_only_through_the_catalogue():
    for path in PAGE.glob("templates/*.html"):
        markup = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<!doctype html>|<[^>]*>"
        bare = re.sub(markup, " ", path.read_text("utf-8"), flags=re.S)
        assert re.findall(r"[^\W\d_]{2,}", bare) == [], path.name
    script = "\n".join(path.read_text("utf-8") for path in PAGE.glob("static/*.js"))
    assert not re.search(r"[À-ỹ]", script)


@pytest.mark.parametrize(
    ("seconds", "vi_ago", "vi_span"),
    [
        (-3, "0 giây trước", "0 giây"),
        (2.9, "2 giây trước", "2 giây"),
        (60, "1 phút trước", "1 phút 0 giây"),
        (3599, "59 phút trước", "59 phút 59 giây"),
        (3600, "1 giờ trước", "1 giờ 0 phút"),
        (47.5 * 3600, "47 giờ trước", "47 giờ 30 phút"),
        (50 * 3600, "2 ngày trước", "2 ngày 2 giờ"),
    ],
)
def test_ages_and_spans(seconds: float, vi_ago: str, vi_span: str):
    assert WORDS["vi"].ago(seconds) == vi_ago
    assert WORDS["vi"].span(seconds) == vi_span


@pytest.mark.parametrize(
    ("evidence", "vi", "en"),
    [
        ("no before", "Không có ảnh trước", "no picture from before"),
        ("lost(no space)", "bộ nhớ của hộp đã đầy", "memory of the box is full"),
        ("lost(write error)", "không ghi được", "could not be written"),
        ("lost(damaged)", "kho ảnh bị hỏng", "store is damaged"),
        (NOT_MADE, "không tạo được ảnh", "could not be made"),
        ("lost(too large)", "tin quá dài", "too long"),
        ("no before; lost(no space)", "bắt đầu. Thiếu ảnh: bộ nhớ", "began. Pictures are missing: the memory"),
        (WITHHELD, "camera bị lệch góc", "the camera was moved"),
        (f"no before; {WITHHELD}", "bắt đầu. Không có ảnh vì", "began. Pictures are withheld"),
        ("lost(of tomorrow)", "Thiếu ảnh: of tomorrow", "missing: of tomorrow"),
    ],
)
def test_what_pictures_are_missing_is_told_in_words(evidence: str, vi: str, en: str):
    assert vi in WORDS["vi"].lacking(evidence)
    assert en in WORDS["en"].lacking(evidence)


def test_numbers_have_their_own_point():
    assert (WORDS["vi"].decimal(4.96), WORDS["en"].decimal(4.96)) == ("5,0", "5.0")


def test_times_are_told_in_the_sites_timezone_by_24_hours():
    assert WORDS["vi"].when(1_767_225_600_000_000 + 15 * 3600 * 1_000_000) == "01/01/2026 22:00:00"


def test_an_unknown_timezone_is_a_fault_of_the_configuration():
    with pytest.raises(ConfigError, match=r"site\.timezone.*Saigon"):
        load_words("Asia/Saigonn")


def test_names_from_elsewhere_are_shown_as_they_are():
    words: Words = WORDS["vi"]
    assert words.known("label", "tractor") == "tractor"
    assert words.known("warning", "of_tomorrow") == "Cảnh báo cấu hình: of_tomorrow"


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
