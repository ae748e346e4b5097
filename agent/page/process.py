"""PROCESS 3: the web server around the page, and its dealings with the service manager."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.concurrency import run_in_threadpool

from agent.clock import Clock
from agent.errors import ConfigError
from agent.journal import notify
from agent.page.app import Page, build_app
from agent.page.auth import require_password_file
from agent.page.settings import PageSettings
from agent.runtime import make_private, write_bytes
from agent.store.settings import StoreSettings

log = logging.getLogger(__name__)

_TICK_S = 0.1
_WATCHDOG_EVERY_S = 5.0
_GRACE_S = 1
"""Answers under way get this long after a stop; with uvicorn's own pauses the whole stays below 2 s."""

_RETAIN_EVERY_S = 3600.0
_ANSWER_EVERY_S = 0.5
_MOST_CONNECTIONS = 64
_URL_FILE = "page.json"


def run(settings: PageSettings, store: StoreSettings, runtime_dir: Path, clock: Clock, stop: threading.Event) -> int:
    """Serve the page until ``stop`` is set; the chosen address is logged and written to ``page.json``.

    Signals are the caller's: its handler sets ``stop``.

    Returns:
        0 after a stop.

    Raises:
        ConfigError: no login where one is needed, or the address cannot be listened on.
    """
    require_password_file(settings)
    make_private(runtime_dir)
    app = build_app(settings, store, runtime_dir, clock)
    with listen(settings.host, settings.port) as listener:
        url = address_of(listener)
        # As a service it reads its accounts from a copy made when it started: commands are told from which file.
        accounts = str(settings.password_file or "")
        known = {"url": url, "accounts": accounts, "boot": clock.now().boot_id}
        write_bytes(runtime_dir / _URL_FILE, json.dumps(known).encode())
        log.info("The page is at %s (%s)", url, "with login" if settings.password_file else "no login, loopback only")
        try:
            asyncio.run(_serve(app, listener, stop))
        finally:
            app.close()
            (runtime_dir / _URL_FILE).unlink(missing_ok=True)
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else is begun.

    Raises:
        ConfigError: the port is taken or forbidden, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ConfigError("page.host", f"{host!r} is no address of this machine ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from error
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """Write the address of a listening socket as a URL that a browser on this machine can open."""
    host, port = listener.getsockname()[:2]
    ip = ipaddress.ip_address(host)
    if ip.is_unspecified:
        ip = ipaddress.ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://{ip}:{port}/" if ip.version == 4 else f"http://[{ip}]:{port}/"


def _unusable(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            "page.port",
            f"{port} on {host} is taken by another program; stop that one, choose another port, or 0 for a free one",
        )
    if error.errno == errno.EACCES:
        return ConfigError("page.port", f"{port} on {host} is not allowed to this user; choose 1024 or above")
    return ConfigError("page.host", f"{host} cannot be listened on ({error.strerror}); use an address of this machine")


async def _serve(app: Page, listener: socket.socket, stop: threading.Event) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            # Neither the visitor's address nor the scheme is taken from a header: lock-outs count by address.
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    works = (_tend(server, stop), _feed(server, app), _retain(app), _answer(app))
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in tasks:
            task.cancel()


async def _tend(server: uvicorn.Server, stop: threading.Event) -> None:
    """Pass on the stop."""
    while not stop.is_set():
        await asyncio.sleep(_TICK_S)
    notify("STOPPING=1")
    server.should_exit = True


async def _feed(server: uvicorn.Server, app: Page) -> None:
    """Report ready, then feed the watchdog by the way that visitors are answered: this loop, its threads, the desk."""
    while not server.started:
        await asyncio.sleep(_TICK_S)
    notify("READY=1")
    while True:
        await run_in_threadpool(app.pass_by)
        notify("WATCHDOG=1")
        await asyncio.sleep(_WATCHDOG_EVERY_S)


async def _retain(app: Page) -> None:
    while True:
        await asyncio.to_thread(app.retain)
        await asyncio.sleep(_RETAIN_EVERY_S)


async def _answer(app: Page) -> None:
    while True:
        try:
            await asyncio.to_thread(app.answer)
        except Exception:
            log.exception("a request of a command could not be answered; please report what follows")
        await asyncio.sleep(_ANSWER_EVERY_S)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the caller's handler sets ``stop``."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield
