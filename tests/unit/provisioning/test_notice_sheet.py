"""The notice is laid out so that it can be read from afar, whatever an agency writes into it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fontTools", reason="the office's programs are not here (./run office)")

from agent.errors import ConfigError
from provisioning.notice.letters import face
from provisioning.notice.pictogram import Disc
from provisioning.notice.sheet import SIZES, Page, lay_out, wrapped
from provisioning.notice.words import TEXTS, Words, words

TOLD = {
    "agency": "Công an xã Chợ Gốm",
    "contact": "Điện thoại 0200 555 0100",
    "purpose": "Giữ gìn an ninh, trật tự, an toàn giao thông nơi công cộng",
    "days": "30",
}
LONG = TOLD | {
    "agency": "Ủy ban nhân dân xã Chợ Gốm phối hợp với Ban điều hành hệ thống camera giám sát an ninh, trật tự cơ sở",
    "contact": "https://" + "rất-dài-không-có-khoảng-trắng-" * 6,
    "purpose": "Giữ gìn an ninh, trật tự, an toàn xã hội, an toàn giao thông, vệ sinh môi trường nơi công cộng" * 2,
}
ALPHABET = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"


def said(told: dict[str, str], *languages: str) -> list[Words]:
    return [words(TEXTS, language, told, "Chợ Gốm (cho-gom)") for language in languages]


def strays(page: Page, margin: float) -> list[object]:
    """Everything of which ink lies nearer to an edge of the paper than ``margin`` mm."""
    found: list[object] = []
    for text in page.texts:
        ink = face(text.bold).ink(text.text)
        left, right = text.x + ink.left * text.size, text.x + ink.right * text.size
        top, bottom = text.y - ink.top * text.size, text.y - ink.bottom * text.size
        if min(left, top) < margin or right > page.width - margin or bottom > page.height - margin:
            found.append(text)
    for shape in page.shapes[2:]:  # the first two are the paper's own colours
        corners = [(shape.x, shape.y)] if isinstance(shape, Disc) else shape.corners
        found += [c for c in corners if min(c) < margin or c[0] > page.width - margin or c[1] > page.height - margin]
    return found


def overlaps(page: Page) -> list[tuple[str, str]]:
    """Pairs of lines whose ink touches."""
    boxes = []
    for text in page.texts:
        ink = face(text.bold).ink(text.text)
        x, y, em = text.x, text.y, text.size
        boxes.append((x + ink.left * em, y - ink.top * em, x + ink.right * em, y - ink.bottom * em, text.text))
    return [
        (a[4], b[4])
        for number, a in enumerate(boxes)
        for b in boxes[:number]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("languages", [("vi",), ("en",), ("vi", "en")], ids="+".join)
@pytest.mark.parametrize("told", [TOLD, LONG], ids=["short", "long"])
def test_all_ink_is_on_the_paper_and_no_line_touches_another(
    told: dict[str, str], languages: tuple[str, ...], size: str
) -> None:
    page = lay_out(said(told, *languages), size)
    assert (page.width, page.height) == SIZES[size]
    assert strays(page, margin=0.03 * page.width) == []
    assert overlaps(page) == []


def test_the_title_on_a3_is_at_least_3_cm_tall() -> None:
    for languages in (("vi",), ("en",), ("vi", "en")):
        wanted = said(TOLD, *languages)
        lines = [text for text in lay_out(wanted, "A3").texts if text.text in wanted[0].title]
        assert len(lines) == 2
        assert min(text.size * face(True).cap_height for text in lines) >= 30


def test_nothing_is_left_out_and_the_second_language_is_smaller() -> None:
    vi, en = said(LONG, "vi", "en")
    page = lay_out([vi, en], "A3")
    flat = "".join("".join(text.text for text in page.texts).split())
    for part in (*vi.sections, *en.sections):
        assert "".join(part.text.split()) in flat
        assert "".join(part.label.split()) in flat
    body = {text.text: text.size for text in page.texts}
    assert body[en.sections[0].label] < body[vi.sections[0].label]


def test_a_short_notice_is_set_larger_than_a_long_one() -> None:
    def largest(told: dict[str, str]) -> float:
        wanted = said(told, "vi")
        return max(text.size for text in lay_out(wanted, "A3").texts if text.text not in wanted[0].title)

    assert largest(TOLD) > largest(LONG)


def test_the_typeface_has_every_vietnamese_letter() -> None:
    for bold in (False, True):
        assert face(bold).unknown(ALPHABET + ALPHABET.upper() + "0123456789.,;:()/@-–“”&+") == ""


def test_a_letter_without_a_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match="no '市'"):
        lay_out(said(TOLD | {"agency": "市场"}, "vi"), "A3")


def test_what_no_size_makes_readable_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"too long to be read on a sign \(6001 letters under 'Mục đích'\); shorten"):
        lay_out(said(TOLD | {"purpose": "an toàn " * 750 + "."}, "vi"), "A3")


def test_a_title_that_cannot_be_tall_is_refused() -> None:
    (wanted,) = said(TOLD, "vi")
    with pytest.raises(ConfigError, match="break it into more lines"):
        lay_out([dataclasses.replace(wanted, title=("KHU VỰC CÓ CAMERA",))], "A3")


@given(st.text("aW ẾỆ.", max_size=60), st.floats(1.5, 12))
def test_wrapping_loses_nothing_and_keeps_to_the_width(text: str, width: float) -> None:
    lines = wrapped(text, width, bold=False)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(face(False).width(line) <= width for line in lines)


@pytest.mark.parametrize("key", ["agency", "contact", "purpose", "days"])
def test_an_empty_value_is_refused_with_its_flag(key: str) -> None:
    flag = "--retention-days" if key == "days" else f"--{key}"
    with pytest.raises(ConfigError, match=f"^{flag}: is empty"):
        words(TEXTS, "vi", TOLD | {key: " \u00a0"}, "")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('text = "{purpose}"', 'text = "{purpos}"', "unknown blank {purpos}"),
        ("[vi]", "[v]", "no file of words for"),
        ('label = "Mục đích"', 'lable = "Mục đích"', "no file of words for"),
        ('as_of = "2026-11-21"', "as_of = ", "cannot be read as TOML"),
    ],
)
def test_words_that_cannot_be_used_are_named(old: str, new: str, problem: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TEXTS.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigError) as error:
        words(mine, "vi", TOLD, "")
    assert str(mine) in str(error.value)
    assert problem in str(error.value)


def test_both_languages_say_the_same_things() -> None:
    vi, en = said(TOLD, "vi", "en")
    assert len(vi.sections) == len(en.sections)
    for part in (vi, en):
        texts = [section.text for section in part.sections]
        assert TOLD["purpose"] in texts[0]
        assert TOLD["agency"] in texts[1]
        assert TOLD["contact"] in texts[2]
        assert TOLD["days"] in texts[3]
        assert "91/2025/QH15" in part.footer
