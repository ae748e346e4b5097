"""The supervisor over real programs: it starts, restarts and stops them, and leaves none behind."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.broker import Broker
from support.commands import CAMERA, command, write_site
from support.stand import Stand, until

from agent import runtime
from agent.clock import SystemClock
from agent.runtime import WatchStatus

LOOPED = CAMERA.replace('url = "clip.mp4"', 'url = "clip.mp4"\nloop = true')


class Run:
    """``commune-agent run``; its output is in ``out``."""

    def __init__(self, site: Path, *words: str) -> None:
        self.out = site.parent / "run.out"
        with self.out.open("ab") as out:
            line = [sys.executable, "-m", "agent", "run", str(site), *words]
            self.process = subprocess.Popen(line, stdout=out, stderr=out, start_new_session=True)

    def children(self) -> dict[str, psutil.Process]:
        """The programs that run under it, by name."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it died while we looked
                words = child.cmdline()
                if "--supervised" in words:
                    found[words[words.index("agent") + 1]] = child
        return found

    def up(self, *names: str) -> dict[str, psutil.Process]:
        until(lambda: set(self.children()) == set(names), 30, f"{names} to run")
        return self.children()

    def tellers(self) -> set[str]:
        """Whose lines it has relayed."""
        return {line.partition("|")[0].strip() for line in self.text().splitlines() if " | " in line}

    def text(self) -> str:
        return self.out.read_text("utf-8", errors="replace")


@pytest.fixture
def started() -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        if run.process.poll() is None:
            for child in psutil.Process(run.process.pid).children():
                child.kill()
            run.process.kill()
            run.process.wait()


@pytest.mark.broker
def test_what_is_killed_comes_back_and_all_stop_together(tmp_path: Path, broker: Broker, started: list[Run]) -> None:
    site = write_site(tmp_path, broker.port, camera=LOOPED)
    run = Run(site)
    started.append(run)
    before = run.up("watch", "uplink", "page")
    until(lambda: run.tellers() == {"migrate", "watch", "uplink", "page"}, 60, "each program to log under its name")
    until(lambda: _healthy(tmp_path), 30, "the page to answer")
    until(lambda: "page: http://127.0.0.1:" in run.text(), 10, "the page's address")
    for name, child in before.items():
        child.kill()
        until(lambda name=name: name not in run.children(), 10, f"{name} to die")
    after = run.up("watch", "uplink", "page")
    assert {child.pid for child in before.values()} & {child.pid for child in after.values()} == set()
    until(lambda: _healthy(tmp_path), 30, "the page to answer again")
    assert "died (signal SIGKILL); starting it again in 1 s" in run.text()
    asked = time.monotonic()
    run.process.terminate()
    assert run.process.wait(15) == 0
    assert time.monotonic() - asked < 11
    assert not any(child.is_running() for child in after.values())


def test_its_own_death_leaves_no_program_behind(tmp_path: Path, started: list[Run]) -> None:
    run = Run(write_site(tmp_path, 1883), "--only", "page")
    started.append(run)
    page = run.up("page")["page"]
    until(lambda: _healthy(tmp_path), 30, "the page to answer")
    run.process.kill()
    run.process.wait()
    assert until(lambda: not page.is_running() or page.status() == psutil.STATUS_ZOMBIE, 10, "the page to stop")


def test_a_program_whose_supervisor_died_before_it_was_loaded_ends_at_once(tmp_path: Path) -> None:
    site = write_site(tmp_path, 1883)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    run = command("page", site, "--supervised", str(gone.pid))
    assert run.returncode == 1
    assert run.stderr == "commune-agent: the supervisor that started this program is gone\n"
    assert not (tmp_path / "runtime").exists()


def test_a_program_that_cannot_start_ends_it_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = command("run", write_site(tmp_path, 1883, port), "--only", "page")
    assert run.returncode == 2
    assert f"page    | commune-agent: page.port: {port} on 127.0.0.1 is taken" in run.stderr
    assert "page cannot start (exit code 2); stopping the others" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_store_that_cannot_be_made_ends_it(tmp_path: Path) -> None:
    site = write_site(tmp_path, 1883)
    (tmp_path / "state").write_text("in the way")
    run = command("run", site, "--only", "page")
    assert run.returncode == 6
    assert f"migrate | commune-agent: {tmp_path / 'state'}" in run.stderr


