"""The lab that all these tests share: machines that are booted once, and a transcript of what they went through."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.lab import places
from support.lab.lab import Lab
from support.lab.probe import reason_against
from support.lab.transcript import Transcript

TRANSCRIPT = pytest.StashKey[Transcript]()


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
    made = Transcript(file, lambda line: print(line, flush=True))
    request.config.stash[TRANSCRIPT] = made
    return made


@pytest.fixture(scope="session")
def lab(transcript: Transcript, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A site with its boxes, HQ, and the technician's laptop; two boxes with --long, else one."""
    keep = request.config.option.keep_lab
    with transcript.step("machines booted, the technician is let in everywhere") as results:
        running = Lab.start(2 if request.config.option.long else 1, transcript.say, kept=keep)
        results.append(f"{len(running.boxes)} box(es) and HQ")
    yield running
    if keep:
        transcript.say(f"the lab stays: {running.record.folder}; see: PYTHONPATH=tests python -m support.lab status")
    else:
        running.stop()
        transcript.say("machines, links and files are gone again")
