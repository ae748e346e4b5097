"""What commands ask of the running page, which alone may write the audit."""

from __future__ import annotations

import logging
from pathlib import Path

from agent import runtime
from agent.clock import Clock
from agent.errors import StoreError
from agent.page.desk import Desk
from agent.runtime import Ask

log = logging.getLogger(__name__)

EXPORT = "export_original"
"""Record that a clean picture is about to be handed out; its note says which, of what, and why."""

_LONGEST = 1000


def answer_asks(ask_dir: Path, desk: Desk, clock: Clock) -> None:
    """Carry out what waits in ``ask_dir``; what cannot be recorded now waits on until it expires."""
    for path, ask in runtime.pending_asks(ask_dir):
        if ask is None or ask.what != EXPORT or not _is_fit(ask):
            log.warning("ignoring the request in %s: not one this program knows", path.name)
        elif ask.expired(clock.now()):
            log.warning("request %s (%s) has expired; ask again", ask.id, ask.what)
        else:
            try:
                desk.note(ask.by, "picture.exported", subject_of(ask))
            except StoreError as error:
                log.warning("request %s waits, it cannot be recorded: %s", ask.id, error)
                continue
            log.info("%s exports a clean picture: %s", ask.by, ask.note)
        path.unlink(missing_ok=True)


def subject_of(ask: Ask) -> str:
    """Give what the audit says of an export; the request's id lets the asker find it there."""
    return f"{ask.note} (request {ask.id})"


def _is_fit(ask: Ask) -> bool:
    """Look at what lies in a file that anybody with access to the folder may have written: it stays for ever."""
    texts = (ask.by, ask.note, ask.id)
    return all(isinstance(text, str) and 0 < len(text) <= _LONGEST and text.isprintable() for text in texts)
