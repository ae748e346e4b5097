"""What a public notice says: the words of ``words.toml``, filled with what the agency tells."""

from __future__ import annotations

import string
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXTS = Path(__file__).with_name("words.toml")
_BLANKS = ("agency", "contact", "purpose", "days")
_FLAGS = {"days": "--retention-days"}


@dataclass(frozen=True)
class Section:
    """One thing that people must be told: its heading and its text."""

    label: str
    text: str


@dataclass(frozen=True)
class Words:
    """A notice in one language.

    Attributes:
        language: ``vi`` or ``en``.
        title: its lines, to be read from afar.
        sections: in their order; the same number in every language.
        footer: the law, the date of the words, and whose sign it is.
    """

    language: str
    title: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str


def words(texts: Path, language: str, told: Mapping[str, str], place: str) -> Words:
    """Fill the words of one language.

    Args:
        texts: a file like ``words.toml``.
        language: ``vi`` or ``en``.
        told: what the agency tells, by blank (agency, contact, purpose, days).
        place: what the footer names last; empty for nothing.

    Raises:
        ConfigError: the file is no such file, or a blank is left empty.
    """
    document = _read(texts)
    try:
        table = document[language]
        sections = tuple(
            Section(_clean(section["label"]), _filled(section["text"], told, texts)) for section in table["section"]
        )
        edition = table["edition"].format(as_of=document["as_of"])
        footer = " · ".join(filter(None, (table["legal"], edition, place)))
        return Words(language, tuple(map(_clean, table["title"])), sections, _clean(footer))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"is no file of words for [{language}] ({error!r}); compare with {TEXTS}"
        raise ConfigError(str(texts), problem) from error


def _read(texts: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = tomllib.loads(texts.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(texts), f"cannot be read as TOML ({error}); compare with {TEXTS}") from error
    return document


def _filled(text: str, told: Mapping[str, str], texts: Path) -> str:
    for _, blank, _, _ in string.Formatter().parse(text):
        if blank is None:
            continue
        if blank not in _BLANKS:
            raise ConfigError(str(texts), f"has the unknown blank {{{blank}}}; there are: {', '.join(_BLANKS)}")
        if not _clean(told.get(blank, "")):
            raise ConfigError(_FLAGS.get(blank, f"--{blank}"), "is empty; the law wants it on the sign")
    return _clean(text.format_map({blank: _clean(told.get(blank, "")) for blank in _BLANKS}))


def _clean(text: str) -> str:
    """Put accents in one piece and blanks to one each: what a terminal or a mail may have done to them."""
    return unicodedata.normalize("NFC", " ".join(text.split()))
