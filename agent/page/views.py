"""The routes: each gathers what it shows, has it judged and hands it to a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from agent.clock import Clock
from agent.page.desk import Desk
from agent.page.door import COOKIE, Door, Verdict
from agent.page.guard import BODY_LIMIT_BYTES
from agent.page.language import chosen
from agent.page.settings import PageSettings
from agent.page.sight import Sight
from agent.page.words import Words, load_words

STATIC = Path(__file__).parent / "static"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCIDENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORM = "application/x-www-form-urlencoded"


class Views:
    """Answers to every address of the page; those without ``async`` run in the server's thread pool."""

    def __init__(self, settings: PageSettings, sight: Sight, desk: Desk, door: Door, clock: Clock) -> None:
        self._settings = settings
        self._sight = sight
        self._desk = desk
        self._door = door
        self._clock = clock
        self._words = load_words(settings.timezone)
        self._templates = Environment(
            loader=PackageLoader("agent.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def home(self, request: Request) -> Response:
        """Show the board."""
        now = self._clock.now()
        return self._page(request, "home.html", now=now, board=self._sight.board(now))

    def incident(self, request: Request) -> Response:
        """Show one incident with its pictures and its history."""
        wanted = request.path_params["incident"]
        now = self._clock.now()
        found = self._sight.incident(wanted, now) if _INCIDENT.fullmatch(wanted) else None
        if found is None:
            raise HTTPException(404)
        shown, history = found
        return self._page(request, "incident.html", now=now, incident=shown, history=history)

    def picture(self, request: Request) -> Response:
        """Give a stored picture, once the audit says who looked."""
        sha256 = request.path_params["sha256"]
        picture = self._sight.picture(sha256) if _SHA256.fullmatch(sha256) else None
        if picture is None:
            raise HTTPException(404)
        if picture.content is None:
            return FileResponse(STATIC / "gone.svg", 410)
        self._desk.opened(_user(request), f"picture {sha256}")
        return Response(picture.content, media_type=picture.content_type)

    def preview(self, request: Request) -> Response:
        """Give a camera's newest picture, once the audit says who looks."""
        camera = request.path_params["camera"]
        content = self._sight.preview(camera)
        if content is None:
            raise HTTPException(404)
        self._desk.opened(_user(request), f"preview {camera}")
        return Response(content, media_type="image/jpeg")

    def login_form(self, request: Request) -> Response:
        """Show the form; who needs no login is sent to the board."""
        if not self._door.locked:
            return RedirectResponse("/", 303)
        return self._page(request, "login.html", problem=None)

    async def login(self, request: Request) -> Response:
        """Judge a filled form."""
        form = await read_form(request)
        if not self._door.locked:
            return RedirectResponse("/", 303)
        address = request.client.host if request.client else ""
        outcome = await self._door.login(form.get("user", ""), form.get("password", ""), address)
        if outcome.token is None:
            return self._refused(request, outcome)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            outcome.token,
            max_age=int(self._settings.session_s),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def logout(self, request: Request) -> Response:
        """End the session."""
        self._door.logout(request.cookies.get(COOKIE), _user(request))
        answer = RedirectResponse("/login" if self._door.locked else "/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    def healthz(self, _request: Request) -> Response:
        """Say that the server answers; nothing else."""
        return PlainTextResponse("ok\n")

    def http_error(self, request: Request, error: Exception) -> Response:
        """Show an HTTP error in the visitor's language."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return self._page(request, "error.html", status=status, http_status=status, http_headers=headers)

    def store_error(self, request: Request, _error: Exception) -> Response:
        """Show that the store cannot be used now."""
        return self._page(request, "error.html", status=503, http_status=503)

    def _refused(self, request: Request, outcome: Verdict) -> Response:
        words = self._words_for(request)
        wait = words.span(outcome.wait_s)
        problem = words(f"login.{outcome.problem}", wait=wait)
        status = {"wrong": 401, "locked": 429}.get(outcome.problem, 503)
        answer = self._page(request, "login.html", problem=problem, http_status=status)
        if outcome.problem == "locked":
            answer.headers["retry-after"] = str(int(outcome.wait_s) + 1)
        return answer

    def _words_for(self, request: Request) -> Words:
        return self._words[chosen(request, self._settings.language)]

    def _page(
        self,
        request: Request,
        template: str,
        http_status: int = 200,
        http_headers: Mapping[str, str] | None = None,
        **shown: object,
    ) -> Response:
        words = self._words_for(request)
        html = self._templates.get_template(template).render(
            {
                "w": words,
                "other_language": "vi" if words.language == "en" else "en",
                "box": self._settings.box,
                "box_name": self._settings.box_name,
                "area": self._settings.area,
                "user": getattr(request.state, "user", None),
                "local": not self._door.locked,
                "now": None,
                **shown,
            }
        )
        return HTMLResponse(html, http_status, dict(http_headers or {}))


async def read_form(request: Request) -> dict[str, str]:
    """Read a small URL-encoded form; of a repeated field the first counts.

    Raises:
        HTTPException: 413 when it grows past the limit though no length was announced; 400 when it is no such form.
    """
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_LIMIT_BYTES:
                raise HTTPException(413)
    except ClientDisconnect as gone:
        raise HTTPException(400) from gone
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(400)
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=8)
    except ValueError as error:
        raise HTTPException(400) from error
    return {name: given[0] for name, given in fields.items()}


def _user(request: Request) -> str | None:
    user = getattr(request.state, "user", None)
    return user if isinstance(user, str) else None
