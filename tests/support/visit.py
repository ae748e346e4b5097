"""A visitor of the page in a real Chromium, the size of a phone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from support.stand import until

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE = {"width": 360, "height": 740}
SLOW_MS = 30_000
"""For what has no promised time: the machine of the tests may be busy."""


class Visit:
    """One visitor's page, and all it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, **context: object) -> None:
        self.context = browser.new_context(viewport=PHONE, **context)
        self.context.set_default_timeout(SLOW_MS)
        self.page: Page = self.context.new_page()
        self.origins: set[str] = set()
        self.complaints: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _asked(self, request: Request) -> None:
        self.origins.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def text(self, selector: str) -> str:
        return " ".join(self.page.inner_text(selector).split())

    def wait_true(self, expression: str) -> None:
        """Wait until an expression is true; asked from outside, because the page's own policy forbids it to eval."""
        until(lambda: self.page.evaluate(expression), SLOW_MS / 1000, expression)

    def wait_text(self, selector: str, pattern: str, timeout_ms: int = SLOW_MS) -> str:
        """Wait until the text of an element matches, and give it."""
        expect(self.page.locator(selector)).to_have_text(re.compile(pattern), timeout=timeout_ms)
        return self.text(selector)
