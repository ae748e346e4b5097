"""A box and its HQ as separate programs, and a look into HQ's database that shares no code with either."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

AREA, BOX = "test", "box-1"

HEAD = """\
[box]
id = "box-1"
name = "Test box"
area = "test"
state_dir = "state"
runtime_dir = "runtime"

[uplink]
host = "127.0.0.1"
port = {broker_port}

[page]
port = {page_port}

[detector]
card = "{card}"
{model}
"""


def head(broker_port: int, page_port: int, card: str = "demo", model: Path | None = None) -> str:
    """The part of site.toml that comes before the cameras."""
    line = "" if model is None else f"model = {json.dumps(str(model))}"
    return HEAD.format(broker_port=broker_port, page_port=page_port, card=card, model=line)


def until(condition: Callable[[], object], seconds: float, what: str) -> Any:
    """Wait until ``condition`` gives something true, and give it; fail saying ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while not (got := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return got


class Program:
    """One of our programs, running; its standard error is in ``log``."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", *words], stdout=out, stderr=out, start_new_session=True
            )

    def kill(self) -> None:
        """End it as a power cut does."""
        self.child.kill()
        self.child.wait()

    def stop(self, seconds: float = 15) -> int:
        """Ask it to stop and give its exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(seconds)

    def text(self) -> str:
        """All it has logged so far."""
        return self.log.read_text("utf-8", errors="replace")


class Stand:
    """A folder with a site, its store, and an HQ; whatever was started is killed at the end."""

    def __init__(self, folder: Path, broker_port: int, site: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.site = folder / "site.toml"
        self.site.write_text(site, "utf-8")
        self.data = folder / "hq"
        self._broker_port = broker_port
        self._programs: list[Program] = []

    def __enter__(self) -> Stand:
        self.call("agent", "migrate", str(self.site))
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs:
            if program.child.poll() is None:
                program.kill()

    def call(self, *words: str) -> str:
        """Run a command to its end and give what it printed; fail if it failed."""
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words} exited {done.returncode}: {done.stderr[-2000:]}"
        return done.stdout

    def start(self, name: str) -> Program:
        """Start the program of this name: ``hq`` or one of the box's."""
        return self.hq() if name == "hq" else self.agent(name)

    def agent(self, command: str, *more: str) -> Program:
        """Start ``run``, ``watch``, ``uplink`` or ``page``."""
        return self._keep(Program(self.folder, command, "agent", command, str(self.site), *more))

    def hq(self) -> Program:
        """Start the receiver."""
        words = ["receive", "--host", "127.0.0.1", "--port", str(self._broker_port), "--area", AREA]
        return self._keep(Program(self.folder, "hq", "hq", *words, "--data", str(self.data)))

    def _keep(self, program: Program) -> Program:
        self._programs.append(program)
        return program

    def at_hq(self, kind: str = "%") -> list[dict[str, Any]]:
        """Every event body that HQ has committed, in order of its seq."""
        rows = self._ask("SELECT body FROM events WHERE kind LIKE ? ORDER BY stream, seq", kind)
        return [json.loads(row[0]) for row in rows]

    def pictures(self) -> dict[str, Path]:
        """Every thumbnail filed at HQ, by SHA-256."""
        return {sha: self.data / path for sha, path in self._ask("SELECT sha256, path FROM images WHERE path <> ''")}

    def committed(self) -> list[str]:
        """Ids of every event in the box's log of alerts."""
        with sqlite3.connect(f"file:{self.folder / 'state' / 'watch.db'}?mode=ro", uri=True) as store:
            return [row[0] for row in store.execute("SELECT event_id FROM log_a")]

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        path = self.data / "hq.db"
        if not path.exists():
            return []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # before the receiver has made its tables
            return []
        finally:
            connection.close()
