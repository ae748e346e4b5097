"""A notice laid out: what is drawn where, in millimetres from the upper left corner, for any writer to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.errors import ConfigError
from provisioning.notice.letters import face
from provisioning.notice.pictogram import BLACK, GREY, WHITE, YELLOW, Colour, Disc, Shape, camera
from provisioning.notice.words import Section, Words

SIZES = {"A3": (297.0, 420.0), "A4": (210.0, 297.0)}
"""Paper, width and height in mm, upright (ISO 216)."""

_A3_WIDTH = SIZES["A3"][0]
_MARGIN = 14.0
_FRAME = 6.0
_CAP = 33.0
_CAP_LEAST = 30.0
"""Height of the title's capitals on A3, in mm: it is to be read from 5 m and farther."""

_PICTURE = 74.0
_LINE = 1.32
_LARGEST, _SMALLEST, _STEP = 10.0, 4.4, 0.2
"""Letter sizes tried for the body on A3, until it fits."""

_SECOND = 0.66
"""The second language stands smaller than the first."""

_LABEL_SHARE = 0.29


@dataclass(frozen=True)
class Text:
    """One line: ``x`` its left end, ``y`` its baseline, ``size`` of its letters (the em)."""

    x: float
    y: float
    size: float
    text: str
    bold: bool
    colour: Colour = BLACK


@dataclass(frozen=True)
class Page:
    """A whole sheet of paper.

    Attributes:
        width: mm.
        height: mm.
        language: of the first words.
        shapes: drawn first, in their order.
        texts: drawn upon them.
    """

    width: float
    height: float
    language: str
    shapes: tuple[Shape | Disc, ...]
    texts: tuple[Text, ...]


def lay_out(languages: Sequence[Words], size: str) -> Page:
    """Put a notice on paper.

    Args:
        languages: the first is shown large; the second, if there is one, smaller beneath.
        size: a key of SIZES; A4 is A3 made smaller.

    Raises:
        ConfigError: a letter has no shape in the typeface, or the texts are too long for any readable size.
    """
    _known(languages)
    width, height = SIZES["A3"]
    title, bottom = _title(languages, _MARGIN + _PICTURE + 6)
    band = bottom + 5
    shapes: list[Shape | Disc] = [
        _box(0, 0, width, height, YELLOW),
        _box(_FRAME, band, width - _FRAME, height - _FRAME, WHITE),
    ]
    shapes += camera(width / 2, _MARGIN, _PICTURE)
    texts = [*title, *_body(languages, band + 6, height - _FRAME - 4)]
    return _scaled(Page(width, height, languages[0].language, tuple(shapes), tuple(texts)), size)


def _known(languages: Sequence[Words]) -> None:
    everything = [part for words in languages for part in (*words.title, words.footer)]
    everything += [part for words in languages for s in words.sections for part in (s.label, s.text)]
    if unknown := face(True).unknown("".join(everything)) + face(False).unknown("".join(everything)):
        raise ConfigError(
            "text", f"the notice's typeface has no {unknown[0]!r}; write it in Vietnamese or Latin letters"
        )


def _title(languages: Sequence[Words], top: float) -> tuple[list[Text], float]:
    """Set the title; gives its lines and where they end."""
    bold = face(True)
    inner = _A3_WIDTH - 2 * _MARGIN
    texts: list[Text] = []
    for number, words in enumerate(languages):
        lines = words.title if number == 0 else (" ".join(words.title),)
        cap = _CAP if number == 0 else _CAP * 0.4
        size = min(cap / bold.cap_height, *(inner / bold.width(line) for line in lines))
        if number == 0 and size * bold.cap_height < _CAP_LEAST:
            longest = max(lines, key=bold.width)
            raise ConfigError("title", f"{longest!r} is too wide to be read from afar; break it into more lines")
        for line in lines:
            ink = bold.ink(line)
            baseline = top + ink.top * size
            texts.append(Text((_A3_WIDTH - bold.width(line) * size) / 2, baseline, size, line, bold=True))
            top = baseline - ink.bottom * size + 0.1 * _CAP / bold.cap_height
    return texts, top


def _body(languages: Sequence[Words], top: float, bottom: float) -> list[Text]:
    """Set everything below the title, as large as it fits."""
    steps = round((_LARGEST - _SMALLEST) / _STEP)
    for size in (_LARGEST - step * _STEP for step in range(steps + 1)):
        sections = [_section(parts, size) for parts in zip(*(words.sections for words in languages), strict=True)]
        footer = [*_footer(languages, size, bottom)]
        room = min(text.y - text.size for text in footer) - 2 - top
        spare = room - sum(height for _, height in sections)
        if spare >= 0:
            gap = min(spare / (len(sections) + 1), size)
            return [*_stacked(sections, top + (spare - gap * (len(sections) - 1)) / 2, gap), *footer]
    longest = max((part for words in languages for part in words.sections), key=lambda part: len(part.text))
    problem = f"is too long to be read on a sign ({len(longest.text)} letters under {longest.label!r}); shorten it"
    raise ConfigError("text", problem)


def _section(parts: Sequence[Section], size: float) -> tuple[list[Text], float]:
    """Set one section from y = 0 on, in every language; gives its lines and its height."""
    label_width = (_A3_WIDTH - 2 * _MARGIN) * _LABEL_SHARE
    left = _MARGIN + label_width + 4
    y = 0.0
    texts = []
    for part, em, colour in zip(parts, (size, size * _SECOND), (BLACK, GREY), strict=False):
        labels = wrapped(part.label, label_width / em, bold=True)
        lines = wrapped(part.text, (_A3_WIDTH - _MARGIN - left) / em, bold=False)
        texts += [Text(_MARGIN, y + (n + 1) * em * _LINE, em, line, True, colour) for n, line in enumerate(labels)]
        texts += [Text(left, y + (n + 1) * em * _LINE, em, line, False, colour) for n, line in enumerate(lines)]
        y += max(len(labels), len(lines)) * em * _LINE + size * 0.12
    return texts, y + size * 0.3


def _stacked(sections: Sequence[tuple[list[Text], float]], top: float, gap: float) -> Iterator[Text]:
    for texts, height in sections:
        yield from (replace(text, y=text.y + top) for text in texts)
        top += height + gap


def _footer(languages: Sequence[Words], size: float, bottom: float) -> Iterator[Text]:
    em = max(size * 0.5, 3.6)
    lines = [line for words in languages for line in wrapped(words.footer, (_A3_WIDTH - 2 * _MARGIN) / em, bold=False)]
    for number, line in enumerate(lines):
        y = bottom - (len(lines) - 1 - number) * em * _LINE - em * 0.3
        yield Text(_MARGIN, y, em, line, bold=False, colour=GREY)


def wrapped(text: str, width: float, *, bold: bool) -> list[str]:
    """Break a text into lines at most ``width`` letter sizes wide, at blanks; within a word only where it must be."""
    letters = face(bold)
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if letters.width(longer) <= width:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if letters.width(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _box(left: float, top: float, right: float, bottom: float, colour: Colour) -> Shape:
    return Shape(((left, top), (right, top), (right, bottom), (left, bottom)), colour)


def _scaled(page: Page, size: str) -> Page:
    width, height = SIZES[size]
    factor = width / page.width
    return Page(
        width,
        height,
        page.language,
        tuple(shape.scaled(factor) for shape in page.shapes),
        tuple(replace(text, x=text.x * factor, y=text.y * factor, size=text.size * factor) for text in page.texts),
    )
