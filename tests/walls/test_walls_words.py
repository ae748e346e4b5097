"""A camera suspects; people judge. No string, rule, topic or model class says more."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.core.message import topics
from agent.detect.cardfile import read_card
from agent.detect.catalogue import card_files
from agent.errors import AgentError
from agent.rules.settings import DEFAULTS
from agent.site_toml import parse
from hq.words import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]

VERDICT = re.compile(
    r"vi phạm|tội phạm|phạm tội|trái phép|sai quy định|bất hợp pháp|kẻ gian|trộm|"
    r"violat|offen[cs]e|offender|crime|criminal|guilty|illegal|unlawful|perpetrator|thief|culprit",
    re.IGNORECASE,
)
HEDGE = re.compile(r"nghi vấn|suspect", re.IGNORECASE)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        yield from (text for f in dataclasses.fields(value) for text in strings(getattr(value, f.name)))
    elif isinstance(value, Mapping):
        yield from (text for part in value.values() for text in strings(part))
    elif isinstance(value, (list, tuple)):
        yield from (text for part in value for text in strings(part))


def said() -> dict[str, list[str]]:
    """Every text that a person reads, and every name that travels, by where it stands."""
    texts = {f"hq {name}": list(strings(words)) for name, words in LANGUAGES.items()}
    for path in sorted((ROOT / "agent/page/locale").glob("*.json")):
        texts[f"page {path.stem}"] = list(strings(json.loads(path.read_text("utf-8"))))
    for path in sorted((ROOT / "agent/core/schemas").glob("*.json")):
        texts[f"schema {path.stem}"] = re.findall(r'"([^"\\]+)"', path.read_text("utf-8"))
    texts["notice"] = list(strings(parse((ROOT / "provisioning/notice/words.toml").read_text("utf-8")).values))
    texts["rules"] = list(DEFAULTS)
    texts["topics"] = [str(value) for name, value in vars(topics).items() if name.isupper()]
    return texts


@pytest.mark.parametrize("place", sorted(said()))
def test_nothing_is_called_an_offence_without_saying_suspected(place: str) -> None:
    texts = said()[place]
    assert texts, f"{place} has no text to read"
    assert [text for text in texts if VERDICT.search(text) and not HEDGE.search(text)] == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_rule_is_suspected_at_hq(language: str) -> None:
    words = LANGUAGES[language]
    assert set(words.rules) == set(DEFAULTS)
    assert all(HEDGE.search(text) for text in [*words.rules.values(), words.unknown_rule])


def test_the_wall_knows_a_verdict() -> None:
    assert VERDICT.search("Xe vi phạm")
    assert not HEDGE.search("Xe vi phạm")


@pytest.mark.parametrize("path", card_files().values(), ids=lambda path: path.stem)
def test_no_shipped_card_knows_faces_plates_or_text(path: Path) -> None:
    card = read_card(path)
    assert [
        label for label in card.labels if re.search(r"face|plate|ocr|text|licen[cs]e|\bid\b|reid", label, re.I)
    ] == []


@pytest.mark.parametrize("label", ["face", "license_plate", "number plate", "text", "person_reid", "ocr", "khuôn mặt"])
def test_a_card_with_such_a_class_is_refused(label: str, tmp_path: Path) -> None:
    text = (ROOT / "models/demo.toml").read_text("utf-8")
    bad = tmp_path / "demo.toml"
    bad.write_text(re.sub(r"^labels = .*$", f'labels = ["person", "{label}"]', text, flags=re.M), "utf-8")
    with pytest.raises(AgentError, match=re.escape(label)):
        read_card(bad)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_page_and_hq_name_what_is_suspected_in_the_same_words(language: str) -> None:
    page = json.loads((ROOT / f"agent/page/locale/{language}.json").read_text("utf-8"))
    named = {rule: page[f"rule.{rule}"].casefold() for rule in DEFAULTS}
    assert named == {rule: text.casefold() for rule, text in LANGUAGES[language].rules.items()}
