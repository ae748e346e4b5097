"""The page as a real program: what it answers to bad requests, who gets in, how it starts and stops."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.page_box import PASSWORD, USER, PageBox, webp
from support.stand import Program, until

from agent.store.migrations import migrate

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageBox]:
    """A page without login, its store filled."""
    with PageBox(tmp_path_factory.mktemp("open")) as box:
        store = box.watch_store()
        slot, incident = box.incident(70)
        box.record(store, slot, incident, [webp(1)])
        box.pend(store, 12)
        store.close()
        box.live.start()
        box.start()
        yield box


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageBox]:
    """A page with a login, on the address of all interfaces."""
    with PageBox(tmp_path_factory.mktemp("locked"), 'host = "0.0.0.0"\npassword_file = "passwords"') as box:
        box.account()
        store = box.watch_store()
        slot, incident = box.incident(70)
        box.record(store, slot, incident, [webp(1)])
        store.close()
        box.live.start()
        box.start()
        yield box


def raw(box: PageBox, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes, or says no more for 2 s."""
    host, port = urlsplit(box.url).hostname, urlsplit(box.url).port
    with socket.create_connection((host, port), timeout=10) as connection:
        with contextlib.suppress(OSError):  # the server may close while much is still coming
            connection.sendall(request)
        connection.settimeout(2)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def lines(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


HOST = "Host: 127.0.0.1"
CLOSE = "Connection: close"
OURS = "Sec-Fetch-Site: same-origin"


def get(path: str, *headers: str) -> bytes:
    return lines(f"GET {path} HTTP/1.1", HOST, CLOSE, *headers)


def post(path: str, *headers: str, body: bytes = b"", length: str | None = None) -> bytes:
    announced = (f"Content-Length: {len(body) if length is None else length}",) if length != "" else ()
    return lines(f"POST {path} HTTP/1.1", HOST, CLOSE, *announced, *headers, body=body)


def form(body: bytes, kind: str = FORM) -> bytes:
    return post("/login", OURS, f"Content-Type: {kind}", body=body)


CHUNKED = "Transfer-Encoding: chunked"
NO_INCIDENT = f"{'0' * 8}-0000-7000-8000-{'0' * 12}"

BAD = {
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "no host": (lines("GET / HTTP/1.1"), 400),
    "two hosts": (lines("GET / HTTP/1.1", HOST, HOST), 400),
    "a stranger's host": (lines("GET / HTTP/1.1", "Host: evil.example", CLOSE), 400),
    "unknown address": (get("/admin.php"), 404),
    "unknown method": (lines("BREW / HTTP/1.1", HOST, OURS, CLOSE), 405),
    "a form to the board": (post("/", OURS), 405),
    "a form from elsewhere": (post("/logout", "Origin: http://evil.example"), 403),
    "dots in a static address": (get("/static/../app.py"), 404),
    "coded dots": (get("/static/%2e%2e/%2e%2e/keys.py"), 404),
    "dots as a camera": (get("/cameras/..%2f..%2fetc%2fpasswd/preview"), 404),
    "an unknown camera": (get("/cameras/nope/preview"), 404),
    "a path as a picture": (get("/pictures/..%2f..%2fsite.toml"), 404),
    "a hash that is none": (get(f"/pictures/{'A' * 64}"), 404),
    "an unknown picture": (get(f"/pictures/{'a' * 64}"), 404),
    "sql as an incident": (get("/incidents/1'%20OR%201=1--"), 404),
    "an unknown incident": (get(f"/incidents/{NO_INCIDENT}"), 404),
    "bad percent codes": (get("/incidents/%zz%ff%00"), 404),
    "a huge header": (get("/", "X: " + "x" * 200_000), 400),
    "a huge cookie": (get("/", "Cookie: " + "a=b; " * 10_000), 200),
    "a cookie that is no text": (get("/", "Cookie: lang=\xff\xfe; =; ;"), 200),
    "a huge body announced": (post("/login", OURS, length="1000000000"), 413),
    "a length that is none": (post("/login", OURS, length="-1"), 400),
    "two lengths": (post("/login", OURS, "Content-Length: 2", length="1"), 400),
    "a huge body in chunks": (
        post("/login", OURS, CHUNKED, length="", body=b"3000\r\n" + b"a" * 0x3000 + b"\r\n0\r\n\r\n"),
        413,
    ),
    "a broken chunk": (post("/login", OURS, CHUNKED, length="", body=b"zz\r\n"), 400),
    "a form that is json": (form(b"{}", "application/json"), 400),
    "a form that is no text": (form(b"user=\xff\xfe"), 400),
    "coded bytes that are no text": (form(b"user=%ff%fe"), 400),
    "too many fields": (form(b"&".join([b"a=b"] * 10)), 400),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_answered_plainly_and_the_page_goes_on(box: PageBox, name: str):
    request, status = BAD[name]
    answer = raw(box, request)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert b"Traceback" not in answer
    assert b".py" not in answer
    assert box.ask("GET", "/healthz")[0] == 200
    assert "Traceback" not in box.program.text()


def test_many_idle_connections_do_not_bring_it_down(box: PageBox):
    place = (urlsplit(box.url).hostname, urlsplit(box.url).port)
    held = [socket.create_connection(place, timeout=10) for _ in range(100)]
    try:
        assert box.ask("GET", "/healthz")[0] in (200, 503)
    finally:
        for connection in held:
            connection.close()
    until(lambda: box.ask("GET", "/healthz")[0] == 200, 30, "the page to answer again")


def test_healthz_says_nothing_but_that_it_answers(locked: PageBox):
    status, headers, body = locked.ask("GET", "/healthz")
    assert (status, body, headers["content-type"]) == (200, b"ok\n", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 303),
        ("/incidents/x", 303),
        ("/?lang=en", 303),
        ("/nope", 303),
        ("/healthz/", 303),
        ("//login", 303),
        ("/cameras/gate/preview", 401),
        (f"/pictures/{webp(1).sha256}", 401),
    ],
)
@pytest.mark.parametrize("cookie", [None, "session=", "session=stolen", f"session={'x' * 4000}", "session=\x01"])
def test_without_a_session_there_is_only_the_login(locked: PageBox, path: str, status: int, cookie: str | None):
    got, headers, body = locked.ask("GET", path, headers={} if cookie is None else {"Cookie": cookie})
    assert got == status
    assert headers.get("location") == ("/login" if status == 303 else None)
    assert "Chợ".encode() not in body


