"""Make and change the files of the store; ``commune-agent migrate`` is the only program that does."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent import runtime
from agent.errors import ConfigError, StoreError, StoreFull, StoreVersion
from agent.keys import make_key
from agent.owner import refuse_root
from agent.store import ballast
from agent.store.connection import check_version
from agent.store.faults import translate
from agent.store.files import add_epoch, create, sync_folder, upgrade
from agent.store.lock import WriterLock
from agent.store.salvage import find_damage, finish_salvage, salvage
from agent.store.schema import FILES, GENERATION, FileSchema
from agent.store.settings import SIGNERS, StoreSettings
from agent.store.signing import signer_of


def migrate(settings: StoreSettings) -> list[str]:
    """Bring the state directory to what this version's programs expect; doing it again changes nothing.

    Returns:
        one line for each thing done or found.

    Raises:
        StoreVersion: a file belongs to another generation.
        StoreFull, StoreError: the directory cannot be written, belongs to another user than root who asks, or a file
            needs work while its program runs.
    """
    refuse_root(settings.state_dir, "commune-migrate")
    try:
        runtime.make_private(settings.state_dir)
        with _alone(settings.state_dir / ".migrate.lock"):
            return [*_prepare(settings), *(line for schema in FILES for line in _bring_up(schema, settings))]
    except OSError as error:
        place = error.filename or settings.state_dir
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"{place}: {error.strerror}; free space on that disk, then run it again") from error
        raise StoreError(f"{place}: {error.strerror}; the store needs a directory it may write") from error


def _prepare(settings: StoreSettings) -> Iterator[str]:
    settings.originals_dir.mkdir(exist_ok=True, mode=0o700)
    yield from _given_keys(settings) if settings.given_keys_dir else _made_keys(settings)
    for process in SIGNERS:
        settings.ask_dir(process).mkdir(parents=True, exist_ok=True, mode=0o700)
        path = ballast.ballast_path(settings.state_dir, process)
        if ballast.fill(path):
            yield f"{path}: {ballast.BALLAST_BYTES // 1024 // 1024} MB set aside"


def _made_keys(settings: StoreSettings) -> Iterator[str]:
    runtime.make_private(settings.keys_dir)
    for process in SIGNERS:
        key = settings.key_file(process)
        had_key = key.exists()
        make_key(key)
        if not had_key:
            yield f"{key}: made"


def _given_keys(settings: StoreSettings) -> Iterator[str]:
    """Tell of keys that are missing; their programs say the same when they start, and cannot."""
    for process in SIGNERS:
        try:
            signer_of(settings, process)
        except ConfigError as error:
            yield str(error)


def _bring_up(schema: FileSchema, settings: StoreSettings) -> Iterator[str]:
    path = settings.state_dir / schema.name
    try:
        lock = WriterLock(settings.state_dir, schema.process)
    except StoreVersion:
        raise
    except StoreError:
        yield _check_in_use(path, schema)
        return
    try:
        finish_salvage(path)
        if not path.exists():
            _create_in_place(path, schema)
            yield f"{path}: created, version {schema.version}"
            return
        damage = find_damage(path)
        if damage:
            yield salvage(path, schema, settings, damage)
            return
        yield _upgrade_in_place(path, schema)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        lock.release()


def _check_in_use(path: Path, schema: FileSchema) -> str:
    if not path.exists():
        raise StoreError(f"{path} is missing while {schema.process} runs; stop it and run: commune-agent migrate")
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        check_version(connection, path, schema)
    return f"{path}: in use, left alone"


def _create_in_place(path: Path, schema: FileSchema) -> None:
    part = path.with_name(f".{path.name}.part")
    with contextlib.closing(create(part, schema)) as connection:
        add_epoch(connection, "created", dict.fromkeys(schema.streams, 1))
    part.replace(path)
    sync_folder(path.parent)


def _upgrade_in_place(path: Path, schema: FileSchema) -> str:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version // 1000 != GENERATION:
            raise StoreVersion(
                f"{path} is of generation {version // 1000}, this program makes generation {GENERATION}; install the "
                "matching version, or move the file away to start an empty one"
            )
        steps = upgrade(connection, schema.steps)
        version = max(version, schema.version)
        return f"{path}: {'now' if steps else 'is'} version {version}; {_contents(connection)}"


def _contents(connection: sqlite3.Connection) -> str:
    import sqlite_utils  # here, because only migrate should pay its 150 ms

    tables = sqlite_utils.Database(connection).tables
    filled = {table.name: table.count for table in tables if not table.name.startswith("sqlite_")}
    return ", ".join(f"{name} {count}" for name, count in filled.items() if count)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
