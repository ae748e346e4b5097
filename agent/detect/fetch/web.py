"""Ask a web server for a file, or for the rest of one: https alone, few redirects, every fault one sentence."""

from __future__ import annotations

import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any

from agent.errors import ModelError

SILENCE_S = 30.0
"""A server that says nothing for so long is not waited for."""

_MOST_REDIRECTS = 5
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)


class Interrupted(Exception):
    """The connection broke or the server is busy: it is worth another try, from where it stopped."""


class StartOver(Exception):
    """What is here belongs to another version of the file than the server has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server gives, while the connection holds.

    Attributes:
        start: where in the file its bytes begin.
        total: bytes of the whole file; None where the server does not tell.
        tag: tells this version of the file from another; empty where the server does not.
        body: the bytes.
    """

    start: int
    total: int | None
    tag: str
    body: HTTPResponse

    def read(self, most: int) -> bytes:
        """Give what has come of the next bytes; none at the end.

        Raises:
            Interrupted: the connection broke.
        """
        try:
            return self.body.read1(most)
        except (OSError, HTTPException) as error:
            raise Interrupted(_worded(error)) from error


@contextmanager
def asked(url: str, start: int = 0, tag: str = "", silence_s: float = SILENCE_S) -> Iterator[Answer]:
    """Ask for a file from byte ``start`` on, if it is still the version ``tag``; or all of it after all.

    Certificates are checked by the system's authorities (or ``SSL_CERT_FILE``); the usual ``https_proxy`` is heard.

    Raises:
        ModelError: the file is not to be had there.
        Interrupted: it may be, later.
        StartOver: it has changed; ask for all of it.
    """
    headers = {"User-Agent": "commune-agent", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": tag}
    try:
        with _opener().open(_request(url, headers), timeout=silence_s) as response:
            yield _answer(url, response, start)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(url, error) from error
    except urllib.error.URLError as error:
        raise _unreachable(url, error.reason) from error
    except (OSError, HTTPException) as error:
        raise Interrupted(_worded(error)) from error


def _request(url: str, headers: dict[str, str]) -> urllib.request.Request:
    if not url.startswith("https://"):
        raise ModelError(url, "is no https:// address; nothing is fetched over an open line")
    try:
        return urllib.request.Request(url, headers=headers)  # noqa: S310
    except ValueError as error:
        raise ModelError(url, f"is no address: {error}") from error


def _answer(url: str, response: Any, start: int) -> Answer:
    kind = response.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        raise ModelError(url, "gives a web page, not a model; the card needs the address of the file itself")
    tag = response.headers.get("ETag", "")
    tag = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
    if response.status == 206:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if part is None or int(part[1]) != start:
            raise StartOver
        return Answer(start, int(part[2]), tag, response)
    length = response.headers.get("Content-Length", "")
    return Answer(0, int(length) if length.isdigit() else None, tag, response)


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code == 416:
        return StartOver()
    if error.code in _TEMPORARY:
        return Interrupted(f"the server answers {error.code}")
    if 300 <= error.code < 400:
        return ModelError(
            url, f"leads on more than {_MOST_REDIRECTS} times, or nowhere; the card's address is out of date"
        )
    return ModelError(
        url,
        f"is not to be had: the server answers {error.code} {error.reason}; bring the file by stick (pull --from DIR)",
    )


def _unreachable(url: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ModelError(
            url, f"has a certificate that is not trusted here ({reason.verify_message}); check this machine's clock"
        )
    if isinstance(reason, (socket.gaierror, ConnectionRefusedError)):
        return ModelError(
            url,
            f"cannot be reached ({_worded(reason)}); check the network, or bring the file by stick (pull --from DIR)",
        )
    return Interrupted(_worded(reason))


def _worded(reason: object) -> str:
    return " ".join(str(getattr(reason, "strerror", None) or reason or "the connection broke").split())


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a few, and none to an open line; the address itself is not told, it may hold a key."""

    max_redirections = _MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            fp.close()
            raise ModelError(
                req.full_url, "leads to an address that is not https://; nothing is fetched over an open line"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Give an opener that knows https and nothing else: no files, no FTP, no open line."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
