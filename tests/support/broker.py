"""A real Mosquitto for the tests: own configuration, free loopback port, nothing kept on disk."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

START_S = 10.0


class Broker:
    """One Mosquitto process on 127.0.0.1; a context manager that starts and stops it.

    Attributes:
        port: TCP port, the same after a restart.
        config: its configuration file; ``lines`` given at construction are appended.
    """

    def __init__(self, directory: Path, port: int = 0, *, lines: tuple[str, ...] = (), anonymous: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self.config = directory / "mosquitto.conf"
        self.log = directory / "mosquitto.log"
        self.lines = lines
        self.anonymous = anonymous
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        assert not self.running
        self._write_config()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([_executable(), "-c", str(self.config)], stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not _accepts(self.port):
            assert self._process.poll() is None, f"mosquitto ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same port; it has forgotten everything."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            if self.running:
                self._process.send_signal(how)
                self._process.send_signal(signal.SIGCONT)
            self._process.wait(START_S)
            self._process = None

    def _write_config(self) -> None:
        config = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if self.anonymous else 'false'}",
            "persistence false",
            "max_packet_size 65536",
            "max_inflight_messages 100",
            "max_queued_messages 20000",
            "log_type error",
            "log_type warning",
            *self.lines,
        ]
        if os.geteuid() == 0:
            config.append("user root")  # otherwise it drops to a user who cannot read a test's files
        self.config.write_text("\n".join(config) + "\n", "ascii")


def _executable() -> str:
    found = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert found is not None, "no mosquitto executable here"
    return found


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
