"""Have an engine built by a process of its own, watch over it, and take what it made."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from agent.detect.trt.builder import BuildCancelled
from agent.errors import BackendMissing, ModelError
from agent.owner import as_owner

CANCELLED = 3
"""With this code the builder ends that was told to stop."""

_TELL_S = 1.0
_GRACE_S = 12.0
_WORKER = "agent.detect.trt.worker"


class Stop(Protocol):
    """Set when the engine is no longer wanted; a ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Tell whether it is."""
        ...

    def wait(self, timeout: float) -> bool:
        """Wait for it so many seconds at most; tell whether it is set."""
        ...


@dataclass(frozen=True, slots=True)
class BuildNews:
    """How a build goes.

    Attributes:
        phase: what TensorRT does, in its words; empty before it begins.
        share: of that phase, 0..1.
        running_s: since the build began.
        last_s: how long the last build on this box took; None before the first.
    """

    phase: str
    share: float
    running_s: float
    last_s: float | None

    def __str__(self) -> str:
        usual = f", {round(self.last_s / 60) or 1} min last time" if self.last_s is not None else ""
        what = f"{self.phase or 'starting'} {self.share:.0%}"
        return f"{what}, {int(self.running_s) // 60} min {int(self.running_s) % 60:02} s{usual}"


Told = Callable[[BuildNews], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What shall be built, and into which files.

    Attributes:
        model: the ONNX file.
        sha256: of it.
        batch: the most pictures a call.
        workspace_bytes: scratch memory a layer may take.
        plan: where the plan goes; written anew.
        timing: where the new timing cache goes; written anew.
        old_timing: where the old one lies, if there is one.
    """

    model: Path
    sha256: str
    batch: int
    workspace_bytes: int
    plan: Path
    timing: Path
    old_timing: Path


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it.

    Attributes:
        sha256: of the plan.
        build_s: how long it took.
        said: the last warnings and errors of TensorRT.
    """

    sha256: str
    build_s: float
    said: list[str]


def construct(job: Job, told: Told, stop: Stop, last_s: float | None, python: str = sys.executable) -> Made:
    """Build; takes minutes. What is written is synced, and nobody's yet: the caller renames it.

    Args:
        job: what to build.
        told: hears how far it is, at least once a second.
        stop: ends the build.
        last_s: how long it took the last time, for ``told``.
        python: the interpreter of the process.

    Raises:
        BuildCancelled: it was stopped.
        ModelError: no engine can be built from this model here.
        BackendMissing: TensorRT is not to be had here.
    """
    began = time.monotonic()
    with _started(job, python) as (child, lines, errors):
        news = BuildNews("", 0.0, 0.0, last_s)
        end: dict[str, Any] = {}
        told(news)
        while (line := _next(lines)) is not None:
            if stop.is_set():
                raise BuildCancelled("the build of the engine was stopped")
            if "phase" in line:
                news = BuildNews(line["phase"], line["share"], 0.0, last_s)
            elif line:
                end = line
            told(BuildNews(news.phase, news.share, time.monotonic() - began, last_s))
        code = child.wait()
        if "built" in end and code == 0:
            return Made(end["built"], end["build_s"], end["said"])
        # A service manager tells all processes of a unit to stop; ours may hear of it after the builder has ended.
        if stop.is_set() or (code == CANCELLED and stop.wait(_TELL_S)):
            raise BuildCancelled("the build of the engine was stopped")
        raise _failure(job, code, end, errors)


@contextmanager
def _started(
    job: Job, python: str
) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[dict[str, Any] | None], IO[bytes]]]:
    """Start the process in a session of its own, so that Ctrl-C reaches us alone; it never outlives this."""
    with ExitStack() as files:
        with as_owner(job.plan.parent):
            plan, timing = (files.enter_context(path.open("wb")) for path in (job.plan, job.timing))
            try:
                old = files.enter_context(job.old_timing.open("rb")).fileno()
            except OSError:
                old = -1
        errors = files.enter_context(tempfile.TemporaryFile())
        # Root runs the builder as root: the box's user may have no right to the GPU in this shell.
        child = subprocess.Popen(
            [python, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            pass_fds=[handle for handle in (plan.fileno(), timing.fileno(), old) if handle >= 0],
            cwd=Path(__file__).resolve().parents[3],
        )
        try:
            assert child.stdin is not None  # pipes, as asked for
            assert child.stdout is not None
            order = _order(job) | {"plan_fd": plan.fileno(), "timing_fd": timing.fileno(), "old_timing_fd": old}
            with contextlib.suppress(BrokenPipeError):  # it ended at once: its code tells why
                child.stdin.write(json.dumps(order) + "\n")
                child.stdin.flush()
            lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
            threading.Thread(target=_pass_on, args=(child.stdout, lines), daemon=True).start()
            yield child, lines, errors
        finally:
            _end(child)


def _order(job: Job) -> dict[str, Any]:
    return {
        "model": str(job.model.resolve()),
        "sha256": job.sha256,
        "batch": job.batch,
        "workspace_bytes": job.workspace_bytes,
    }


def _pass_on(out: IO[str], lines: queue.Queue[dict[str, Any] | None]) -> None:
    with contextlib.suppress(ValueError):  # closed: the build was given up
        for line in out:
            lines.put(json.loads(line))
    lines.put(None)


def _next(lines: queue.Queue[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Give the next line; an empty one when none came within a second, None at the end."""
    try:
        return lines.get(timeout=_TELL_S)
    except queue.Empty:
        return {}


def _end(child: subprocess.Popen[str]) -> None:
    """End the process, kindly first; one that has ended already is only buried."""
    with contextlib.suppress(OSError):
        assert child.stdin is not None
        child.stdin.close()
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def _failure(job: Job, code: int, end: dict[str, Any], errors: IO[bytes]) -> Exception:
    if end.get("failed") == "backend":
        return BackendMissing("tensorrt", end["reason"])
    if end.get("failed") == "model":
        return ModelError(str(job.model), end["reason"])
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - 2000))
    last = errors.read().decode("utf-8", "replace").strip().splitlines()
    said = f": {last[-1][:300]}" if last else ""
    if code == -signal.SIGKILL:
        remedy = "most likely memory ran out: stop commune-watch and add swap (docs/guide/tensorrt.md)"
        return ModelError(str(job.model), f"the process that built its engine was killed{said}; {remedy}")
    if code == CANCELLED:
        return ModelError(str(job.model), "the process that built its engine was told to stop by somebody; try again")
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
    return ModelError(str(job.model), f"the process that built its engine ended {how}{said}; try again")
