"""The lab that all these tests share: machines that are booted once, and a transcript of what they went through."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from support.lab import places
from support.lab.lab import Lab
from support.lab.office import Office, Play
from support.lab.probe import reason_against
from support.lab.service import BOX_SERVICES, Service
from support.lab.shell import LabError
from support.lab.site import draw_zones, survey
from support.lab.stick import bundle
from support.lab.transcript import Transcript

TRANSCRIPT = pytest.StashKey[Transcript]()


class Silenced(NamedTuple):
    """A service that was made to hang: which process of it, and when (monotonic seconds)."""

    service: Service
    pid: int
    at_s: float


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    transcript = config.stash.get(TRANSCRIPT, None)
    if transcript is not None:
        terminalreporter.section("what the lab went through")
        for line in transcript.lines:
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"kept in {transcript.file}")


@pytest.fixture(scope="session")
def machine_room() -> None:
    """Makes sure that this machine can run the lab."""
    reason = reason_against()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def transcript(machine_room: None, request: pytest.FixtureRequest) -> Transcript:
    """Takes what happens; shown live under -s, and always at the end."""
    file = places.cache() / "transcripts" / time.strftime("%Y%m%d-%H%M%S.txt")
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    live = request.config.option.capture == "no"

    def tell(line: str) -> None:
        if live:
            reporter.ensure_newline()
            reporter.write_line(line)

    made = Transcript(file, tell)
    request.config.stash[TRANSCRIPT] = made
    return made


@pytest.fixture(scope="session")
def building(transcript: Transcript) -> Iterator[Future[Path]]:
    """The offline bundle while it is being built, beside whatever else goes on."""
    with tempfile.TemporaryDirectory(dir=places.cache(), prefix="bundle-") as folder, ThreadPoolExecutor(1) as pool:

        def build() -> Path:
            with transcript.step("bundle built (beside the other steps)") as results:
                made = bundle(Path(folder))
                results.append(made.name)
            return made

        yield pool.submit(build)


@pytest.fixture(scope="session")
def stick(building: Future[Path], lab: Lab) -> Path:
    """The offline bundle; one that was built for this lab lies in its folder, and goes with it."""
    made = building.result()
    if os.environ.get("COMMUNE_BUNDLE"):
        return made
    return made.rename(lab.record.folder / made.name)


@pytest.fixture(scope="session")
def lab(building: Future[Path], transcript: Transcript, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A site with its boxes, HQ, and the technician's laptop; two boxes with --long, else one."""
    keep = request.config.option.keep_lab
    with transcript.step("machines booted, the technician is let in everywhere") as results:
        running = Lab.start(2 if request.config.option.long else 1, transcript.say, kept=keep)
        results.append(f"{len(running.boxes)} box(es) and HQ")
    yield running
    if keep:
        transcript.say(f"the lab stays: {running.record.folder}; how to look inside: docs/guide/lab.md")
    else:
        running.stop()
        transcript.say("machines, links and files are gone again")


@pytest.fixture(scope="session")
def office(lab: Lab, stick: Path, transcript: Transcript) -> Office:
    """The technician's working folder: authority, survey sheet, sites with their zones, inventory."""
    opened = Office(lab, stick)
    with transcript.step("authority made, survey sheet turned into sites and inventory, zones drawn"):
        opened.open(survey(lab))
        for box in lab.boxes:
            draw_zones(opened.site(box.place.name))
        opened.command("site", "check", opened.folder)
    return opened


@pytest.fixture(scope="session")
def installed(office: Office, lab: Lab, transcript: Transcript) -> Office:
    """HQ and the boxes after their first plays."""
    for name in ("hq.yml", "site.yml"):
        with transcript.step(f"first play of {name}, over SSH, no route out") as results:
            results.append(f"changed: {played(office, name).changed}")
    return office


@pytest.fixture(scope="session")
def settled(installed: Office, transcript: Transcript, request: pytest.FixtureRequest) -> Office:
    """The same after a second run of the plays, when nothing more will be changed; in the slice of the boxes' alone."""
    for name in ("hq.yml", "site.yml") if request.config.option.long else ("site.yml",):
        with transcript.step(f"second play of {name}") as results:
            play = played(installed, name)
            results.append(f"changed: {play.changed}")
        if any(play.changed.values()):
            pytest.fail(f"the second play of {name} changed something: {play.changes()}", pytrace=False)
    return installed


def played(office: Office, name: str) -> Play:
    """Run a playbook; where it fails every test that needs it says so in few words."""
    try:
        return office.play(name)
    except LabError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def silenced(settled: Office, lab: Lab, request: pytest.FixtureRequest, transcript: Transcript) -> list[Silenced]:
    """Services that have stopped answering without ending; in the slice page alone, which the others do not need."""
    all_of_them = request.config.option.long
    services = [Service(lab.boxes[0], f"commune-{name}") for name in (BOX_SERVICES if all_of_them else ("page",))]
    services += [Service(lab.hq, "commune-hq")] if all_of_them else []
    names = ", ".join(service.unit for service in services)
    transcript.say(f"from here on silent, as if they hung (SIGSTOP): {names}")
    return [Silenced(service, service.kill(signal.SIGSTOP), time.monotonic()) for service in services]


@pytest.fixture(scope="session")
def beside_a_silent_page(request: pytest.FixtureRequest) -> None:
    """In the slice the watchdog's minute passes beside the other tests."""
    if not request.config.option.long:
        request.getfixturevalue("silenced")
