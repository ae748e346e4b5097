"""A new authority, and beside it the key of HQ's commands: there whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from agent.clock import Clock
from agent.errors import ConfigError
from agent.keys import make_key
from provisioning import certificates
from provisioning.authority import LIST_DAYS, Authority
from provisioning.certificates import Issued
from provisioning.files import PRIVATE, PUBLIC, make_folder, sync, unwritable, write_whole
from provisioning.ledger import Ledger, write_ledger
from provisioning.names import check_area
from provisioning.office import RESTORE, instant


def found(folder: Path, area: str, name: str, clock: Clock) -> Issued:
    """Make an authority at ``folder``, whole or not at all, and give its own certificate.

    Raises:
        ConfigError: the folder is in use, or cannot be written; or no authority can have this area or name.
    """
    now = instant(clock)
    key = certificates.new_key()
    pem = certificates.sign_authority(key, name, now)
    ledger = Ledger(check_area(area), name)
    _refuse_in_use(folder)
    make_folder(folder.parent, 0o700)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        write_whole(part / "ca.key", certificates.key_pem(key), PRIVATE)
        write_whole(part / "ca.pem", pem)
        make_key(part / "command.key")
        (part / "command.pub").chmod(PUBLIC)
        sync(part / "command.pub")
        make_folder(part / "issued", 0o700)
        write_ledger(part / "authority.json", ledger)
        Authority(part, now).write_list(LIST_DAYS)
        part.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return certificates.read_certificate(pem, str(folder / "ca.pem"), RESTORE)


def _refuse_in_use(folder: Path) -> None:
    try:
        if (folder / "ca.pem").exists():
            raise ConfigError(str(folder), f"holds an authority already; look at it: commune-agent ca list {folder}")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(str(folder), "is in use for something else; name a folder that is not there yet")
    except OSError as error:
        raise unwritable(folder, error) from error