def test_a_login_opens_everything_and_each_look_is_in_the_audit(locked: PageBox):
    status, cookie = locked.log_in()
    assert status == 303
    asked = {"Cookie": cookie}
    assert locked.ask("GET", "/", headers=asked)[0] == 200
    picture = f"/pictures/{webp(1).sha256}"
    for _ in range(2):
        status, headers, body = locked.ask("GET", picture, headers=asked)
        assert (status, headers["cache-control"], body) == (200, "no-store", webp(1).content)
    assert locked.ask("GET", "/cameras/gate/preview", headers=asked)[1]["cache-control"] == "no-store"
    audit = locked.audit()
    assert (USER, "login.ok", "127.0.0.1") in audit
    assert audit.count((USER, "picture.opened", f"picture {webp(1).sha256}")) == 1
    assert audit.count((USER, "picture.opened", "preview gate")) == 1


def test_the_session_cookie_is_for_this_page_alone(locked: PageBox):
    headers = {"Origin": locked.url.rstrip("/"), "Content-Type": FORM}
    _, answer, _ = locked.ask("POST", "/login", f"user={USER}&password={PASSWORD}".encode(), headers)
    cookie = answer["set-cookie"]
    assert "HttpOnly" in cookie
    assert re.search("samesite=strict", cookie, re.I)
    assert "Path=/" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert len(token) >= 40
    files = [path for path in locked.site.store.state_dir.glob("desk.db*") if path.is_file()]
    assert all(part.encode() not in path.read_bytes() for path in files for part in token.split("."))


def test_logging_out_ends_the_session(locked: PageBox):
    _, cookie = locked.log_in()
    headers = {"Cookie": cookie, "Origin": locked.url.rstrip("/")}
    assert locked.ask("POST", "/logout", headers=headers)[0] == 303
    assert locked.ask("GET", "/", headers={"Cookie": cookie})[0] == 303
    assert (USER, "logout", "") in locked.audit()


def test_removing_an_account_ends_its_sessions(locked: PageBox):
    locked.account("an", "mot-mat-khau-khac")
    _, cookie = locked.log_in("an", "mot-mat-khau-khac")
    assert locked.ask("GET", "/", headers={"Cookie": cookie})[0] == 200
    passwords = locked.folder / "passwords"
    kept = [line for line in passwords.read_text("utf-8").splitlines() if not line.startswith("an:")]
    passwords.write_text("\n".join(kept) + "\n", "utf-8")
    assert locked.ask("GET", "/", headers={"Cookie": cookie})[0] == 303


