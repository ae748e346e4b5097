"""Hand out a clean picture: to its asker alone, for a reason, and only once the page has both in its audit."""

from __future__ import annotations

import os
from pathlib import Path

from agent import runtime
from agent.cli.page_probe import running_page, told
from agent.clock import Clock
from agent.config import Site
from agent.errors import AgentError, ConfigError
from agent.page.asks import EXPORT, subject_of
from agent.runtime import Ask
from agent.store.desk_store import read_audit

_WAIT_S = 15.0
_VALID_S = 60.0
_POLL_S = 0.2
_LOOKED_AT = 64


class NotRecorded(AgentError):
    """The audit could not take it, so nothing was handed out."""


def hand_out(content: bytes, output: Path, note: str, site: Site, clock: Clock) -> None:
    """Write ``content`` to a new file that only this user can read, once the audit carries ``note``.

    Raises:
        NotRecorded: the page program is not there, or did not record it in time.
        StoreError: the page program cannot be asked.
        ConfigError: the file exists or cannot be written.
    """
    try:
        # Opened first: what could not be written need not be asked for.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            try:
                record(note, site, clock)
                out.write(content)
                out.flush()
            except BaseException:
                output.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigError(str(output), f"cannot be written: {error.strerror}; name another, new file") from error


def record(note: str, site: Site, clock: Clock) -> None:
    """Let the page program, the one writer of the audit, record an export; wait until it stands there.

    Raises:
        NotRecorded, StoreError: as ``hand_out``.
    """
    known = site.runtime_dir / "page.json"
    if runtime.closed(known):
        raise NotRecorded("; ".join(runtime.foreign(known)))
    if running_page(site.runtime_dir) is None:
        raise NotRecorded(
            "nothing was exported: a clean picture leaves only recorded, and the page program, which keeps the audit,"
            " is not running; start it (commune-agent page CONFIG, or its service) and export again"
        )
    ask_dir = site.store.ask_dir("page")
    boot = told(site.runtime_dir, "boot")
    ask = runtime.drop_ask(ask_dir, EXPORT, clock.now(), valid_s=_VALID_S, note=note, boot=boot)
    try:
        _wait(ask, site, clock)
    finally:
        (ask_dir / f"{ask.id}.json").unlink(missing_ok=True)


def _wait(ask: Ask, site: Site, clock: Clock) -> None:
    """Look into the audit itself: a request that is gone may as well have been refused."""
    end_us = clock.now().mono_us + round(_WAIT_S * 1e6)
    while not any(entry.subject == subject_of(ask) for entry in read_audit(site.store.desk_db, _LOOKED_AT)):
        if clock.now().mono_us > end_us:
            raise NotRecorded(
                f"nothing was exported: the page program did not record it within {_WAIT_S:.0f} s; see its log"
            )
        clock.sleep(_POLL_S)
