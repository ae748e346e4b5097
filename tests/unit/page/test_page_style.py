"""What the page weighs, what it asks of the eye, and what its files may not contain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agent.page

PAGE = Path(agent.page.__file__).parent
CSS = (PAGE / "static" / "page.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in CSS.split("prefers-color-scheme", 1)
)

TEXT = [
    ("ink", "ground"), ("ink", "card"), ("soft", "ground"), ("soft", "card"), ("link", "ground"), ("link", "card"),
    ("good", "card"), ("wait", "card"), ("bad", "card"), ("card", "bad"), ("card", "soft"), ("on-brand", "brand"),
    ("ink", "wait-ground"), ("ink", "bad-ground"), ("bad", "bad-ground"),
]  # fmt: skip


@pytest.mark.parametrize(("ink", "ground"), TEXT)
@pytest.mark.parametrize("scheme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(scheme: dict[str, str], ink: str, ground: str):
    assert contrast(scheme[ink], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_the_focus_ring_stands_out(scheme: dict[str, str], ground: str):
    assert contrast(scheme["hold"], scheme[ground]) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of ``#rrggbb``."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_all_that_the_page_itself_sends_is_below_300_kb():
    sent = [*PAGE.glob("static/*"), *PAGE.glob("templates/*")]
    assert 10_000 < sum(path.stat().st_size for path in sent) < 300_000


@pytest.mark.parametrize("path", [*PAGE.glob("static/*"), *PAGE.glob("templates/*")], ids=lambda path: path.name)
def test_nothing_is_inline_and_nothing_is_elsewhere(path: Path):
    text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "//" not in re.sub(r"(^|\s)//.*", "", text), "an address of another site"
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! type=\"module\" src=)", text)
    assert "@import" not in text
    assert "url(" not in text


def test_every_picture_has_a_text_and_every_field_a_label():
    for path in PAGE.glob("templates/*.html"):
        text = path.read_text("utf-8")
        assert not [tag for tag in re.findall(r"<img\b[^>]*>", text) if 'alt="' not in tag]
        for field in re.findall(r'<input id="([a-z]+)"', text):
            assert f'<label for="{field}"' in text
