"""Downloads from a real server on TLS, with the faults of real lines."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.https_server import HttpsServer

from agent.detect.fetch.download import download
from agent.errors import ModelError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
PATH = "/street.onnx"


class Seen:
    """Keeps what a download tells."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None]] = []

    def moved(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    (tmp_path / "tls").mkdir()
    with HttpsServer(tmp_path / "tls") as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / ".download" / "street.onnx"


def fetch(server: HttpsServer, target: Path, path: str = PATH, **words: object) -> tuple[Seen, list[float]]:
    seen, waits = Seen(), []
    download(server.url(path), target, seen, wait=waits.append, **words)  # type: ignore[arg-type]
    return seen, waits


def refused(server: HttpsServer, target: Path, path: str = PATH, **words: object) -> str:
    with pytest.raises(ModelError) as caught:
        fetch(server, target, path, **words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_comes_whole_and_its_way_is_told(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT)
    seen, waits = fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert (seen.steps[0], seen.steps[-1], waits) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)), [])
    assert seen.steps == sorted(seen.steps)


def test_a_line_that_breaks_is_taken_up_where_it_broke(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT, cuts=[300_000, 200_000])
    _, waits = fetch(server, target)
    assert target.read_bytes() == CONTENT
    asked = [begin for _, begin in server.requests]
    assert asked[0] is None
    assert all(begin is not None and begin.startswith("bytes=") for begin in asked[1:])
    assert server.sent == len(CONTENT)  # nothing went over the line twice
    assert len(waits) == 2


def test_a_later_run_goes_on_too(server: HttpsServer, target: Path) -> None:
    item = server.put(PATH, CONTENT, cuts=[400_000, 0, 0, 0, 0, 0])
    assert "was cut off 5 times in a row (the connection ended" in refused(server, target)
    here = target.stat().st_size
    assert 0 < here <= 400_000
    item.cuts, server.sent = [], 0
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT) - here


@pytest.mark.parametrize("words", [{"ranges": False}, {"tagged": False}])
def test_a_server_that_cannot_go_on_is_asked_for_all_of_it(server: HttpsServer, target: Path, words: dict) -> None:
    server.put(PATH, CONTENT, cuts=[300_000], **words)
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_never_mixed(server: HttpsServer, target: Path) -> None:
    newer = CONTENT[::-1]
    item = server.put(PATH, CONTENT, cuts=[300_000])
    item.then = lambda: setattr(item, "content", newer)
    fetch(server, target)
    assert target.read_bytes() == newer


