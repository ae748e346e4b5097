"""Who is let in: the session of every request, and how a login is judged."""

from __future__ import annotations

import asyncio
import hmac
import logging
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.errors import StoreError
from agent.page.auth import Passwords
from agent.page.desk import Desk

log = logging.getLogger(__name__)

COOKIE = "session"
REFRESH = "x-refresh"
"""Sent by the page's own refreshing, which is nobody's doing and keeps no session alive."""

_OPEN_PATHS = frozenset({"/healthz", "/login"})
_PICTURE_PATHS = ("/pictures/", "/cameras/")
_MOST_WAITING = 8
_SEAL_MARK = "."  # stands in no token


@dataclass(frozen=True)
class Verdict:
    """What came of a login.

    Attributes:
        token: the session's token, sealed with the password that opened it; None where the login was refused.
        problem: catalogue key below ``login.`` where it was refused: ``wrong``, ``locked``, ``busy``, ``store``.
        wait_s: for ``locked``, seconds until a password is looked at again.
    """

    token: str | None
    problem: str = ""
    wait_s: float = 0.0


class Door:
    """Judges logins, one at a time, and knows whose session a token is; without passwords it stands open."""

    def __init__(self, passwords: Passwords | None, desk: Desk) -> None:
        self._passwords = passwords
        self._desk = desk
        # Each try takes 19 MiB and a core: many at once would starve the detector beside us.
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    @property
    def locked(self) -> bool:
        """Whether a login is needed at all."""
        return self._passwords is not None

    async def login(self, user: str, password: str, address: str) -> Verdict:
        """Judge one login; every outcome but ``busy`` is in the audit."""
        if self._waiting >= _MOST_WAITING:
            return Verdict(None, "busy")
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await run_in_threadpool(self._judge, user, password, address)
        except StoreError as error:
            log.error("A login was refused because it cannot be recorded: %s", error)
            return Verdict(None, "store")
        finally:
            self._waiting -= 1

    def user_of(self, token: str | None, *, active: bool) -> str | None:
        """Tell whose session this is; None where there is none, it ran out, or the account is gone or changed."""
        if not token or self._passwords is None:
            return None
        bare, _, seal = token.partition(_SEAL_MARK)
        user = self._desk.session_user(bare, active=active)
        due = None if user is None else self._passwords.seal(user, bare)
        return user if due is not None and hmac.compare_digest(due.encode(), seal.encode()) else None

    def logout(self, token: str | None, user: str | None) -> None:
        """End a session."""
        if token and user:
            self._desk.end_session(token.partition(_SEAL_MARK)[0], user)

    def _judge(self, user: str, password: str, address: str) -> Verdict:
        if self._passwords is None:
            raise RuntimeError("a login was judged at an open door")
        known = user if self._passwords.knows(user) else "?"  # a password typed into the wrong field is not recorded
        wait_s = self._desk.wait_s(user, address)
        if wait_s > 0:
            self._desk.note(known, "login.locked", address)
            return Verdict(None, "locked", wait_s)
        if not self._passwords.verify(user, password):
            self._desk.failed(user, address)
            self._desk.note(known, "login.failed", address)
            return Verdict(None, "wrong")
        bare = self._desk.begin_session(user, address)
        return Verdict(f"{bare}{_SEAL_MARK}{self._passwords.seal(user, bare)}")


class Doorkeeper:
    """ASGI middleware: lets only known visitors past the login, and says in ``request.state.user`` who it is."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send strangers to the login form, or answer 401 where a picture was asked for."""
        if scope["type"] != "http" or not self._door.locked or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            user = await run_in_threadpool(
                self._door.user_of, request.cookies.get(COOKIE), active=_is_a_persons_doing(request)
            )
        except StoreError as error:
            log.error("Nobody can be let in, the sessions cannot be read: %s", error)
            await PlainTextResponse("503 the sessions cannot be read\n", 503)(scope, receive, send)
            return
        if user is None:
            await _turned_away(scope)(scope, receive, send)
            return
        request.state.user = user
        await self._app(scope, receive, send)


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith("/static/")


def _is_a_persons_doing(request: Request) -> bool:
    return REFRESH not in request.headers and not request.url.path.startswith(_PICTURE_PATHS)


def _turned_away(scope: Scope) -> Response:
    if scope["path"].startswith(_PICTURE_PATHS):
        return PlainTextResponse("401 log in first\n", 401)
    return RedirectResponse("/login", 303)
