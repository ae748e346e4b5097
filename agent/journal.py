"""Logging, and the service manager's notify protocol; the only importer of ``systemd``."""

from __future__ import annotations

import logging
import os
import socket
import sys

try:
    # A folder named systemd/ stands at the repository root: "import systemd" alone would succeed there as an empty
    # namespace package, so ask for the modules by name.
    from systemd import daemon as _daemon
    from systemd.journal import JournalHandler as _JournalHandler
except ImportError:  # a laptop, or a box without python3-systemd: the protocol below needs no package
    _daemon = None
    _JournalHandler = None

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def start_logging(level: str = "INFO", name: str = "commune-agent") -> None:
    """Send the root logger to the journal under systemd, else to stderr.

    Args:
        level: a logging level name.
        name: what the journal calls this program (``journalctl -t``).
    """
    handler: logging.Handler
    if _JournalHandler is not None and os.environ.get("JOURNAL_STREAM"):
        handler = _JournalHandler(SYSLOG_IDENTIFIER=name)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))  # the journal keeps time and level itself
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def notify(state: str) -> bool:
    """Tell the service manager ``state`` (sd_notify(3)), e.g. ``READY=1``; False where nobody listens."""
    if _daemon is not None:
        return bool(_daemon.notify(state))
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(address)
            out.sendall(state.encode())
    except OSError:
        return False
    return True
