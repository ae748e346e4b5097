"""Fetch a file over a line that breaks: it goes on from where it stopped, in this run or a later one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.detect.fetch.part import Part
from agent.detect.fetch.web import SILENCE_S, Answer, Interrupted, StartOver, asked
from agent.detect.modelfile import head_fault
from agent.errors import ModelError

MOST_BYTES = 512 << 20
"""No detector for a box is larger; what goes on for longer is something else."""

_CHUNK_BYTES = 1 << 16
_TRIES = 5
_HEAD_BYTES = 512


class Progress(Protocol):
    """Is told how far a download is."""

    def moved(self, done: int, total: int | None) -> None:
        """So many bytes of so many are here; None where the server does not tell."""
        ...


def download(
    url: str,
    target: Path,
    progress: Progress,
    *,
    most_bytes: int = MOST_BYTES,
    silence_s: float = SILENCE_S,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Fetch ``url`` into ``target``, which is complete when this returns; its digest is the caller's business.

    Args:
        url: https.
        target: where the file grows; what an earlier run left there is gone on with if it is of the same version.
        progress: is told.
        most_bytes: more is refused.
        silence_s: a server that says nothing for so long is asked anew.
        wait: seconds between tries.

    Raises:
        ModelError: it is not to be had, no model, too large, cut off again and again, or the disk is full.
    """
    part, failures = Part(target, url), 0
    while True:
        before = part.size
        try:
            _go_on(part, url, progress, most_bytes, silence_s)
            return
        except StartOver:
            part.discard()
            failures += 1
            problem = "the file changes while it is fetched"
        except Interrupted as interruption:
            failures = 1 if part.size > before else failures + 1
            problem = str(interruption)
        if failures >= _TRIES:
            here = f"{part.size} bytes are here; run the command again to go on from there"
            raise ModelError(url, f"was cut off {_TRIES} times in a row ({problem}); {here}")
        wait(2.0 ** (failures - 1))


def _go_on(part: Part, url: str, progress: Progress, most_bytes: int, silence_s: float) -> None:
    tag = part.tag
    with asked(url, part.size if tag else 0, tag, silence_s) as answer:
        if (answer.total or 0) > most_bytes:
            raise _too_large(url, most_bytes)
        with part.taking(answer) as file:
            done = answer.start
            progress.moved(done, answer.total)
            while chunk := _read(answer, url, done):
                done += len(chunk)
                if done > most_bytes:
                    raise _too_large(url, most_bytes)
                with part.explained():
                    file.write(chunk)
                progress.moved(done, answer.total)
    if answer.total is not None and done != answer.total:
        raise Interrupted(f"the connection ended after {done} of {answer.total} bytes")


def _read(answer: Answer, url: str, done: int) -> bytes:
    """Give the next bytes; the file's first are enough to know what is plainly no model."""
    chunk = answer.read(_CHUNK_BYTES)
    while done == 0 and chunk and len(chunk) < _HEAD_BYTES and (more := answer.read(_CHUNK_BYTES)):
        chunk += more
    if done == 0 and chunk and (fault := head_fault(chunk[:_HEAD_BYTES])):
        raise ModelError(url, fault)
    return chunk


def _too_large(url: str, most_bytes: int) -> ModelError:
    return ModelError(url, f"is larger than {most_bytes >> 20} MiB; no detector for a box is")
