"""The letters of the notice: how wide, how tall, which outline; the only importer of fontTools."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from fontTools.pens.boundsPen import BoundsPen  # type: ignore[import-untyped]
from fontTools.pens.svgPathPen import SVGPathPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

FOLDER = Path(__file__).with_name("fonts")


class Ink(NamedTuple):
    """What a text covers, for a letter size of 1, from its pen's start; y upwards from the baseline."""

    left: float
    bottom: float
    right: float
    top: float


class Face:
    """One weight of the typeface, measured for a letter size of 1 (the em)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        font = TTFont(path, lazy=True)
        self.em = int(font["head"].unitsPerEm)
        self.cap_height = font["OS/2"].sCapHeight / self.em
        self._glyphs = font.getGlyphSet()
        self._names: dict[int, str] = font.getBestCmap()
        self._advances = font["hmtx"].metrics

    def unknown(self, text: str) -> str:
        """Give the letters of ``text`` that the face does not have."""
        return "".join(letter for letter in dict.fromkeys(text) if ord(letter) not in self._names)

    def width(self, text: str) -> float:
        """Give how far the pen moves; letters are set side by side, unkerned."""
        return float(sum(self._advances[self._names[ord(letter)]][0] for letter in text)) / self.em

    def ink(self, text: str) -> Ink:
        """Give what is really covered, marks above and below included."""
        at = 0
        corners = []
        for letter in text:
            pen = BoundsPen(self._glyphs)
            self._glyphs[self._names[ord(letter)]].draw(pen)
            if pen.bounds:
                left, bottom, right, top = pen.bounds
                corners.append((at + left, bottom, at + right, top))
            at += self._advances[self._names[ord(letter)]][0]
        if not corners:
            return Ink(0, 0, 0, 0)
        lefts, bottoms, rights, tops = zip(*corners, strict=True)
        return Ink(min(lefts) / self.em, min(bottoms) / self.em, max(rights) / self.em, max(tops) / self.em)

    def advance(self, letter: str) -> int:
        """Give a letter's width in the outline's own units."""
        return int(self._advances[self._names[ord(letter)]][0])

    def outline(self, letter: str) -> str:
        """Give a letter as an SVG path, in units of 1/em, y upwards; empty for a blank."""
        pen = SVGPathPen(self._glyphs)
        self._glyphs[self._names[ord(letter)]].draw(pen)
        return str(pen.getCommands())


@cache
def face(bold: bool) -> Face:
    """Give the regular or the bold face."""
    return Face(FOLDER / f"BeVietnamPro-{'Bold' if bold else 'Regular'}.ttf")
