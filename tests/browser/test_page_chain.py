"""The whole chain behind the page: a broker that goes away and comes back, seen on a phone within ten seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.broker import Broker
from support.stand import Stand, head, until
from support.visit import Visit

from agent.clock import SystemClock
from agent.runtime import drop_ask

pytestmark = [pytest.mark.browser, pytest.mark.broker]

CAMERA = """
[[camera]]
id = "street"
name = "Empty street"
backend = "rendered"
url = "empty_street"
loop = true
fps = 2
"""
PROMISED_S = 10


def test_a_stopped_broker_shows_as_lost_with_the_right_backlog_within_ten_seconds(
    browser: Browser, broker: Broker, tmp_path: Path, free_port: int
) -> None:
    with Stand(tmp_path / "box", broker.port, head(broker.port, free_port) + CAMERA) as stand:
        stand.hq()
        stand.agent("run")
        url = f"http://127.0.0.1:{free_port}/"
        until(lambda: (stand.folder / "runtime/page.json").exists(), 60, "the page listens")
        with Visit(browser, url) as visit:
            until(lambda: "Đã kết nối" in visit.text("main"), 60, "connected")
            until(lambda: stand.at_hq("agent.start"), 60, "the start at HQ")
            until(lambda: "không có" in visit.text("#backlog"), 60, "nothing waits any more")

            broker.stop()
            for _ in range(3):
                drop_ask(stand.folder / "state/ask/watch", "test_alert", SystemClock().now())
            began_s = time.monotonic()
            until(lambda: "Mất kết nối" in visit.text("main"), PROMISED_S, "the page says that the link is lost")
            assert "Tin được giữ trong hộp và tự gửi khi có mạng lại" in visit.text("#link")
            left_s = PROMISED_S - (time.monotonic() - began_s)
            until(lambda: "3 tin sự việc" in visit.text("#backlog"), left_s, "three alerts shown as waiting")

            broker.start()
            until(lambda: len(stand.at_hq("test.alert")) == 3, 60, "all three at HQ")
            until(lambda: "Đã kết nối" in visit.text("main"), 30, "connected again")
            assert visit.origins == {url.rstrip("/")}
            assert visit.complaints == []