def test_a_new_password_ends_the_sessions_of_the_old_one_and_of_nobody_else(locked: PageBox):
    locked.account("hoa", "mat-khau-da-lo")
    _, old = locked.log_in("hoa", "mat-khau-da-lo")
    _, other = locked.log_in()
    locked.account("hoa", "mat-khau-moi-2026")
    assert locked.ask("GET", "/", headers={"Cookie": old})[0] == 303
    assert locked.ask("GET", "/", headers={"Cookie": other})[0] == 200
    _, new = locked.log_in("hoa", "mat-khau-moi-2026")
    assert locked.ask("GET", "/", headers={"Cookie": new})[0] == 200
    seal = new.rpartition(".")[2]
    for forged in (new.partition(".")[0], f"{new.partition('.')[0]}.", f"{old.partition('.')[0]}.{seal}"):
        assert locked.ask("GET", "/", headers={"Cookie": forged})[0] == 303


def test_a_guesser_is_locked_out_and_even_the_right_password_waits(tmp_path: Path):
    with PageBox(tmp_path, 'password_file = "passwords"') as box:
        box.account()
        box.start()
        outcomes = [box.log_in(password=f"sai-mat-khau-{n}")[0] for n in range(5)]
        assert outcomes == [401] * 5
        assert box.log_in()[0] == 429
        assert box.log_in("khong-co")[0] == 429
        audit = [entry for entry in box.audit() if entry[1].startswith("login.")]
        assert audit == [
            *[(USER, "login.failed", "127.0.0.1")] * 5,
            (USER, "login.locked", "127.0.0.1"),
            ("?", "login.locked", "127.0.0.1"),
        ]


def test_a_stolen_password_field_is_not_written_down(tmp_path: Path):
    with PageBox(tmp_path, 'password_file = "passwords"') as box:
        box.account()
        box.start()
        assert box.log_in(user="mat-khau-cua-toi")[0] == 401
        assert box.audit() == [("?", "login.failed", "127.0.0.1")]
        assert "mat-khau-cua-toi" not in box.program.text()


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ('password_file = "nowhere"', "commune-agent password site.toml USER"),
        ('host = "203.0.113.9"\npassword_file = "passwords"', "use an address of this machine"),
    ],
)
def test_it_does_not_start_where_it_should_not(tmp_path: Path, page: str, says: str):
    with PageBox(tmp_path, page) as box:
        box.account()
        program = Program(tmp_path, "refused", "agent", "page", str(tmp_path / "site.toml"))
        assert program.child.wait(90) == 2
        assert says in program.text()
        assert "Traceback" not in program.text()


def test_a_taken_port_is_named_with_its_remedy(tmp_path: Path, free_port: int):
    with PageBox(tmp_path) as box, socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        text = box.site.path.read_text("utf-8").replace("port = 0", f"port = {free_port}")
        box.site.path.write_text(text, "utf-8")
        program = Program(tmp_path, "taken", "agent", "page", str(box.site.path))
        assert program.child.wait(90) == 2
        assert f"page.port: {free_port} on 127.0.0.1 is taken by another program" in program.text()
        assert "choose another port" in program.text()


def test_it_stops_within_two_seconds_also_while_visitors_are_connected(tmp_path: Path):
    with PageBox(tmp_path) as box:
        box.live.start()
        box.start()
        place = (urlsplit(box.url).hostname, urlsplit(box.url).port)
        with socket.create_connection(place, timeout=10) as visitor:
            visitor.sendall(lines("GET / HTTP/1.1", HOST))
            assert visitor.recv(100).startswith(b"HTTP/1.1 200")
            began = time.monotonic()
            assert box.program.stop() == 0
            assert time.monotonic() - began < 2.0
        assert not (box.runtime_dir / "page.json").exists()


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_a_box_without_a_usable_store_still_has_a_page_that_says_so(tmp_path: Path, state: str):
    with PageBox(tmp_path, migrated=state != "missing") as box:
        if state == "damaged":
            for path in (box.site.store.watch_db, box.site.store.media_db, box.site.store.desk_db):
                path.write_bytes(b"\x5a" * 40_000)
        box.live.start()
        box.start()
        status, _, body = box.ask("GET", "/")
        text = body.decode()
        assert status == 200
        assert "Không đọc được kho sự việc" in text
        assert "commune-agent migrate" in text
        assert "Chưa đọc được danh sách sự việc nghi vấn." in text
        assert "Cổng chợ" in text
        assert box.ask("GET", "/cameras/gate/preview")[0] == 200
        assert box.ask("GET", f"/pictures/{webp(1).sha256}")[0] == 503
        assert "Traceback" not in box.program.text()
        if state == "missing":
            migrate(box.site.store)
            until(lambda: "Không đọc được" not in box.ask("GET", "/")[2].decode(), 30, "the page to find the store")


def test_ready_and_watchdog_are_told_to_the_service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, PageBox(tmp_path / "box") as box:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        box.start()
        assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        assert box.program.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"
