"""An attempt to connect that neither succeeds nor fails: the loop goes on turning, the watchdog goes hungry."""

from __future__ import annotations

import gc
import socket
import subprocess
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.store.link_store import LinkStore
from agent.store.migrations import migrate
from agent.store.settings import StoreSettings
from agent.store.signing import signer_of
from agent.uplink.bulletin import Bulletin
from agent.uplink.link import Link
from agent.uplink.session import Session
from agent.uplink.settings import TlsSettings, UplinkSettings
from agent.uplink.shelf import Shelf


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A machine that takes connections and never says a word: a TLS handshake with it does not end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


def said(manager: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(manager.recv(1000).decode())
        except BlockingIOError:
            return words


def test_an_attempt_that_hangs_feeds_no_watchdog(tmp_path: Path, silent: socket.socket, manager: socket.socket) -> None:
    key, cert = tmp_path / "box.key", tmp_path / "box.pem"
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=box")
    line = ["openssl", "req", "-x509", *made, "-keyout", key, "-out", cert]
    subprocess.run(line, check=True, capture_output=True)
    clock = SimulatedClock()
    store = StoreSettings("box", tmp_path / "state")
    migrate(store)
    port = silent.getsockname()[1]
    settings = UplinkSettings("box", "demo", "127.0.0.1", port, TlsSettings(cert, cert, key))
    session, link_store, shelf = (
        Session(settings, clock),
        LinkStore(store, signer_of(store, "uplink"), clock),
        Shelf(store),
    )
    link = Link(settings, session, link_store, shelf, clock)
    bulletin = Bulletin(link, store.state_dir, tmp_path, settings.heartbeat_s, clock)
    for _ in range(2):
        link.turn()
        bulletin.turn()
    assert said(manager) == ["READY=1", "STATUS=connecting", "WATCHDOG=1"]
    clock.sleep(60)
    bulletin.turn()
    assert said(manager) == ["WATCHDOG=1"]
    clock.sleep(60)  # beyond every time-out of ours
    link.turn()
    bulletin.turn()
    assert said(manager) == []
    for part in (session, shelf, link_store):
        part.close()
    silent.close()  # the attempt fails now
    for thread in threading.enumerate():
        if thread.name == "dial":
            thread.join(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # paho leaves a socket that failed to the garbage collector
        del session, link, bulletin, part, thread
        gc.collect()
