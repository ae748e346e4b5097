"""The service manager's watchdog: fed by what does the work, and by nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.page_box import PageBox

ROOT = Path(__file__).resolve().parents[2]
FED = b"WATCHDOG=1"
EVERY_S = 5.0
"""How often the page feeds."""


class Manager:
    """A service manager's end of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def heard(self, wanted: bytes, seconds: float) -> bool:
        """Wait until ``wanted`` is said, for so long at most."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if self._socket.recv(4096).startswith(wanted):
                    return True
            except TimeoutError:
                break
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
    yield made
    made.close()


def test_hq_tells_that_it_is_ready_and_goes_on_without_a_broker(tmp_path: Path, manager: Manager) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers there
        where = ["--host", "127.0.0.1", "--port", str(taken.getsockname()[1])]
        line = [sys.executable, "-m", "hq", "receive", *where, "--area", "demo", "--data", str(tmp_path / "data")]
        with subprocess.Popen(line, stderr=subprocess.DEVNULL) as hq:
            try:
                assert manager.heard(b"READY=1", 30)
                assert manager.heard(FED, 10)
                assert manager.heard(b"STATUS=broker 127.0.0.1", 10)
                assert manager.heard(FED, 10)
            finally:
                hq.terminate()


def test_a_page_whose_desk_is_stuck_is_not_kept_alive(tmp_path: Path, manager: Manager) -> None:
    with PageBox(tmp_path / "box", 'password_file = "passwords"') as box:
        box.account()
        box.start()
        assert manager.heard(FED, 30)
        assert manager.heard(FED, 2 * EVERY_S)
        lock = sqlite3.connect(box.site.store.desk_db, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")  # whoever writes the desk's log waits up to 10 s now
        visitor = threading.Thread(target=box.log_in)
        visitor.start()
        manager.heard(FED, 0.5)  # one may be on its way
        assert not manager.heard(FED, EVERY_S + 1.5)
        lock.execute("ROLLBACK")
        lock.close()
        visitor.join()
        assert manager.heard(FED, 2 * EVERY_S)


JOURNAL = """
import json, logging, os, socket, sys, threading
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("/run/notify")
os.environ.update(JOURNAL_STREAM="8:1", NOTIFY_SOCKET="/run/notify")
from agent import journal as ours
assert ours._daemon is not None, "the package is not used"
ours.start_logging("INFO", "commune-watch")
logging.getLogger("agent.watch").warning("camera %s is gone", "gate")
assert ours.notify("READY=1") is True
fields = journal.recv(65536).decode().splitlines()
print(json.dumps({"fields": fields, "notified": manager.recv(100).decode()}))
"""


def test_the_real_systemd_package_takes_logs_and_notes(tmp_path: Path) -> None:
    """In a /run of its own, where this test stands in for the journal."""
    system = shutil.which("python3", path="/usr/bin")
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or system is None or unshare is None:
        pytest.skip("needs root, /usr/bin/python3 and unshare")
    if subprocess.run([system, "-c", "import systemd.journal, systemd.daemon"], check=False, cwd="/").returncode:
        pytest.skip("python3-systemd is not installed for /usr/bin/python3")
    script = tmp_path / "journal.py"
    script.write_text(JOURNAL)
    inner = f"mount -t tmpfs tmpfs /run && exec {system} {script}"
    done = subprocess.run(
        [unshare, "--mount", "sh", "-c", inner],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no mount namespace of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert '"notified": "READY=1"' in done.stdout
    for field in ("MESSAGE=agent.watch: camera gate is gone", "PRIORITY=4", "SYSLOG_IDENTIFIER=commune-watch"):
        assert field in done.stdout
