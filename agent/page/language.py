"""Which language a visitor reads: the site's, until ``?lang=`` is followed; then the cookie it leaves."""

from __future__ import annotations

from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.page.words import LANGUAGES

COOKIE = "lang"
_YEAR_S = 365 * 24 * 3600


def chosen(request: Request, default: str) -> str:
    """Tell the visitor's language; a cookie with anything else in it is not heeded."""
    wanted = request.cookies.get(COOKIE, default)
    return wanted if wanted in LANGUAGES else default


class LanguageSwitch:
    """ASGI middleware: remembers ``?lang=`` in a cookie and sends the visitor to the same page without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 303 to a known ``?lang=``; pass on everything else."""
        wanted = _wanted(scope)
        if wanted is None:
            await self._app(scope, receive, send)
            return
        # One slash at the front, whatever was asked: "//elsewhere" would be another site's address.
        answer = RedirectResponse(quote("/" + scope["path"].lstrip("/\\")), 303)
        answer.set_cookie(COOKIE, wanted, max_age=_YEAR_S, httponly=True, samesite="lax")
        await answer(scope, receive, send)


def _wanted(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["query_string"]:
        return None
    wanted = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    return wanted if wanted in LANGUAGES else None
