"""PROCESS 2: facts out, HQ's word back. One thread, one loop."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from agent.clock import Clock
from agent.errors import StoreDamaged, StoreVersion
from agent.store.link_store import LinkStore
from agent.store.settings import StoreSettings
from agent.store.signing import signer_of
from agent.uplink.bulletin import Bulletin
from agent.uplink.link import Link
from agent.uplink.session import Session
from agent.uplink.settings import UplinkSettings
from agent.uplink.shelf import Shelf

log = logging.getLogger(__name__)

_RETAIN_US = 600_000_000


def run(settings: UplinkSettings, store: StoreSettings, runtime_dir: Path, clock: Clock, stop: threading.Event) -> int:
    """Carry facts to HQ until ``stop`` is set.

    Returns:
        0, or non-zero when the store is damaged and must go through ``migrate``.

    Raises:
        AgentError: something a person must mend before the program can start.
    """
    session = Session(settings, clock)
    link_store = LinkStore(store, signer_of(store, "uplink"), clock)
    shelf = Shelf(store)
    try:
        link = Link(settings, session, link_store, shelf, clock)
        bulletin = Bulletin(link, store.state_dir, runtime_dir, settings.heartbeat_s, clock)
        retain_us = clock.now().mono_us
        while not stop.is_set():
            link.turn()
            bulletin.turn()
            if clock.now().mono_us >= retain_us:
                retain_us += _RETAIN_US
                link_store.retain(clock.now())
    except (StoreDamaged, StoreVersion) as error:
        log.error("the store cannot be used: %s", error)
        return error.exit_code
    finally:
        session.close()
        shelf.close()
        link_store.close()
    return 0