def test_a_file_that_became_shorter_is_fetched_anew(server: HttpsServer, target: Path) -> None:
    item = server.put(PATH, CONTENT, cuts=[800_000, 0, 0, 0, 0, 0])
    refused(server, target)
    item.cuts, item.content = [], CONTENT[:100_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT[:100_000]


def test_another_address_does_not_go_on_with_what_is_here(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT, cuts=[300_000, 0, 0, 0, 0, 0])
    refused(server, target)
    server.put("/other.onnx", CONTENT)
    fetch(server, target, "/other.onnx")
    assert server.requests[-1] == ("/other.onnx", None)
    assert target.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_after_a_while(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT, busy=3)
    _, waits = fetch(server, target)
    assert waits == [1.0, 2.0, 4.0]
    server.put(PATH, CONTENT, busy=9)
    target.unlink()
    assert "was cut off 5 times in a row (the server answers 503)" in refused(server, target)


def test_a_server_that_falls_silent_is_asked_anew(server: HttpsServer, target: Path) -> None:
    item = server.put(PATH, CONTENT, holds=1)
    fetch(server, target, silence_s=0.3)
    item.go.set()
    assert target.read_bytes() == CONTENT
    assert server.requests[1][1] is not None
    assert server.sent == len(CONTENT)


def test_a_length_that_is_not_told_is_taken_as_it_comes(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT, told=False)
    seen, _ = fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert seen.steps[-1] == (len(CONTENT), None)


@pytest.mark.parametrize("told", [True, False])
def test_what_is_too_large_is_refused(server: HttpsServer, target: Path, told: bool) -> None:
    server.put(PATH, CONTENT * 2, told=told)
    assert "is larger than 1 MiB; no detector for a box is" in refused(server, target, most_bytes=len(CONTENT))
    assert not target.exists() or target.stat().st_size <= len(CONTENT) + (1 << 16)


def test_redirects_are_followed_but_not_for_ever(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT)
    for step in range(1, 8):
        to = PATH if step == 1 else f"/{step - 1}"
        server.put(f"/{step}", status=302, location=server.url(to))
    fetch(server, target, "/4")
    assert target.read_bytes() == CONTENT
    target.unlink()
    assert "leads on more than 5 times, or nowhere" in refused(server, target, "/7")


def test_nothing_is_fetched_over_an_open_line(server: HttpsServer, target: Path) -> None:
    server.put("/open", status=302, location="http://127.0.0.1:9/street.onnx?key=secret")
    told = refused(server, target, "/open")
    assert "leads to an address that is not https://" in told
    assert "secret" not in told
    server.put("/file", status=302, location="file:///etc/passwd")
    assert "leads on more than 5 times, or nowhere" in refused(server, target, "/file")
    for url in ("http://127.0.0.1/a.onnx", "file:///etc/passwd", "ftp://127.0.0.1/a.onnx", "a.onnx"):
        with pytest.raises(ModelError, match=r"is no https:// address"):
            download(url, target, Seen())
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        (b"<!DOCTYPE html><html></html>", {"kind": "text/html; charset=utf-8"}, "gives a web page, not a model"),
        (b"\n <html>sign in first</html>", {}, "is a web page, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", {}, "is only a git-lfs pointer"),
        (b"", {"status": 404}, "is not to be had: the server answers 404"),
        (b"", {"status": 403}, "is not to be had: the server answers 403"),
    ],
)
def test_what_is_no_model_is_told_by_what_it_is(
    server: HttpsServer, target: Path, content: bytes, words: dict, told: str
) -> None:
    server.put(PATH, content, **words)
    assert told in refused(server, target)
    assert len(server.requests) == 1  # asking again would not help


def test_a_certificate_of_a_stranger_is_not_trusted(
    server: HttpsServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(PATH, CONTENT)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "has a certificate that is not trusted here" in refused(server, target)
    assert server.requests == []


def test_nobody_there_is_told_at_once(free_port: int, target: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached \(Connection refused\); .* by stick"):
        download(f"https://127.0.0.1:{free_port}/a.onnx", target, Seen())


def test_a_disk_that_takes_no_more_is_one_sentence_and_what_is_there_stays(server: HttpsServer, target: Path) -> None:
    """The kernel refuses to let the file grow, as it does on a full disk."""
    server.put(PATH, CONTENT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        told = refused(server, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written: File too large; check its owner and the free space, then run this again" in told
    assert len(server.requests) == 1
    assert 0 < target.stat().st_size <= 300_000
    server.sent = 0
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.sent < len(CONTENT)


def test_a_folder_that_cannot_be_made_is_one_sentence(server: HttpsServer, target: Path) -> None:
    server.put(PATH, CONTENT)
    target.parent.parent.write_text("a file where the folder should be")
    assert "cannot be written: " in refused(server, target)


def test_a_file_larger_than_the_free_space_is_not_begun(server: HttpsServer, target: Path) -> None:
    free = os.statvfs("/").f_frsize * os.statvfs("/").f_blocks * 64
    server.put(PATH, CONTENT, cuts=[0])
    item = server.items[PATH]
    item.content = Huge(CONTENT, free)
    assert "has no room" in refused(server, target, most_bytes=2 * free)
    assert not target.exists() or target.stat().st_size == 0


class Huge(bytes):
    """Says that it is much longer than it is."""

    def __new__(cls, content: bytes, length: int) -> Huge:
        made = super().__new__(cls, content)
        made.length = length  # type: ignore[attr-defined]
        return made

    def __len__(self) -> int:
        return self.length  # type: ignore[attr-defined,no-any-return]

    def __getitem__(self, key: object) -> bytes:
        return self if key == slice(0, None) else super().__getitem__(key)  # type: ignore[call-overload,no-any-return]
