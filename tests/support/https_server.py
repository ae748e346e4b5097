"""A web server on TLS with the faults of real ones: cuts, refusals, redirects, files that change."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import ipaddress
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


@dataclass
class Item:
    """One file on the server.

    Attributes:
        content: its bytes.
        cuts: after so many bytes of the body the connection ends, one a request; later requests are served whole.
        busy: so many requests are answered 503 first.
        status: what is answered.
        location: where a redirect leads.
        kind: media type.
        ranges: whether a part of it can be asked for.
        tagged: whether it has an ETag.
        told: whether its length is told.
        holds: so many requests are left without the end of their body until ``go`` is set.
        go: see there.
        then: called after each request.
    """

    content: bytes = b""
    cuts: list[int] = field(default_factory=list)
    busy: int = 0
    status: int = 200
    location: str = ""
    kind: str = "application/octet-stream"
    ranges: bool = True
    tagged: bool = True
    told: bool = True
    holds: int = 0
    go: threading.Event = field(default_factory=threading.Event)
    then: Callable[[], None] = lambda: None

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class HttpsServer:
    """Serves ``items`` by path; ``requests`` is what was asked, ``sent`` how many bytes of bodies went out."""

    def __init__(self, folder: Path) -> None:
        self.items: dict[str, Item] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0
        self.authority = _certificate(folder)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> HttpsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self._server.server_port}{path}"

    def put(self, path: str, content: bytes = b"", **words: object) -> Item:
        self.items[path] = Item(content, **words)  # type: ignore[arg-type]
        return self.items[path]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        stand = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                stand.requests.append((self.path, self.headers.get("Range")))
                item = stand.items.get(self.path)
                try:
                    self._refuse(404) if item is None else self._answer(item)
                except OSError:
                    self.close_connection = True
                if item is not None:
                    item.then()

            def _refuse(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _answer(self, item: Item) -> None:
                if item.busy > 0:
                    item.busy -= 1
                    self._refuse(503)
                    return
                if item.location:
                    self.send_response(item.status)
                    self.send_header("Location", item.location)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = self._start(item)
                if start > len(item.content) or (start and start == len(item.content)):
                    self._refuse(416)
                    return
                self._send(item, start)

            def _start(self, item: Item) -> int:
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                fresh = self.headers.get("If-Range") in (None, item.tag)
                return int(asked[1]) if asked and item.ranges and fresh else 0

            def _send(self, item: Item, start: int) -> None:
                total, body = len(item.content), item.content[start:]
                self.send_response(206 if start else item.status)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                self.send_header("Content-Type", item.kind)
                if item.tagged:
                    self.send_header("ETag", item.tag)
                self.send_header("Content-Length", str(len(body))) if item.told else None
                self.send_header("Connection", "close")
                self.end_headers()
                if item.holds:
                    item.holds -= 1
                    stand.sent += 200_000
                    self.wfile.write(body[:200_000])
                    item.go.wait(30)
                    self.close_connection = True
                    return
                if item.cuts:
                    body = body[: item.cuts.pop(0)]
                stand.sent += len(body)  # before the client can have it
                self.wfile.write(body)
                self.close_connection = True

        return Handler


def _certificate(folder: Path) -> Path:
    """Make an authority and a server's certificate signed by it; gives the authority's file."""
    issuer_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test server")])
    now = datetime.datetime.now(datetime.timezone.utc)

    def begun(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
        return (
            builder.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY).not_valid_after(now + _DAY)
        )

    identity = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key())
    authority = (
        begun(issuer, issuer_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identity, critical=False)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    server = (
        begun(subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + server.public_bytes(pem))
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    return folder / "authority.pem"
