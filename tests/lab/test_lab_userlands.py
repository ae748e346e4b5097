"""Agent and HQ in the userlands of JetPack 6 and 7: Ubuntu's own Python, SQLite, systemd and Mosquitto."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.long

HERE = Path(__file__).resolve().parent
CANNOT = 77
SUITES = ("tests/unit", "tests/contract", "tests/walls", "tests/faults", "tests/process")
FACTS = """
import json, platform, sqlite3, subprocess, sys
import agent.journal, systemd.daemon
told = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
print(json.dumps({
    "python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "systemd": told.split()[1],
    "bindings": systemd.daemon.__file__, "venv": sys.prefix,
}))
"""
VERIFY = """
mkdir -p /opt/commune-agent/current
ln -s /venv /opt/commune-agent/current/venv
cp -r systemd /tmp/units
systemd-sysusers /tmp/units/sysusers.d/*.conf
systemd-tmpfiles --create /tmp/units/tmpfiles.d/*.conf
sed -i "$1" /tmp/units/commune-watch.service
systemd-analyze verify /tmp/units/*.service /tmp/units/*.target 2>&1
"""


@dataclass(frozen=True)
class Userland:
    """One Ubuntu.

    Attributes:
        suite: its name.
        python, sqlite, systemd: how the versions of what it ships begin.
    """

    suite: str
    python: str
    sqlite: str
    systemd: str

    def run(self, *words: str | Path, limit_s: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command on a clone of this checkout in it; skips the test where there is no such Ubuntu."""
        line = [HERE / "userland.sh", self.suite, *words]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=limit_s)
        if done.returncode == CANNOT:
            pytest.skip(done.stderr.strip().splitlines()[-1])
        return done


@pytest.fixture(
    params=[Userland("jammy", "3.10.", "3.37.", "249"), Userland("noble", "3.12.", "3.45.", "255")],
    ids=lambda userland: userland.suite,
)
def userland(request: pytest.FixtureRequest) -> Userland:
    return request.param


def test_this_is_what_jetpack_ships(userland: Userland) -> None:
    """Otherwise the other tests prove nothing."""
    done = userland.run("python", "-c", FACTS, limit_s=1800)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    print(f"\n{userland.suite}: {facts}")
    for name in ("python", "sqlite", "systemd"):
        assert facts[name].startswith(getattr(userland, name))
    assert facts["bindings"].startswith("/usr/lib/python3/")


@pytest.mark.parametrize(
    ("change", "told"),
    [("", ""), ("s/^RestartSec=.*/RestartSec=soon/", "soon"), ("s/^ExecStart=.*/ExecStart=nowhere/", "nowhere")],
    ids=["as they are", "a bad value", "a missing program"],
)
def test_its_systemd_has_nothing_against_the_units(userland: Userland, change: str, told: str) -> None:
    done = userland.run("sh", "-euc", VERIFY, "sh", change)
    if told:
        assert told in done.stdout
    else:
        assert (done.returncode, done.stdout) == (0, ""), done.stderr  # it says what it ignores, and ends well


@pytest.mark.parametrize("tests", SUITES)
def test_everything_passes_there(userland: Userland, tests: str, tmp_path: Path) -> None:
    pytest_ = ("python", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--junitxml=/out/report.xml", tests)
    done = userland.run("--out", tmp_path, *pytest_, limit_s=3600)
    report = ElementTree.parse(tmp_path / "report.xml").getroot()[0].attrib
    bad, skipped = int(report["failures"]) + int(report["errors"]), int(report["skipped"])
    passed = int(report["tests"]) - bad - skipped
    print(f"\n{userland.suite} {tests}: {passed} passed, {bad} failed, {skipped} skipped, {report['time']} s")
    why = done.stdout.partition("skipped, and why")[2].partition("short test summary")[0]
    print("\n".join(line for line in why.splitlines() if line.strip(" =")))
    assert done.returncode == 0, done.stdout[-20_000:]
    assert passed > 0


def test_the_demo_runs_from_nothing_but_python(userland: Userland) -> None:
    """./run installs what it needs from the archive and the package index, as on a new laptop."""
    done = userland.run("--bare", "./run", "demo", "--seconds", "60", limit_s=1200)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "installing mosquitto" in done.stderr
