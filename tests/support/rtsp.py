"""Run the RTSP test camera as the separate program a real camera is."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

PROGRAM = Path(__file__).with_name("rtsp_server.py")


class RtspServer:
    """An RTSP camera on a loopback port that stays the same over restarts.

    Args:
        clip: H.264 mp4 to play for ever.
        port: or 0 to pick a free one.
        password: ``user:password`` that clients must give, or empty.
        auth: ``digest`` or ``basic``.
        once: close the connection at the clip's end instead of playing on.
    """

    def __init__(
        self, clip: Path, *, port: int = 0, password: str = "", auth: str = "digest", once: bool = False
    ) -> None:
        self.port = port or _free_port()
        options = ["--password", password, "--auth", auth, *(["--once"] if once else [])]
        self._command = [sys.executable, str(PROGRAM), str(clip), str(self.port), *options]
        self._program: subprocess.Popen[str] | None = None
        self._stalled = False

    @property
    def url(self) -> str:
        """Where the stream is, without credentials."""
        return f"rtsp://127.0.0.1:{self.port}/cam"

    def start(self) -> None:
        """Start and wait until it listens."""
        self._program = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._program.stdout is not None
        line = self._program.stdout.readline().strip()
        if line != "ready":
            self.stop()
            raise RuntimeError(f"the RTSP test server did not start: {line!r}")
        self._stalled = False

    def stop(self) -> None:
        """Kill it, as a power cut does; connections break at once."""
        if self._program is None:
            return
        self._program.kill()
        self._program.wait()
        assert self._program.stdout is not None
        self._program.stdout.close()
        self._program = None

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.stop()
        self.start()

    def stall(self) -> None:
        """Keep connections open and send no picture."""
        self._toggle(stalled=True)

    def resume(self) -> None:
        """End a stall; what is overdue comes in one burst."""
        self._toggle(stalled=False)

    def freeze(self) -> None:
        """Stop the whole program, as a hung camera: connections are accepted by the kernel, nothing answers."""
        self._signal(signal.SIGSTOP)

    def _toggle(self, *, stalled: bool) -> None:
        if stalled != self._stalled:
            self._signal(signal.SIGUSR1)
            self._stalled = stalled

    def _signal(self, number: signal.Signals) -> None:
        assert self._program is not None, "not started"
        self._program.send_signal(number)

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
