"""A laid-out notice as PDF, its letters embedded; the only importer of fpdf."""

from __future__ import annotations

from fpdf import FPDF

from provisioning.notice.letters import face
from provisioning.notice.pictogram import Disc
from provisioning.notice.sheet import Page

_POINTS = 72 / 25.4
_FAMILY = "notice"


def pdf(page: Page, title: str) -> bytes:
    """Draw the page; ``title`` is what a viewer shows in its window."""
    out = FPDF(unit="mm", format=(page.width, page.height))
    out.set_margin(0)
    out.set_auto_page_break(False)
    out.set_title(title)
    out.set_lang(page.language)
    out.add_font(_FAMILY, "", face(False).path)
    out.add_font(_FAMILY, "B", face(True).path)
    out.add_page()
    for shape in page.shapes:
        out.set_fill_color(*shape.colour)
        if isinstance(shape, Disc):
            out.circle(shape.x, shape.y, shape.radius, style="F")
        else:
            out.polygon(shape.corners, style="F")
    for text in page.texts:
        out.set_font(_FAMILY, "B" if text.bold else "", text.size * _POINTS)
        out.set_text_color(*text.colour)
        out.text(text.x, text.y, text.text)
    return bytes(out.output())
