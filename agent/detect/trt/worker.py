"""The process in which an engine is built: last in line for CPU and disk, first to go when memory runs out.

    python -m agent.detect.trt.worker   (started by ``construction``)

Reads one line of JSON, its order, from stdin, and writes lines of JSON to stdout: how far it is, then ``built`` or
``failed``. It touches no path but the model's: plan and timing cache go into files that were opened for it. It stops on
SIGTERM, and when stdin ends because whoever wanted the engine is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from agent.detect.tensorrt import load_tensorrt
from agent.detect.trt.builder import BuildCancelled, Plan, Terms, build
from agent.detect.trt.construction import CANCELLED
from agent.detect.trt.monitor import Progress
from agent.errors import BackendMissing, ModelError

_GRACE_S = 8.0
"""After this a build that hears no request to stop (TensorRT may be long between two steps) is ended hard."""

_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}  # syscall numbers; glibc has no function for it
_IDLE = 3 << 13
_OOM_SCORE = "800"


def step_back() -> None:
    """Take the lowest priority for CPU and disk, and be the first that an out-of-memory killer takes."""
    with contextlib.suppress(OSError):
        os.nice(19)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, 1, 0, _IDLE)  # 1: of a process, 0: this one; without it only slower
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, "ascii")


class Wish:
    """Whether the engine is still wanted."""

    def __init__(self, order: IO[str]) -> None:
        self._gone = threading.Event()
        # Python's own handlers run in the main thread alone, which is in C++ for minutes: these wait in threads.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        threading.Thread(target=self._hear_signal, daemon=True).start()
        threading.Thread(target=self._hear_end, args=(order,), daemon=True).start()

    def gone(self) -> bool:
        """Tell whether nobody wants it any more."""
        return self._gone.is_set()

    def _hear_signal(self) -> None:
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        self._leave()

    def _hear_end(self, order: IO[str]) -> None:
        order.read()
        self._leave()

    def _leave(self) -> None:
        self._gone.set()
        time.sleep(_GRACE_S)
        os._exit(CANCELLED)


def main() -> int:
    """Build what the order says; 0 when built, 1 when not, 3 when it was stopped."""
    tell = _teller()
    order = json.loads(sys.stdin.readline())
    step_back()
    wish = Wish(sys.stdin)
    began = time.monotonic()
    try:
        plan = _build(order, tell, wish)
        _write(order["plan_fd"], plan.content)
        _write(order["timing_fd"], plan.timing)
    except BuildCancelled:
        return CANCELLED
    except BackendMissing as error:
        tell({"failed": "backend", "reason": error.reason})
        return 1
    except ModelError as error:
        tell({"failed": "model", "reason": error.problem})
        return 1
    except OSError as error:
        tell({"failed": "model", "reason": f"its engine cannot be written: {error.strerror}; free some space"})
        return 1
    digest = hashlib.sha256(plan.content).hexdigest()
    tell({"built": digest, "build_s": round(time.monotonic() - began, 1), "said": plan.said[-20:]})
    return 0


def _build(order: dict[str, object], tell: Callable[[dict[str, object]], None], wish: Wish) -> Plan:
    path = Path(str(order["model"]))
    model = path.read_bytes()
    if hashlib.sha256(model).hexdigest() != order["sha256"]:
        raise ModelError(str(path), "changed while its engine was to be built; try again")
    return build(
        load_tensorrt(),
        str(path),
        model,
        Terms(int(str(order["batch"])), int(str(order["workspace_bytes"]))),
        _read(int(str(order["old_timing_fd"]))),
        lambda progress: tell(_line(progress)),
        wish.gone,
    )


def _line(progress: Progress) -> dict[str, object]:
    return {"phase": progress.phase, "share": round(progress.share, 3)}


def _teller() -> Callable[[dict[str, object]], None]:
    """Keep stdout for these lines alone: what libraries print there goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock = threading.Lock()

    def tell(line: dict[str, object]) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            out.write(json.dumps(line) + "\n")
            out.flush()

    return tell


def _read(handle: int) -> bytes:
    if handle < 0:
        return b""
    with open(handle, "rb") as file:  # a descriptor
        return file.read()


def _write(handle: int, content: bytes) -> None:
    with open(handle, "wb", closefd=False) as file:  # a descriptor
        file.write(content)
        file.flush()
        os.fsync(handle)


if __name__ == "__main__":
    ended = main()
    sys.stderr.flush()
    os._exit(ended)  # the interpreter's own end would take TensorRT down in an order that can crash, or hang
