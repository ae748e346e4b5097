"""Ask an RTSP camera what it sends, or why it sends nothing: a video library only ever says "no"."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.clock import monotonic_us

RTSP_PORT = 554
_ANSWER_LIMIT_BYTES = 65536


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    fields: dict[str, str]
    body: str


class _Deaf(Exception):
    """Whatever answered, it does not speak RTSP."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a camera says of a stream; ``fault`` is what keeps it from giving one, else ``sdp`` describes it."""

    fault: str | None
    sdp: str = ""


def find_fault(url: str, user: str, password: str, timeout_s: float) -> str | None:
    """Say what keeps ``url`` from giving a video stream; None when the camera describes one. See ``describe``."""
    return describe(url, user, password, timeout_s).fault


def describe(url: str, user: str, password: str, timeout_s: float) -> Description:
    """Let a camera describe its stream, or say what keeps it from giving one.

    Connects, asks for the stream's description (RFC 2326 §10.2) and answers one challenge, Basic or Digest.

    Args:
        url: ``rtsp://host[:port]/path`` without credentials.
        user: or empty.
        password: or empty.
        timeout_s: longest time for all of it; looking up a host name is the resolver's and not bounded by it.
    """
    end_us = monotonic_us() + round(timeout_s * 1_000_000)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or RTSP_PORT
    try:
        with socket.create_connection((host, port), timeout_s) as link:
            answer = _Talk(link, url, end_us).describe(user, password)
            return Description(_verdict(answer, bool(user)), answer.body)
    except ConnectionRefusedError:
        fault = f"{host} refuses connections at port {port}; is the camera's RTSP service on, and the port right?"
    except TimeoutError:
        fault = f"no answer from {host} port {port} within {timeout_s:g} s; is the camera powered and connected?"
    except socket.gaierror:
        fault = f"the name {host!r} is not known; use the camera's address, or mend the name service"
    except (ConnectionError, _Deaf):
        fault = f"what listens at {host} port {port} does not speak RTSP; is the port right?"
    except OSError as error:
        fault = f"{host} port {port} cannot be reached ({error.strerror or error})"
    return Description(fault)


def _verdict(answer: _Answer, with_user: bool) -> str | None:
    if answer.status == 401 and with_user:
        return "the camera refuses this user name and password"
    if answer.status == 401:
        return "the camera asks for a user name and password; none is configured"
    if answer.status == 404:
        return "the camera has no stream at this path (404); look up the path in its manual"
    if answer.status >= 400:
        return f"the camera answers with error {answer.status}"
    if answer.status == 200 and "m=video" not in answer.body:
        return "the camera's stream carries no video"
    return None


class _Talk:
    """One RTSP connection, every wait bounded by one deadline."""

    def __init__(self, link: socket.socket, url: str, end_us: int) -> None:
        self._link, self._url, self._end_us = link, url, end_us
        self._sent = 0
        self._pending = b""

    def describe(self, user: str, password: str) -> _Answer:
        """Ask for the description; once more with credentials when the camera wants them."""
        answer = self._ask("")
        if answer.status == 401 and user:
            answer = self._ask(_authorization(answer.fields.get("www-authenticate", ""), self._url, user, password))
        return answer

    def _ask(self, authorization: str) -> _Answer:
        self._sent += 1
        lines = [f"DESCRIBE {self._url} RTSP/1.0", f"CSeq: {self._sent}", "Accept: application/sdp", authorization]
        self._link.sendall(("\r\n".join(filter(None, lines)) + "\r\n\r\n").encode())
        head = self._until(b"\r\n\r\n").decode("latin1")
        start = re.match(r"RTSP/1\.\d (\d{3})", head)
        if start is None:
            raise _Deaf
        fields: dict[str, str] = {}
        for name, value in re.findall(r"^([\w-]+):[ \t]*(.*?)\r?$", head, re.MULTILINE):
            fields.setdefault(name.lower(), value)
            if name.lower() == "www-authenticate" and value.lower().startswith("digest"):
                fields["www-authenticate"] = value  # of several offers the one that does not send the password
        length = fields.get("content-length", "0")
        body = self._exactly(int(length)) if length.isdigit() and int(length) <= _ANSWER_LIMIT_BYTES else b""
        return _Answer(int(start[1]), fields, body.decode("latin1"))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._pending:
            self._more()
        head, _, self._pending = self._pending.partition(mark)
        return head

    def _exactly(self, size_bytes: int) -> bytes:
        while len(self._pending) < size_bytes:
            self._more()
        body, self._pending = self._pending[:size_bytes], self._pending[size_bytes:]
        return body

    def _more(self) -> None:
        left_s = (self._end_us - monotonic_us()) / 1_000_000
        if left_s <= 0:
            raise TimeoutError
        self._link.settimeout(left_s)
        chunk = self._link.recv(4096)
        if not chunk or len(self._pending) > _ANSWER_LIMIT_BYTES:
            raise _Deaf
        self._pending += chunk


def _authorization(challenge: str, url: str, user: str, password: str) -> str:
    """Answer a challenge: Basic (RFC 7617) or Digest with MD5 (RFC 2617, with and without qop)."""
    if challenge.lower().startswith("basic"):
        return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    told = {
        name.lower(): quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    }
    realm, nonce = told.get("realm", ""), told.get("nonce", "")
    secret, action = _md5(f"{user}:{realm}:{password}"), _md5(f"DESCRIBE:{url}")
    extra = ""
    middle = nonce
    if "auth" in told.get("qop", "").split(","):
        extra = ', qop=auth, nc=00000001, cnonce="00000001"'
        middle = f"{nonce}:00000001:00000001:auth"
    response = _md5(f"{secret}:{middle}:{action}")
    fields = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{url}", response="{response}"'
    return f"Authorization: Digest {fields}{extra}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # what RTSP's digest scheme is made of
