"""What every request meets first: its Host, its origin, its size; and what every answer says."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES = 8 * 1024
"""Only the login form has a body; a full one is far below."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with it Chromium sends "Origin: null" for our own login form, which the guard would refuse.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware in front of all routes."""

    def __init__(self, app: ASGIApp, hostnames: tuple[str, ...]) -> None:
        self._app = app
        self._names = _LOOPBACK_NAMES | {name.lower().strip("[]") for name in hostnames}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, 403 or 413 to what cannot be ours; pass on the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send, scope))
            return
        await self._app(scope, receive, _with_headers(send, scope))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if not self._host_is_ours(headers, scope):
            return PlainTextResponse("400 this Host is not a name of this box (page.hostnames)\n", 400)
        if scope["method"] not in _SAFE_METHODS and not _same_origin(headers):
            return PlainTextResponse("403 this request does not come from this page\n", 403)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_LIMIT_BYTES:
            return PlainTextResponse(f"413 at most {BODY_LIMIT_BYTES} bytes\n", 413)
        return None

    def _host_is_ours(self, headers: Headers, scope: Scope) -> bool:
        """Tell whether the Host is a loopback name, a configured one, or the address the visitor connected to.

        Against DNS rebinding: a stranger's page whose name was pointed at this box comes with that name as Host.
        """
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return False
        name = host_name(hosts[0])
        server = scope.get("server")
        return name is not None and (name in self._names or (server is not None and name == host_name(server[0])))


def host_name(host: str) -> str | None:
    """Take the name or address out of a Host value or a socket's address, written one way; None if it is none."""
    name = _bare(host)
    if name is None:
        return None
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return name.rstrip(".")


def _bare(host: str) -> str | None:
    """Strip port and brackets, lower case; None where ``host`` is more or less than a host."""
    if host.count(":") > 1 and not host.startswith("["):
        return host.lower()  # an IPv6 address as a socket gives it
    try:
        split = urlsplit(f"//{host}")
        _ = split.port  # raises where it is none
    except ValueError:
        return None
    more = split.path or split.query or split.fragment or "@" in host
    return None if more else split.hostname


def _same_origin(headers: Headers) -> bool:
    """Tell whether a browser says that our own page sent this.

    Sec-Fetch-Site is absent on plain http to an address that is not loopback; there Origin must be the Host.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers["host"]


def _with_headers(send: Send, scope: Scope) -> Send:
    static = scope["path"].startswith("/static/")

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, text in SECURITY_HEADERS.items():
                headers[name] = text
            # Styles and scripts are asked for again and mostly answered 304; all else is nobody's to keep.
            headers["cache-control"] = "no-cache" if static else "no-store"
        await send(message)

    return send_with_headers
