"""What the page records: dispositions, who did what, who is logged in, who failed to."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.clock import Clock, Moment
from agent.core.event import Event
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store import ballast, forks, news, retention
from agent.store import statements as sql
from agent.store.chain import NO_PREVIOUS
from agent.store.lock import WriterLock
from agent.store.log import Log, Sign
from agent.store.reader import ReadFile, read_delivery
from agent.store.schema import DESK
from agent.store.sessions import Failures, Session
from agent.store.settings import StoreSettings

log = logging.getLogger(__name__)

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a person at the page.

    Attributes:
        seq: its number.
        actor: who: a user name, or an address before anybody logged in.
        action: what, e.g. ``login``, ``image.open``.
        subject: on what, e.g. the picture's hash.
        utc_us: when, wall µs.
        clock: quality of ``utc_us``.
    """

    seq: int
    actor: str
    action: str
    subject: str
    utc_us: int
    clock: str


class DeskStore:
    """The one writer of desk.db; usable from any thread.

    Raises:
        StoreVersion: the file is missing or not of this version: run ``commune-agent migrate``.
        StoreDamaged: the file must go through ``migrate``.
        StoreError: another process writes it, or it cannot be opened.
    """

    def __init__(self, settings: StoreSettings, sign: Sign, clock: Clock) -> None:
        self._settings = settings
        with ExitStack() as undo:
            lock = WriterLock(settings.state_dir, DESK.process)
            undo.callback(lock.release)
            self._log = Log(DESK, settings, sign, clock)
            undo.callback(self._log.close)
            forks.mend(self._log, read_delivery(settings.link_db))
            news.tell(self._log, self._log, "d")
            self._closing = undo.pop_all()

    def record(self, event: Event) -> None:
        """Record an event of the desk (a disposition, a request) in stream ``d``."""
        self._log.write(lambda: self._log.append("d", event))

    def audit(self, actor: str, action: str, subject: str, at: Moment) -> None:
        """Add to the audit, for ever; each entry carries the hash of the one before."""
        fields = {
            "actor": actor,
            "action": action,
            "subject": subject,
            "utc_us": at.utc_us,
            "clock": at.state.value,
            "boot": at.boot_id,
            "mono_us": at.mono_us,
        }
        entry = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        self._log.write(lambda: self._add_audit(entry))

    def audit_entries(self, limit: int) -> list[AuditEntry]:
        """Give the newest entries of the audit, newest first."""
        return [_audit_entry(seq, entry) for seq, entry, _ in self._log.ask(sql.NEWEST_AUDIT, limit)]

    def broken_audit(self) -> int | None:
        """Give the seq of the first audit entry that does not follow from the one before; None when all do."""
        previous = NO_PREVIOUS
        after = 0
        while rows := self._log.ask(sql.AUDIT, after, 1000):
            for seq, entry, stored in rows:
                if hashlib.sha256(previous + entry).digest() != stored:
                    return int(seq)
                previous, after = stored, seq
        return None

    def open_session(self, user: str, now: Moment, idle_s: float, max_s: float) -> str:
        """Log ``user`` in; the token is given once and only its hash is kept."""
        token = secrets.token_urlsafe(32)
        times = (now.boot_id, now.mono_us, now.utc_us, now.mono_us, now.utc_us)
        self._log.write(lambda: self._put_session(_token_hash(token), (user, idle_s, max_s, *times), now))
        return token

    def session_user(self, token: str, now: Moment, *, touch: bool = True) -> str | None:
        """Tell who holds ``token``; None when it is unknown or has expired.

        Args:
            token: as ``open_session`` gave it.
            now: the present.
            touch: note that the person is still there; False for what a page asks by itself, which would otherwise
                keep a forgotten screen logged in.
        """
        found = self._log.ask(sql.SESSION, _token_hash(token))
        session = Session(*found[0]) if found else None
        if session is None or not session.alive(now):
            return None
        if touch and session.worth_touching(now):
            self._touch(token, session.touched(now))
        return session.user

    def close_session(self, token: str) -> None:
        """Log out."""
        self._log.write(lambda: self._log.run(sql.CLOSE_SESSION, _token_hash(token)))

    def failed(self, who: str, now: Moment) -> None:
        """Count a failed log-in of a name or an address."""
        self._log.write(lambda: self._count_failure(who, now))

    def succeeded(self, who: str) -> None:
        """Forget the failures of a name or an address."""
        self._log.write(lambda: self._log.run(sql.CLEAR_FAILURES, who))

    def locked_until(self, who: str, now: Moment) -> int:
        """Give the monotonic µs until which ``who`` may not try to log in; 0 when he may now."""
        found = self._log.ask(sql.FAILURES, who)
        return Failures(*found[0]).locked_until(now) if found else 0

    def retain(self, now: Moment) -> None:
        """Age stream ``d`` and put the ballast back; what cannot be done now is left for the next time.

        Raises:
            StoreDamaged, StoreVersion: the file must go through ``migrate``.
        """
        try:
            ballast.fill(ballast.ballast_path(self._settings.state_dir, DESK.process))
            retention.age(self._log, "d", now, self._settings.keep_acked_days, read_delivery(self._settings.link_db))
        except (StoreDamaged, StoreVersion):
            raise
        except (StoreError, OSError) as error:
            log.warning("retention could not finish and tries again later: %s", error)

    def close(self) -> None:
        """Close the file and let another process write it."""
        self._closing.close()

    def _add_audit(self, entry: bytes) -> None:
        last = self._log.ask(sql.LAST_AUDIT)
        self._log.run(sql.ADD_AUDIT, entry, hashlib.sha256((last[0][0] if last else NO_PREVIOUS) + entry).digest())

    def _put_session(self, token_hash: bytes, values: tuple[object, ...], now: Moment) -> None:
        for *fields, old_hash in self._log.ask(sql.SESSIONS):
            if not Session(*fields).alive(now):
                self._log.run(sql.CLOSE_SESSION, old_hash)
        self._log.run(sql.ADD_SESSION, token_hash, *values)

    def _touch(self, token: str, session: Session) -> None:
        times = (session.boot_id, session.opened_mono_us, session.seen_mono_us, session.seen_utc_us)
        try:
            self._log.write(lambda: self._log.run(sql.TOUCH_SESSION, *times, _token_hash(token)))
        except StoreError as error:  # a full disk must not log out the person who could mend it
            log.warning("cannot note that %s is still here: %s", session.user, error)

    def _count_failure(self, who: str, now: Moment) -> None:
        self._log.run(sql.FORGET_FAILURES, now.utc_us - _DAY_US)
        self._log.run(sql.ADD_FAILURE, who, now.boot_id, now.mono_us, now.utc_us)


def read_audit(desk_db: Path, limit: int) -> list[AuditEntry]:
    """Give the newest entries of the audit, newest first, to another program than the page.

    Raises:
        StoreError: the file cannot be read.
    """
    file = ReadFile(desk_db)
    try:
        return [_audit_entry(seq, entry) for seq, entry, _ in file.ask(sql.NEWEST_AUDIT, limit)]
    finally:
        file.close()


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _audit_entry(seq: int, entry: bytes) -> AuditEntry:
    fields: dict[str, Any] = json.loads(entry)
    return AuditEntry(seq, fields["actor"], fields["action"], fields["subject"], fields["utc_us"], fields["clock"])
