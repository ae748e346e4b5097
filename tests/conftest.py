"""Fixtures every kind of test shares, the seeded-slice switch, and the table of what was skipped and why."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("here", deadline=None)  # a busy machine is slow, not wrong
hypothesis.settings.load_profile("here")

ROOT = Path(__file__).resolve().parent.parent
REAL = Path(os.environ.get("COMMUNE_REAL", ROOT.parent / "shared" / "real"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long suites whole, not a seeded slice of them")
    parser.addoption("--seed", type=int, default=None, help="seed of the random suites (default: drawn and printed)")
    parser.addoption("--require", default="", help="comma-separated marks (real,lab,...) of which no test may skip")
    parser.addoption("--keep-lab", action="store_true", help="leave the lab's machines running, to look inside")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(10**6)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed {config.option.seed} (repeat with --seed {config.option.seed}); real material: {REAL}"


def required(config: pytest.Config) -> set[str]:
    """The marks of which no test may skip."""
    return set(filter(None, config.option.require.split(",")))


def left_out(item: pytest.Item) -> bool:
    """Whether a test is of a long suite of which only the slice was asked for."""
    return item.get_closest_marker("long") is not None and not item.config.option.long


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = required(config) - {mark.name for item in items if not left_out(item) for mark in item.iter_markers()}
    if absent:
        raise pytest.UsageError(f"--require {','.join(sorted(absent))}: no selected test carries that mark")
    for item in items:
        if left_out(item):
            item.add_marker(pytest.mark.skip(reason="long suite: run with --long"))
        if item.get_closest_marker("jetson") and not Path("/etc/nv_tegra_release").exists():
            item.add_marker(pytest.mark.skip(reason="no Jetson here"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    marks = required(item.config) & {mark.name for mark in item.iter_markers()}
    if report.skipped and marks and not left_out(item):
        report.outcome = "failed"
        report.longrepr = f"skipped although --require {','.join(sorted(marks))}: {_reason(report)}"


def pytest_terminal_summary(terminalreporter) -> None:
    skips = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not skips:
        terminalreporter.write_line("skipped: nothing")
        return
    terminalreporter.section("skipped, and why")
    for reason, count in skips.most_common():
        terminalreporter.write_line(f"{count:5d}  {reason}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real detectors, clips and images."""
    if not REAL.is_dir():
        pytest.skip(f"no real material at {REAL} (set COMMUNE_REAL)")
    return REAL


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The run's seed, printed in the header."""
    return request.config.option.seed


@pytest.fixture
def long_run(request: pytest.FixtureRequest) -> bool:
    """Whether the long suites run whole."""
    return request.config.option.long


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def mosquitto() -> None:
    """Makes sure that there is a Mosquitto to run."""
    if shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
        pytest.skip("no mosquitto executable here")


@pytest.fixture
def broker(tmp_path: Path, mosquitto: None):
    """A real Mosquitto on a free loopback port."""
    from support.broker import Broker

    with Broker(tmp_path / "broker") as running:
        yield running
