"""The page's own log: sessions, failed logins, the audit.

Opened when it can be, so that a box whose store is missing or damaged still has a page that says so.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from agent.clock import Clock
from agent.errors import ConfigError, StoreDamaged, StoreError, StoreVersion
from agent.page.settings import PageSettings
from agent.store.desk_store import DeskStore
from agent.store.settings import StoreSettings
from agent.store.signing import signer_of

log = logging.getLogger(__name__)

LOCAL = "local"
"""The actor where no login is needed: somebody at the box itself."""

_RETRY_US = 5_000_000
_SAME_LOOK_US = 3_600_000_000
"""Looking at one picture again within the hour is the same look: a page left open must not fill the audit."""

_MOST_LOOKS = 4096

Got = TypeVar("Got")


class Desk:
    """All that the page writes; usable from any thread."""

    def __init__(self, settings: PageSettings, store: StoreSettings, clock: Clock) -> None:
        self._settings = settings
        self._store_settings = store
        self._clock = clock
        self._lock = threading.RLock()
        self._store: DeskStore | None = None
        self._failure = StoreError("the page's log has not been opened yet")
        self._retry_mono_us = 0
        self._looks: OrderedDict[tuple[str, str], int] = OrderedDict()

    def begin_session(self, user: str, address: str) -> str:
        """Log ``user`` in; gives the session's token.

        Raises:
            StoreError: the log cannot be written; nobody is logged in unrecorded.
        """
        now = self._clock.now()

        def begin(store: DeskStore) -> str:
            for who in _counted(user, address):
                store.succeeded(who)
            store.audit(user, "login.ok", address, now)
            return store.open_session(user, now, self._settings.idle_s, self._settings.session_s)

        return self._do(begin)

    def session_user(self, token: str, *, active: bool) -> str | None:
        """Tell whose session this is; ``active`` where a person did something, which restarts the idle time.

        Raises:
            StoreError: the sessions cannot be read.
        """
        now = self._clock.now()
        return self._do(lambda store: store.session_user(token, now, touch=active))

    def end_session(self, token: str, user: str) -> None:
        """Log ``user`` out.

        Raises:
            StoreError: the log cannot be written.
        """
        self._do(lambda store: store.close_session(token))
        self.note(user, "logout", "")

    def wait_s(self, user: str, address: str) -> float:
        """Tell how many seconds this name, or this address, must wait before a password is looked at; 0 = none."""
        now = self._clock.now()
        until_us = self._do(lambda store: max(store.locked_until(who, now) for who in _counted(user, address)))
        return max(0.0, (until_us - now.mono_us) / 1_000_000)

    def failed(self, user: str, address: str) -> None:
        """Count a wrong password against the name and the address, known or not."""
        now = self._clock.now()

        def count(store: DeskStore) -> None:
            for who in _counted(user, address):
                store.failed(who, now)

        self._do(count)

    def note(self, actor: str, action: str, subject: str) -> None:
        """Add to the audit.

        Raises:
            StoreError: it cannot be written.
        """
        now = self._clock.now()
        self._do(lambda store: store.audit(actor, action, subject, now))

    def opened(self, user: str | None, subject: str) -> None:
        """Add to the audit that somebody looked at a picture; within an hour once.

        Raises:
            StoreError: it cannot be written, and a login is required: then nobody looks unrecorded. At the box itself,
                where no login is, the picture is shown and a warning logged.
        """
        look = (user or LOCAL, subject)
        now = self._clock.now()
        with self._lock:
            seen_us = self._looks.get(look)
            if seen_us is not None and now.mono_us - seen_us < _SAME_LOOK_US:
                return
            try:
                self.note(look[0], "picture.opened", subject)
            except StoreError as error:
                if user is not None:
                    raise
                log.warning("Somebody at the box looked at %s; this could not be recorded: %s", subject, error)
            self._looks[look] = now.mono_us
            self._looks.move_to_end(look)
            if len(self._looks) > _MOST_LOOKS:
                self._looks.popitem(last=False)

    def retain(self) -> None:
        """Age the log, as its one writer must; to be called once in a while."""
        now = self._clock.now()
        try:
            self._do(lambda store: store.retain(now))
        except StoreError as error:
            log.warning("The page's log could not be aged: %s", error)

    def pass_by(self) -> None:
        """Wait until nobody is at the desk."""
        with self._lock:
            pass

    def close(self) -> None:
        """Close the log and let another process write it."""
        with self._lock:
            if self._store is not None:
                self._store.close()
            self._store = None

    def _do(self, work: Callable[[DeskStore], Got]) -> Got:
        """Do ``work`` on the log; let go of a file that only ``migrate`` can mend, so that it can and we reopen."""
        with self._lock:
            try:
                return work(self._open())
            except (StoreDamaged, StoreVersion):
                self.close()
                raise

    def _open(self) -> DeskStore:
        with self._lock:
            if self._store is not None:
                return self._store
            now_us = self._clock.now().mono_us
            if now_us < self._retry_mono_us:
                raise self._failure
            self._retry_mono_us = now_us + _RETRY_US
            try:
                sign = signer_of(self._store_settings, "page")
                self._store = DeskStore(self._store_settings, sign, self._clock)
            except ConfigError as error:
                self._failure = StoreError(str(error))
                raise self._failure from error
            except StoreError as error:
                self._failure = error
                raise
            return self._store


def _counted(user: str, address: str) -> tuple[str, str]:
    """Name what failures are counted against. A name is cut: a guesser chooses how long it is."""
    return f"user {user[:64]}", f"address {_network(address)}"


def _network(address: str) -> str:
    """Take a whole IPv6 /64 as one visitor: any of its addresses is one machine's for the asking."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
