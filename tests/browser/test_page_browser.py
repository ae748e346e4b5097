"""The first page in a real Chromium at 360 x 740, offline: what a duty officer sees on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from support.page_box import PASSWORD, USER, PageBox, webp
from support.stand import until
from support.visit import PHONE, Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def box(tmp_path: Path) -> Iterator[PageBox]:
    """A box with two cameras, an open incident with its picture, a running dwell and an ended incident."""
    with PageBox(tmp_path / "box") as box:
        store = box.watch_store()
        slot, incident = box.incident(125)
        box.record(store, slot, incident, [webp(3)])
        slot, incident = box.incident(900, place=3)
        box.record(store, slot, incident, [webp(6)])
        box.end(store, slot, incident, [webp(7, "after")])
        box.pend(store, 20)
        store.close()
        box.live.start()
        box.start()
        yield box


def seconds_in(text: str) -> int:
    found = re.search(r"(?:(\d+) phút )?(\d+)(?:/60)? giây", text)
    assert found, text
    return int(found[1] or 0) * 60 + int(found[2])


def test_the_first_page_tells_cameras_incidents_and_link(browser: Browser, box: PageBox, tmp_path: Path):
    with Visit(browser, box.url) as visit:
        page = visit.page
        assert page.get_attribute("html", "lang") == "vi"
        assert visit.text("header .name") == "Hộp chợ Đồng Văn"
        assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", visit.text("#clock time"))

        assert visit.text("#link-state") == "Đã kết nối"
        assert "3 tin sự việc, camera" in visit.text("#backlog")
        assert "3 hình ảnh" in visit.text("#backlog")

        assert visit.text("#open h3") == "Nghi vấn dừng xe sai quy định: xe ô tô"
        assert "Lòng đường trước cổng · Cổng chợ" in visit.text("#open article")
        visit.wait_true("document.querySelector('#open img').naturalWidth > 0")
        assert page.locator("#open img").is_visible()
        assert "Nghi vấn" in (page.get_attribute("#open img", "alt") or "")

        assert visit.text("#camera-gate h3") == "Cổng chợ"
        assert "đang hoạt động" in visit.text("#camera-gate")
        visit.wait_true("[...document.querySelectorAll('.tile img')].every((img) => img.naturalWidth > 0)")

        assert "/60 giây" in visit.text("#pending article")
        assert visit.text("#recent h3") == "Nghi vấn dừng xe sai quy định: xe ô tô"

        picture = tmp_path / "page.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 20_000
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert visit.complaints == []


def test_pictures_stay_fresh_and_dwells_count_on(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        first = visit.page.get_attribute("#camera-gate img", "src")
        dwell, lasting = (seconds_in(visit.text(part)) for part in ("#pending .dwell", "#open .dwell"))
        until(lambda: visit.page.get_attribute("#camera-gate img", "src") != first, 30, "another picture")
        until(lambda: seconds_in(visit.text("#pending .dwell")) >= dwell + 3, 30, "the dwell to count on")
        assert seconds_in(visit.text("#open .dwell")) >= lasting + 2  # each is cut to whole seconds at its own moment
        assert visit.page.evaluate("document.querySelector('#pending progress').value") >= dwell
        assert visit.complaints == []


def test_ages_go_on_counting_when_the_box_is_dead_and_the_page_comes_back_with_it(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        page = visit.page
        port = int(urlsplit(box.url).port or 0)
        box.live.stop()
        box.program.kill()
        page.wait_for_selector("#contact", state="visible")
        assert "Mất liên lạc với hộp" in visit.text("#contact")
        before = seconds_in(visit.text("#camera-gate .age"))
        until(lambda: seconds_in(visit.text("#camera-gate .age")) >= before + 3, 30, "the age to count on")
        box.start(port)
        page.wait_for_selector("#contact", state="hidden")
        visit.wait_text("#said", "Đã liên lạc lại với hộp")


def test_a_silent_watch_is_told_plainly(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        box.live.watch_writes = False
        text = visit.wait_text("#warning-watch_silent", "Bộ phận nhận diện không phản hồi")
        assert "Hình ảnh và trạng thái camera bên dưới đã cũ" in text
        assert "không rõ" in visit.text("#camera-gate")
        box.live.uplink_writes = False
        visit.wait_text("#warning-uplink_silent", "Bộ phận gửi tin không phản hồi")
        assert visit.text("#link-state") == "Không rõ"


@pytest.mark.parametrize("query", ["", "?lang=en"], ids=["vi", "en"])
def test_what_somebody_must_see_to_stands_at_the_top_and_fits(browser: Browser, box: PageBox, query: str):
    states = ("covered", "moved", "frozen", "blurred")
    with Visit(browser, box.url + query) as visit:
        box.live.ailments = {"gate": states}
        for state in states:
            assert "Cổng chợ" in visit.wait_text(f"#warning-{state}", "Camera|camera")
        below = visit.page.evaluate("document.querySelector('#link').getBoundingClientRect().top")
        for notice in visit.page.locator(".warnings li.bad").all():
            place = notice.bounding_box()
            assert place["x"] + place["width"] <= PHONE["width"]
            assert place["y"] + place["height"] <= below
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        box.live.ailments = {}
        visit.page.wait_for_selector("#warning-covered", state="detached")
        assert visit.complaints == []


def test_a_lost_link_and_its_backlog_show_within_ten_seconds(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        store, link = box.watch_store(), box.link_store()
        try:
            head = max(box.heads("a"), key=lambda head: head.head_seq)
            assert link.advance("a", head.epoch, head.head_seq, head.head_seq)
            link.flush(force=True)
            visit.wait_text("#backlog", r"^\s*Đang chờ gửi\s*3 hình ảnh\s*$")
            box.live.link("lost", "connection refused")
            slot, incident = box.incident(61, place=4)
            box.record(store, slot, incident, [webp(9)])
            visit.wait_text("#link-state", "^Mất kết nối$", 10_000)
            visit.wait_text("#backlog", r"1 tin sự việc, camera\s*4 hình ảnh", 10_000)
            assert visit.text("#said") != ""
            assert "connection refused" in visit.text("#link")
            assert visit.page.locator("#open article").count() == 2
        finally:
            store.close()
            link.close()


def test_what_is_lost_comes_with_what_a_person_can_do_in_their_language(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        assert "4,9 hình/giây" in visit.text("#camera-yard")
        box.live.camera_states["gate"] = ("lost", "no picture for 10 s")
        box.live.link("refused", "not authorised")
        visit.wait_text("#camera-gate", "Kiểm tra nguồn điện và dây mạng của camera")
        visit.wait_text("#link", "Trung tâm không nhận hộp này: báo kỹ thuật viên")
        visit.page.goto(f"{box.url}?lang=en")
        visit.wait_text("#camera-gate", "Check the power and the network cable")
        visit.wait_text("#link", "tell the technician")
        assert "4.9 frames/s" in visit.text("#camera-yard")


def test_a_new_incident_is_announced_once_and_an_ended_one_moves_down(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        store = box.watch_store()
        slot, incident = box.incident(3, camera="yard", rule="intrusion", zone="fence", place=8)
        box.record(store, slot, incident, [webp(11)])
        visit.wait_text("#said", "Mới: Nghi vấn xâm nhập khu vực cấm: người, Trong hàng rào, Sân kho")
        assert visit.page.title().startswith("(2)")
        card = f"#incident-{incident.id}"
        visit.page.focus(f"{card} a.more")
        until(lambda: seconds_in(visit.text(f"{card} .dwell")) >= 6, 30, "the card to be refreshed")
        assert visit.page.evaluate("document.activeElement.closest('article').id") == card[1:]
        box.end(store, slot, incident)
        visit.page.wait_for_selector(f"#recent {card}")
        assert visit.page.locator(f"#open {card}").count() == 0
        store.close()


def test_an_incident_shows_its_pictures_and_its_history(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        visit.page.click("#recent h3 a")
        visit.page.wait_for_url("**/incidents/*")
        assert visit.text("h1") == "Nghi vấn dừng xe sai quy định: xe ô tô"
        visit.wait_true(
            "[...document.images].length === 2 && [...document.images].every((img) => img.naturalWidth > 0)"
        )
        assert visit.page.locator("figcaption").all_inner_texts() == ["Ảnh toàn cảnh", "Sau"]
        history = visit.page.locator(".history li").all_inner_texts()
        assert [line.split(maxsplit=2)[2] for line in history] == ["Phát hiện nghi vấn", "Kết thúc sự việc nghi vấn"]
        assert visit.text("#phase") == "đã kết thúc"
        assert visit.complaints == []


def test_the_switch_to_english_is_remembered(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        visit.page.click("a.switch")
        visit.page.wait_for_selector("html[lang=en]")
        assert visit.text("#link-state") == "Connected"
        assert visit.text("#open h3") == "Suspected improper stopping: car"
        visit.page.goto(box.url)
        assert visit.page.get_attribute("html", "lang") == "en"
        assert "?" not in visit.page.url
        visit.page.click("a.switch")
        visit.page.wait_for_selector("html[lang=vi]")


def test_no_request_leaves_the_box_and_the_console_stays_silent(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        visit.page.click("a.switch")
        visit.page.wait_for_selector("html[lang=en]")
        visit.page.click("#open a.more")
        visit.page.wait_for_url("**/incidents/*")
        visit.page.wait_for_timeout(2500)
        assert visit.origins == {box.url.rstrip("/")}
        assert visit.complaints == []


def test_it_is_readable_without_javascript(browser: Browser, box: PageBox):
    with Visit(browser, box.url, java_script_enabled=False) as visit:
        assert "giây trước" in visit.text("#camera-gate .age")
        assert "Trình duyệt không chạy JavaScript" in visit.text("footer")


def test_the_keyboard_reaches_everything_in_reading_order(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        reached = []
        for _ in range(5):
            visit.page.keyboard.press("Tab")
            reached.append(visit.page.evaluate("document.activeElement.innerText.trim()"))
        assert reached == [
            "Đến nội dung chính",
            "Hộp chợ Đồng Văn",
            "English",
            "Xem ảnh và diễn biến",
            "Nghi vấn dừng xe sai quy định: xe ô tô",
        ]
        assert visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_a_screen_reader_is_told(browser: Browser, box: PageBox):
    with Visit(browser, box.url) as visit:
        outline = visit.page.locator("body").aria_snapshot()
        for said in (
            "banner:",
            "main:",
            "contentinfo:",
            'heading "Hộp chợ Đồng Văn" [level=1]',
            'region "Liên kết về trung tâm"',
            'region "Camera"',
            'article "Nghi vấn dừng xe sai quy định: xe ô tô"',
            'progressbar "Thời gian đã theo dõi"',
        ):
            assert said in outline, outline
        assert visit.page.get_attribute("#said", "role") == "status"
        assert visit.page.evaluate("[...document.images].every((img) => img.alt.length > 10)")
        small = visit.page.evaluate(
            "[...document.querySelectorAll('a, button')].filter((element) => element.checkVisibility() &&"
            " element.getAttribute('aria-hidden') !== 'true' && element.className !== 'skip' &&"
            " element.getBoundingClientRect().height < 24).map((element) => element.innerText)"
        )
        assert small == []


def test_login_and_lock_out(browser: Browser, tmp_path: Path):
    with PageBox(tmp_path / "box", 'password_file = "passwords"') as box:
        box.account()
        box.live.start()
        box.start()
        with Visit(browser, box.url) as visit:
            page = visit.page
            assert urlsplit(page.url).path == "/login"
            assert page.evaluate("document.activeElement.tagName") == "BODY"
            _fill(page, PASSWORD)
            page.wait_for_selector("#cameras")
            assert USER in visit.text("footer")
            visit.wait_true("document.querySelector('#camera-gate img').naturalWidth > 0")
            assert page.evaluate("document.cookie") == ""
            page.click("footer button")
            page.wait_for_selector("#user")
            for _ in range(5):
                _fill(page, "sai-mat-khau")
                assert visit.wait_text("#problem", "không đúng")
            _fill(page, PASSWORD)
            visit.wait_text("#problem", r"Đã khóa tạm thời .* Thử lại sau \d+ giây\.")
            page.screenshot(path=tmp_path / "locked.png")
        actions = [action for _, action, _ in box.audit()]
        assert actions.count("login.ok") == 1
        assert actions.count("logout") == 1
        assert actions.count("login.failed") == 5
        assert actions.count("login.locked") == 1
        assert ("truc", "picture.opened", "preview gate") in box.audit()


def test_a_page_left_open_returns_to_the_login_when_its_session_ends(browser: Browser, tmp_path: Path):
    with PageBox(tmp_path / "box", 'password_file = "passwords"') as box:
        box.account()
        box.account("an", "mot-mat-khau-khac")
        box.live.start()
        box.start()
        with Visit(browser, box.url) as visit:
            _fill(visit.page, PASSWORD)
            visit.page.wait_for_selector("#cameras")
            passwords = box.folder / "passwords"
            kept = [line for line in passwords.read_text("utf-8").splitlines() if line.startswith("an:")]
            passwords.write_text("\n".join(kept) + "\n", "utf-8")
            visit.page.wait_for_selector("#user")
            assert visit.page.locator("#cameras").count() == 0


def _fill(page: Page, password: str) -> None:
    page.fill("#user", USER)
    page.fill("#password", password)
    with page.expect_navigation():
        page.click("main button")
