"""The public notice as a technician makes it: both kinds of file, read by programs that are not ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.commands import command
from support.sheets import GATE, write_sheet

pytest.importorskip("fpdf", reason="the office's programs are not here (./run office)")

ROOT = Path(__file__).resolve().parents[2]
AGENCY = "Công an xã Chợ Gốm & Tổ bảo vệ <an ninh>"
CONTACT = "Điện thoại 0200 555 0100"
PURPOSE = 'Giữ gìn "trật tự", an toàn giao thông'
TOLD = ("--agency", AGENCY, "--contact", CONTACT, "--purpose", PURPOSE)
SVG = "{http://www.w3.org/2000/svg}"

PHRASES = (
    "KHU VỰC CÓ CAMERA",
    AGENCY,
    CONTACT,
    PURPOSE,
    "Hình ảnh được lưu 30 ngày rồi xóa",
    "Không nhận diện khuôn mặt. Không đọc biển số xe. Không ghi âm.",
    "Máy chỉ báo nghi vấn; cán bộ xem ảnh rồi mới kết luận.",
    "Được biết, yêu cầu xem, cung cấp, chỉnh sửa, xóa hình ảnh của mình và khiếu nại",
    "Điều 32 Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15",
)

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler-utils here")


def notice(output: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return command("notice", *TOLD, "--retention-days", "30", "-o", output, *words)


def poppler(program: str, *words: str | Path) -> str:
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=True).stdout


def labels(path: Path) -> str:
    """What a screen reader reads out of an SVG."""
    return " ".join(line.get("aria-label", "") for line in ElementTree.fromstring(path.read_bytes()).iter(f"{SVG}g"))


@needs_poppler
@pytest.mark.parametrize(("size", "width", "height"), [("A3", 841.89, 1190.55), ("A4", 595.28, 841.89)])
def test_a_pdf_reader_finds_every_phrase_within_the_page(
    size: str, width: float, height: float, tmp_path: Path
) -> None:
    path = tmp_path / "notice.pdf"
    run = notice(path, "--size", size)
    assert (run.returncode, run.stderr) == (0, "")
    text = " ".join(poppler("pdftotext", "-raw", path, "-").split())
    assert [phrase for phrase in PHRASES if phrase not in text] == []
    (page,) = re.findall(r'<page width="([\d.]+)" height="([\d.]+)"', poppler("pdftotext", "-bbox", path, "-"))
    assert [float(side) for side in page] == pytest.approx([width, height], abs=0.1)
    edges = r'<word xMin="([\d.-]+)" yMin="[\d.-]+" xMax="([\d.-]+)" yMax="[\d.-]+"'
    words = re.findall(edges, poppler("pdftotext", "-bbox", path, "-"))
    assert len(words) > 80
    assert min(float(left) for left, _ in words) > width * 0.04
    assert max(float(right) for _, right in words) < width * 0.96


@needs_poppler
def test_the_pdf_brings_its_letters_with_it(tmp_path: Path) -> None:
    notice(tmp_path / "notice.pdf")
    fonts = [line.split() for line in poppler("pdffonts", tmp_path / "notice.pdf").splitlines()[2:]]
    assert {font[0].split("+")[1] for font in fonts} == {"BeVietnamPro", "BeVietnamProBold"}
    assert all(font[-5:-2] == ["yes", "yes", "yes"] for font in fonts)  # embedded, subset, to be searched


def test_an_svg_is_well_formed_and_names_every_line(tmp_path: Path) -> None:
    path = tmp_path / "notice.svg"
    assert notice(path).returncode == 0
    root = ElementTree.fromstring(path.read_bytes())
    assert (root.get("width"), root.get("height"), root.get("lang")) == ("297mm", "420mm", "vi")
    text = labels(path)
    assert [phrase for phrase in PHRASES if phrase not in text] == []
    letters = {path.get("id") for path in root.iter(f"{SVG}path")}
    used = {use.get("{http://www.w3.org/1999/xlink}href", "")[1:] for use in root.iter(f"{SVG}use")}
    assert used == letters
    for line in root.iter(f"{SVG}g"):
        assert len(list(line)) == len(line.get("aria-label", "").replace(" ", ""))


def test_both_languages_stand_on_one_sign(tmp_path: Path) -> None:
    path = tmp_path / "notice.svg"
    english = ("--purpose-en", "Public order and traffic safety", "--agency-en", "Police of the commune of Chợ Gốm")
    assert notice(path, "--lang", "both", *english).returncode == 0
    text = labels(path)
    for phrase in (*PHRASES, "CAMERAS IN USE", english[1], english[3], "No face recognition.", "Article 32"):
        assert phrase in text


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site.toml as it lies on a laptop: without keys, without passwords."""
    assert command("site", "new", write_sheet(tmp_path / "s.csv", GATE), "-o", tmp_path / "work").returncode == 0
    return tmp_path / "work/sites/cho-gom/site.toml"


