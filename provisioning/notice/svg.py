"""A laid-out notice as SVG, its letters as outlines: alike in every browser, drawing program and print shop."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from provisioning.notice.letters import face
from provisioning.notice.pictogram import Colour, Disc, Shape
from provisioning.notice.sheet import Page, Text


def svg(page: Page, title: str) -> bytes:
    """Draw the page; each line of text is named for screen readers, the file by ``title``."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="document"'
        f' lang="{page.language}" width="{page.width:g}mm" height="{page.height:g}mm"'
        f' viewBox="0 0 {page.width:g} {page.height:g}">',
        f"<title>{escape(title)}</title>",
        "<defs>",
        *_letters(page),
        "</defs>",
        *map(_shape, page.shapes),
        *map(_text, page.texts),
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _letters(page: Page) -> Iterator[str]:
    """Define every letter once, in units of its face."""
    used = {(text.bold, letter) for text in page.texts for letter in text.text}
    for bold, letter in sorted(used):
        outline = face(bold).outline(letter)
        if outline:
            yield f'<path id="{_name(bold, letter)}" d="{outline}"/>'


def _shape(shape: Shape | Disc) -> str:
    if isinstance(shape, Disc):
        return f'<circle cx="{shape.x:.3f}" cy="{shape.y:.3f}" r="{shape.radius:.3f}" fill="{_colour(shape.colour)}"/>'
    points = " ".join(f"{x:.3f},{y:.3f}" for x, y in shape.corners)
    return f'<polygon points="{points}" fill="{_colour(shape.colour)}"/>'


def _text(text: Text) -> str:
    letters = face(text.bold)
    scale = text.size / letters.em
    uses = []
    at = 0
    for letter in text.text:
        if letters.outline(letter):
            uses.append(f'<use xlink:href="#{_name(text.bold, letter)}" x="{at}"/>')
        at += letters.advance(letter)
    place = f"translate({text.x:.3f} {text.y:.3f}) scale({scale:.6f} {-scale:.6f})"
    label = quoteattr(text.text)
    return f'<g role="img" aria-label={label} fill="{_colour(text.colour)}" transform="{place}">{"".join(uses)}</g>'


def _name(bold: bool, letter: str) -> str:
    return f"{'b' if bold else 'r'}{ord(letter):x}"


def _colour(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
