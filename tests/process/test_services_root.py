"""A technician with sudo beside programs that run as a user of their own: what root's commands make is that user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import command, write_site
from support.powers import STRANGER, Service, as_stranger
from support.stand import until

from agent.cli.page_probe import running_page
from agent.clock import SystemClock
from agent.runtime import drop_ask

MODEL = Path(__file__).resolve().parents[2] / "models/demo.onnx"
LOOPED = 'loop = true\npace = "source"\n'


class Box:
    """A box whose state and runtime directories belong to ``STRANGER``; its site.toml is root's."""

    def __init__(self, folder: Path) -> None:
        before = as_stranger()
        self.folder = folder
        self.site = write_site(folder, 1883)
        self.site.write_text(self.site.read_text("utf-8").replace('url = "clip.mp4"\n', f'url = "clip.mp4"\n{LOOPED}'))
        for name in ("state", "runtime"):
            (folder / name).mkdir(mode=0o750)
            os.chown(folder / name, STRANGER, STRANGER)
        self._before = before

    def program(self, name: str) -> Service:
        """Start a program as the box's user."""
        return Service(self.folder / f"{name}.log", self._before, {}, name, self.site)

    def foreign(self) -> list[Path]:
        """Give what does not belong to the box's user."""
        return [path for name in ("state", "runtime") for path in (self.folder / name).rglob("*") if not _is_his(path)]


def _is_his(path: Path) -> bool:
    try:
        return path.lstat().st_uid == path.lstat().st_gid == STRANGER
    except FileNotFoundError:  # of a running program, and gone by now
        return True


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may pass through, as /var/lib is; that of a test lies behind closed ones."""
    with tempfile.TemporaryDirectory(prefix="commune-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def box(place: Path) -> Box:
    made = Box(place)
    with made.program("migrate") as migrate:
        assert migrate.ended() == 0, migrate.text
    return made


def run_closed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as root whose new files would be for root alone."""
    line = [sys.executable, "-m", "agent", *map(str, words)]
    return subprocess.run(
        line, capture_output=True, text=True, check=False, timeout=120, preexec_fn=lambda: os.umask(0o077)
    )


def test_roots_commands_work_and_leave_nothing_of_roots(box: Box, place: Path) -> None:
    with box.program("watch") as watch:
        until(lambda: (place / "runtime/watch.json").exists(), 60, f"watch runs: {watch.text}")
        alert = run_closed("test-alert", box.site, "--timeout", "1")
        assert "watch: recorded as event" in alert.stdout, alert.stdout + alert.stderr + watch.text
        assert "FAILED at uplink: is not running" in alert.stdout
        assert list((place / "state/ask/watch").iterdir()) == []
        assert run_closed("events", box.site, "list").stdout.count("test.alert") == 1
        assert run_closed("still", "gate", "--config", box.site, "-o", place / "still.jpg").returncode == 0
        assert run_closed("check", box.site).returncode in (0, 1)
        assert watch.stop() == 0, watch.text
    # Nobody writes now: reading makes SQLite's side files anew.
    assert run_closed("events", box.site, "list", "--limit", "1").returncode == 0
    assert run_closed("register", box.site).returncode == 0
    assert box.foreign() == []
    with box.program("watch") as watch:
        started = "agent.start"
        until(
            lambda: run_closed("events", box.site, "list", "--stream", "w").stdout.count(started) == 2, 60, watch.text
        )
        assert watch.stop() == 0, watch.text


@pytest.mark.parametrize("made", [True, False], ids=["folder", "no folder yet"])
def test_a_request_that_root_leaves_is_the_programs_own(place: Path, made: bool) -> None:
    as_stranger()  # as root only
    folder = place / "ask"
    (folder if made else place).mkdir(exist_ok=True)
    os.chown(folder if made else place, STRANGER, STRANGER)
    before = os.umask(0o077)
    try:
        drop_ask(folder, "test_alert", SystemClock().now())
    finally:
        os.umask(before)
    (request,) = folder.iterdir()
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (folder, request)] == [(STRANGER, STRANGER)] * 2
    assert (os.geteuid(), os.getegid()) == (0, 0)


