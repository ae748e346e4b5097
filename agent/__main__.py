"""``commune-agent``: parse, run one command, and tell errors in one line each; nothing else."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from agent.cli.commands import parse
from agent.errors import AgentError

_INTERRUPTED = 130  # what a shell reports after Ctrl-C


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        words: the command line without the program's name; None takes the process's own.

    Returns:
        the exit code: 0, or what the command or its error says (docs/ref/cli.md).
    """
    arguments = parse(sys.argv[1:] if words is None else words)
    try:
        return int(arguments.run(arguments))
    except AgentError as error:
        for line in str(error).splitlines():
            print(f"commune-agent: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as with | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def leave(code: int) -> NoReturn:
    """End the process with ``code``, whatever a driver still does.

    A camera's thread that hangs in its driver is left behind at a stop. Were the interpreter taken down around it, the
    driver's C++ would abort the process, and whoever started it would hear of a crash instead of ``code``.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run() -> NoReturn:
    """Be the program ``commune-agent``."""
    leave(main())


if __name__ == "__main__":
    run()
