"""What every request meets first: Host, origin, size; and what every answer says."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from agent.page.guard import BODY_LIMIT_BYTES, Guard, host_name
from agent.page.language import LanguageSwitch

HOME = {"host": "127.0.0.1:8080"}


def ask(
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    server: tuple[str, int] = ("127.0.0.1", 8080),
    query: bytes = b"",
    around=lambda app: Guard(app, ("hop-cho.lan", "192.168.7.7")),
) -> tuple[int, dict[str, str]]:
    pairs = (
        list(headers.items()) if isinstance(headers, dict) else headers if headers is not None else list(HOME.items())
    )
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        "server": server,
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
    }
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(around(PlainTextResponse("inside"))(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize(
    ("host", "server", "status"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 200),
        ("localhost:8080", "127.0.0.1", 200),
        ("LOCALHOST", "127.0.0.1", 200),
        ("localhost.", "127.0.0.1", 200),
        ("[::1]:8080", "::1", 200),
        ("hop-cho.lan", "10.1.2.3", 200),
        ("HOP-CHO.LAN:8080", "10.1.2.3", 200),
        ("192.168.7.7:8080", "10.1.2.3", 200),
        ("10.1.2.3:8080", "10.1.2.3", 200),  # the address the visitor connected to
        ("[fd00::5]:8080", "fd00::5", 200),
        ("[fd00:0:0::5]:8080", "fd00::5", 200),
        ("10.1.2.4:8080", "10.1.2.3", 400),
        ("evil.example", "127.0.0.1", 400),
        ("evil.example:8080", "10.1.2.3", 400),
        ("localhost.evil.example", "127.0.0.1", 400),
        ("127.0.0.1.evil.example", "127.0.0.1", 400),
        ("127.0.0.1@evil.example", "127.0.0.1", 400),
        ("evil.example#127.0.0.1", "127.0.0.1", 400),
        ("127.0.0.1:port", "127.0.0.1", 400),
        ("127.0.0.1:99999", "127.0.0.1", 400),
        ("[::1", "::1", 400),
        ("", "127.0.0.1", 400),
        ("127.0.0.1/", "127.0.0.1", 400),
        ("\xff\xfe", "127.0.0.1", 400),
    ],
)
def test_only_a_name_of_this_box_is_answered(host: str, server: str, status: int):
    assert ask(headers={"host": host}, server=(server, 8080))[0] == status


@pytest.mark.parametrize("headers", [[], [("host", "127.0.0.1"), ("host", "127.0.0.1")]], ids=["none", "two"])
def test_there_must_be_exactly_one_host(headers: list[tuple[str, str]]):
    assert ask(headers=headers)[0] == 400


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"sec-fetch-site": "same-origin"}, 200),
        ("POST", {"origin": "http://127.0.0.1:8080"}, 200),
        ("GET", {"sec-fetch-site": "cross-site", "origin": "http://evil.example"}, 200),
        ("HEAD", {}, 200),
        ("POST", {}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"sec-fetch-site": "none"}, 403),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"}, 403),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "http://127.0.0.1:8081"}, 403),
        ("POST", {"origin": "http://127.0.0.1"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("DELETE", {"origin": "http://evil.example"}, 403),
        ("PROPFIND", {}, 403),
    ],
)
def test_only_our_own_page_may_change_anything(method: str, headers: dict[str, str], status: int):
    assert ask(method, "/login", {**HOME, **headers})[0] == status


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("0", 200),
        (str(BODY_LIMIT_BYTES), 200),
        (str(BODY_LIMIT_BYTES + 1), 413),
        ("99999999999999999999", 413),
        ("-1", 413),
        ("1e3", 413),
        ("\xb2", 413),  # a superscript two: a digit to str.isdigit
    ],
)
def test_a_body_is_small(length: str, status: int):
    headers = {**HOME, "origin": "http://127.0.0.1:8080", "content-length": length}
    assert ask("POST", "/login", headers)[0] == status


@pytest.mark.parametrize("headers", [HOME, {"host": "evil.example"}], ids=["answered", "refused"])
def test_every_answer_carries_the_security_headers(headers: dict[str, str]):
    _, answer = ask(headers=headers)
    policy = answer["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["x-frame-options"] == "DENY"
    assert answer["referrer-policy"] == "same-origin"
    assert answer["cache-control"] == "no-store"


def test_only_styles_and_scripts_may_be_kept():
    assert ask(path="/static/page.css")[1]["cache-control"] == "no-cache"
    assert ask(path="/staticky")[1]["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "query", "status", "location"),
    [
        ("/", b"lang=en", 303, "/"),
        ("/incidents/x", b"lang=vi&y=1", 303, "/incidents/x"),
        ("//evil.example/", b"lang=en", 303, "/evil.example/"),
        ("/\\evil.example", b"lang=en", 303, "/evil.example"),
        ("/a\r\nset-cookie: x", b"lang=en", 303, "/a%0D%0Aset-cookie%3A%20x"),
        ("/", b"lang=fr", 200, None),
        ("/", b"lang=\xff", 200, None),
        ("/", b"", 200, None),
    ],
)
def test_the_language_switch_stays_on_this_box(path: str, query: bytes, status: int, location: str | None):
    got, headers = ask(path=path, query=query, around=LanguageSwitch)
    assert (got, headers.get("location")) == (status, location)
    assert ("set-cookie" in headers) is (status == 303)


def test_a_host_may_carry_a_zone_of_its_interface():
    assert host_name("fe80::1%eth0") == "fe80::1"