@pytest.fixture
def model(place: Path) -> Path:
    """A model file as it came from a stick: root's alone."""
    file = place / "brought.onnx"
    shutil.copy(MODEL, file)
    file.chmod(0o600)
    return file


def test_a_model_that_root_adds_is_the_boxs(box: Box, model: Path, place: Path) -> None:
    added = run_closed("model", "add", model, "--card", "demo", "--config", box.site)
    assert added.returncode == 0, added.stderr
    assert (place / "state/models/demo.onnx").read_bytes() == model.read_bytes()
    assert box.foreign() == []


def test_a_model_that_root_pulls_is_the_boxs_with_its_lock(box: Box, model: Path, place: Path) -> None:
    words = ("model", "pull", "demo", "--yes", "--from", model.parent, "--config", box.site)
    pulled = run_closed(*words)
    assert pulled.returncode == 0, pulled.stderr
    models = place / "state/models"
    assert {path.name for path in models.iterdir()} == {"demo.onnx", "demo.onnx.json", "models.lock.json"}
    assert box.foreign() == []


def test_root_falls_into_no_trap_in_the_boxs_folders(box: Box, model: Path, place: Path) -> None:
    victim = place / "passwd"
    victim.write_text("root:x:0:0")
    victim.chmod(0o644)
    models = place / "state/models"
    models.mkdir()
    os.chown(models, STRANGER, STRANGER)
    (models / "demo.onnx.part").symlink_to(victim)
    added = run_closed("model", "add", model, "--card", "demo", "--config", box.site)
    assert victim.read_text() == "root:x:0:0"
    assert added.returncode == 5
    assert "cannot be written" in added.stderr


@pytest.mark.parametrize(
    ("name", "service"),
    [("migrate", "commune-migrate"), ("watch", "commune-watch"), ("page", "commune-page"), ("run", "commune.target")],
)
def test_root_is_told_to_start_the_service_instead(box: Box, name: str, service: str) -> None:
    told = command(name, box.site)
    assert told.returncode == 6
    assert f"belongs to {STRANGER}" in told.stderr
    assert f"systemctl start {service}" in told.stderr
    assert box.foreign() == []


def test_a_box_of_roots_own_is_roots_to_run(tmp_path: Path) -> None:
    as_stranger()  # as root only
    site = write_site(tmp_path, 1883)
    assert command("migrate", site).returncode == 0


def test_the_owner_of_the_accounts_stays_their_owner(box: Box, place: Path) -> None:
    folder = place / "secrets"
    folder.mkdir(mode=0o700)
    os.chown(folder, STRANGER, STRANGER)
    text = box.site.read_text("utf-8").replace("[page]", '[page]\npassword_file = "secrets/page.passwords"')
    box.site.write_text(text, "utf-8")
    for user in ("lan", "minh"):
        assert command("password", box.site, user, "--stdin", given="mot hai ba bon nam\n").returncode == 0
    assert (folder / "page.passwords").stat().st_uid == STRANGER


def test_a_new_password_says_when_the_page_will_know_it(box: Box, place: Path) -> None:
    text = box.site.read_text("utf-8").replace("[page]", '[page]\npassword_file = "secrets/page.passwords"')
    box.site.write_text(text, "utf-8")
    (place / "handed").mkdir()

    def password(user: str) -> str:
        return command("password", box.site, user, "--stdin", given="mot hai ba bon nam\n").stdout

    (place / "secrets").mkdir(mode=0o700)
    os.chown(place / "secrets", STRANGER, STRANGER)
    assert "restart" not in password("lan")
    shutil.copy(place / "secrets/page.passwords", place / "handed")
    for handed, told in (({}, False), ({"CREDENTIALS_DIRECTORY": str(place / "handed")}, True)):
        with Service(place / "page.log", as_stranger(), handed, "page", box.site) as page:
            until(lambda: (place / "runtime/page.json").exists(), 60, f"the page listens: {page.text}")
            until(lambda: running_page(place / "runtime"), 30, "the page answers")
            assert ("systemctl restart commune-page" in password("minh")) == told
            assert page.stop() == 0