def test_place_and_days_come_from_the_configuration(site: Path, tmp_path: Path) -> None:
    run = command("notice", site, *TOLD, "-o", tmp_path / "n.svg")
    assert (run.returncode, run.stderr) == (0, "")
    assert "promises that pictures are deleted after 14 days" in run.stdout
    text = labels(tmp_path / "n.svg")
    assert "được lưu 14 ngày" in text
    assert "Chợ Gốm (cho-gom)" in text


def test_a_sign_cannot_promise_more_than_the_box_keeps(site: Path, tmp_path: Path) -> None:
    run = command("notice", site, *TOLD, "--retention-days", "7", "-o", tmp_path / "n.svg")
    assert run.returncode == 2
    assert "--retention-days: 7 would promise more than" in run.stderr
    assert "store.keep_acked_days is 14" in run.stderr
    assert not (tmp_path / "n.svg").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (TOLD[2:], 2, "the following arguments are required: --agency"),
        ((*TOLD[:2], *TOLD[4:]), 2, "the following arguments are required: --contact"),
        (TOLD[:4], 2, "the following arguments are required: --purpose"),
        ((*TOLD[:4], "--purpose", " ", "--retention-days", "9"), 2, "--purpose: is empty"),
        (TOLD, 2, "--retention-days: is missing"),
        ((*TOLD, "--retention-days", "0"), 2, "--retention-days: must be from 1 to 3650, got 0"),
        ((*TOLD, "--retention-days", "9", "--lang", "both"), 2, "--purpose-en: is missing"),
        ((*TOLD, "--retention-days", "9", "-o", "n.docx"), 2, "-o: n.docx is neither a .pdf nor an .svg file"),
        ((*TOLD, "--retention-days", "9", "--texts", "no.toml"), 2, "no.toml: cannot be read as TOML"),
        ((*TOLD, "--retention-days", "9", "--size", "A5"), 2, "--size"),
        (("no-site.toml", *TOLD), 2, "no-site.toml: is not there"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_one_line_with_its_flag(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    output = () if "-o" in words else ("-o", "n.pdf")
    run = command("notice", *words, *output, folder=tmp_path)
    assert run.returncode == code
    (line,) = run.stderr.splitlines()
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_words_of_ones_own_are_printed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    text = (ROOT / "provisioning/notice/words.toml").read_text("utf-8")
    mine.write_text(text.replace('title = ["KHU VỰC", "CÓ CAMERA"]', 'title = ["CÓ MÁY", "GHI HÌNH"]'), "utf-8")
    assert notice(tmp_path / "n.svg", "--texts", mine).returncode == 0
    assert 'aria-label="GHI HÌNH"' in (tmp_path / "n.svg").read_text("utf-8")


def test_without_the_offices_programs_it_says_how_to_get_them(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "fpdf.py").write_text("raise ModuleNotFoundError('not here', name='fpdf')\n", "utf-8")
    program = f"import sys; sys.path.insert(0, {str(absent)!r}); from agent.__main__ import main; sys.exit(main())"
    line = [sys.executable, "-c", program, "notice", *TOLD, "--retention-days", "9", "-o", str(tmp_path / "n.pdf")]
    run = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert run.returncode == 3
    assert "fpdf is not installed; a technician's laptop gets it with: ./run office" in run.stderr
