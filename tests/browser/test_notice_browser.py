"""The SVG as a browser draws it is the PDF as a PDF reader draws it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser
from support.commands import command

pytest.importorskip("fpdf", reason="the office's programs are not here (./run office)")
pytestmark = pytest.mark.browser

TOLD = ("--agency", "Công an xã Chợ Gốm", "--contact", "0200 555 0100", "--purpose", "An toàn giao thông")
WIDTH_PX, HEIGHT_PX = 794, 1123  # A4 at a browser's 96 dots an inch


def grey(path: Path) -> np.ndarray:
    """Read a picture, so small that the two programs' smoothing of edges is below a pixel."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(picture, (WIDTH_PX // 8, HEIGHT_PX // 8), interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="no poppler-utils here")
def test_svg_and_pdf_show_the_same(browser: Browser, tmp_path: Path) -> None:
    for kind in ("svg", "pdf"):
        run = command("notice", *TOLD, "--retention-days", "30", "--size", "A4", "-o", tmp_path / f"n.{kind}")
        assert run.returncode == 0, run.stderr
    page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
    page.goto((tmp_path / "n.svg").as_uri())
    page.screenshot(path=tmp_path / "svg.png")
    page.close()
    drawn = ["pdftoppm", "-r", "192", "-singlefile", "-png", str(tmp_path / "n.pdf"), str(tmp_path / "pdf")]
    subprocess.run(drawn, check=True)
    browser_sees, reader_sees = grey(tmp_path / "svg.png"), grey(tmp_path / "pdf.png")
    assert (reader_sees < 100).mean() > 0.05  # there is something on it
    assert np.abs(browser_sees - reader_sees).max() < 64  # 29 was seen; a line of text that is gone makes 127
