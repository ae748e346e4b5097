"""The web application: routes behind the guards, in the order in which a request meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from agent.clock import Clock
from agent.errors import StoreError
from agent.page.asks import answer_asks
from agent.page.auth import Passwords
from agent.page.desk import Desk
from agent.page.door import Door, Doorkeeper
from agent.page.guard import Guard
from agent.page.language import LanguageSwitch
from agent.page.settings import PageSettings
from agent.page.sight import Sight
from agent.page.views import STATIC, Views
from agent.store.settings import StoreSettings


class Page:
    """The ASGI application, and what it holds open."""

    def __init__(self, guard: Guard, sight: Sight, desk: Desk, answer: Callable[[], None]) -> None:
        self._guard = guard
        self._sight = sight
        self._desk = desk
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._guard(scope, receive, send)

    def retain(self) -> None:
        """Age what the page writes; to be called once in a while."""
        self._desk.retain()

    def answer(self) -> None:
        """Carry out what commands ask; to be called every second or so."""
        self._answer()

    def pass_by(self) -> None:
        """Return once the desk is free for the next visitor, whether its log can be used or not."""
        self._desk.pass_by()

    def close(self) -> None:
        """Give the store's files back."""
        self._sight.close()
        self._desk.close()


def build_app(settings: PageSettings, store: StoreSettings, runtime_dir: Path, clock: Clock) -> Page:
    """Put the page together.

    Raises:
        ConfigError: the password file or the timezone cannot be used.
    """
    passwords = None if settings.password_file is None else Passwords(settings.password_file)
    desk = Desk(settings, store, clock)
    door = Door(passwords, desk)
    sight = Sight(settings, store, runtime_dir)
    views = Views(settings, sight, desk, door, clock)
    app = Starlette(
        routes=[
            Route("/", views.home),
            Route("/incidents/{incident}", views.incident),
            Route("/pictures/{sha256}", views.picture),
            Route("/cameras/{camera}/preview", views.preview),
            Route("/login", views.login_form),
            Route("/login", views.login, methods=["POST"]),
            Route("/logout", views.logout, methods=["POST"]),
            Route("/healthz", views.healthz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Doorkeeper, door=door), Middleware(LanguageSwitch)],
        exception_handlers={
            HTTPException: views.http_error,
            StoreError: views.store_error,
            Exception: views.http_error,
        },
    )
    # Outside Starlette, so that even its answer to a fault of ours carries the security headers.
    return Page(Guard(app, settings.hostnames), sight, desk, lambda: answer_asks(store.ask_dir("page"), desk, clock))