@pytest.mark.broker
def test_until_ended_waits_for_hq_and_says_when_it_did_not_come(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path / "box", broker.port)
    with Stand(tmp_path / "box", broker.port, site.read_text("utf-8")) as stand:
        lonely = command("run", site, "--only", "watch,uplink", "--until-ended", "--limit", "3")
        assert lonely.returncode == 1
        assert "HQ has not acknowledged everything in time" in lonely.stderr
        stand.hq()
        until((tmp_path / "box/hq/hq.db").exists, 30, "HQ to receive")
        run = command("run", site, "--only", "watch,uplink", "--until-ended")
        assert run.returncode == 0, run.stderr
        assert {"agent.start"} <= {event["kind"] for event in stand.at_hq()}


@pytest.mark.broker
def test_a_test_alert_names_the_hop_that_fails(tmp_path: Path, broker: Broker) -> None:
    site = write_site(tmp_path / "box", broker.port, camera=LOOPED)
    with Stand(tmp_path / "box", broker.port, site.read_text("utf-8")) as stand:
        assert _hop(stand.site) == (1, "watch", "is not running")
        watch = stand.agent("watch")
        until(lambda: (tmp_path / "box/runtime/watch.json").exists(), 30, "watch to run")
        assert _hop(stand.site) == (1, "uplink", "is not running")
        stand.agent("uplink")
        until(lambda: _linked(stand.site.parent), 30, "the uplink to connect")
        assert _hop(stand.site) == (1, "hq", "its receiver is not connected to the broker")
        hq = stand.hq()
        code, hop, detail = _hop(stand.site, "30")
        assert (code, hop, detail) == (0, "hq", "acknowledged"), watch.text() + hq.text()
        until(lambda: len(stand.at_hq("test.alert")) == 3, 30, "all three test alerts at HQ")
        broker.kill()
        until(lambda: not _linked(stand.site.parent), 60, "the uplink to notice")
        code, hop, _ = _hop(stand.site)
        assert (code, hop) == (1, "broker")


@pytest.mark.parametrize("hidden", ["runtime", "state/ask"])
def test_a_test_alert_of_another_user_is_told_whose_box_it_is(tmp_path: Path, hidden: str) -> None:
    site = write_site(tmp_path, 1883)
    now = SystemClock().now()
    runtime.make_private(tmp_path / "runtime")
    runtime.write_status(
        tmp_path / "runtime", "watch", WatchStatus(now.mono_us, now.utc_us, "synced", (), "blind", 0.0)
    )
    (tmp_path / "state/ask").mkdir(parents=True)
    (tmp_path / hidden).chmod(0)
    try:
        run = powerless("test-alert", site)
    finally:
        (tmp_path / hidden).chmod(0o700)
    place = tmp_path / ("runtime/watch.json" if hidden == "runtime" else "state/ask/watch")
    owner = pwd.getpwuid(os.getuid()).pw_name
    told = f"{place} may not be used by this user; run it with sudo, or as the user that runs the box (owner {owner})"
    assert told in run.stdout + run.stderr
    assert "not running" not in run.stdout
    assert "Traceback" not in run.stderr
    assert run.returncode != 0


def powerless(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command for which file modes count, which they do not for root."""
    caps = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    line = [*caps, sys.executable, "-m", "agent", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


def _hop(site: Path, timeout_s: str = "3") -> tuple[int, str, str]:
    run = command("test-alert", site, "--timeout", timeout_s, "--json")
    assert run.stderr == ""
    told = json.loads(run.stdout)
    return run.returncode, told["hop"], told["detail"]


def _linked(folder: Path) -> bool:
    path = folder / "runtime/uplink.json"
    return path.exists() and json.loads(path.read_text())["state"] == "connected"


def _healthy(folder: Path) -> bool:
    try:
        url = json.loads((folder / "runtime/page.json").read_text())["url"]
        with urllib.request.urlopen(f"{url}healthz", timeout=2) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False
