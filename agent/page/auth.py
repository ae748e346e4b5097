"""Who may look: the password file, judged at the same cost whoever asks."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import re
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from agent.errors import ConfigError
from agent.page.settings import PageSettings

log = logging.getLogger(__name__)

# OWASP's smallest argon2id setting (19 MiB, two passes, one lane): about 20 ms on a PC core. A box that runs a detector
# has neither the memory nor the cores for argon2-cffi's default of 64 MiB and four lanes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_USER = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")

PASSWORD_MIN_CHARS = 10
PASSWORD_MAX_CHARS = 256
"""A longer one costs memory and hashes no better."""


def hash_password(password: str) -> str:
    """Hash a password with argon2id for the password file.

    Raises:
        ConfigError: it is too short or too long.
    """
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise ConfigError(
            "password",
            f"must have {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters, got {len(password)}",
        )
    return _HASHER.hash(password)


def write_password(path: Path, user: str, password: str) -> None:
    """Set one user's password in the file (0600), which is made or renamed into place as a whole.

    Raises:
        ConfigError: the name or the password cannot be used, or the file as it stands cannot be read.
    """
    if not _USER.fullmatch(user):
        raise ConfigError("user", f"must be 1 to 32 of a-z, 0-9, '.', '_', '-', got {user!r}")
    hashes = read_passwords(path) if path.exists() else {}
    _write(path, {**hashes, user: hash_password(password)})


def read_passwords(path: Path) -> dict[str, str]:
    """Read the password file: user to argon2id hash.

    Raises:
        ConfigError: it cannot be read, others than its owner and group may read it, or a line is not
            ``user:argon2id-hash``.
    """
    try:
        if path.stat().st_mode & 0o007:
            raise ConfigError(str(path), f"others may read it; run: chmod o= {path}")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(
            str(path), f"no usable password file ({why}); make one with: commune-agent password site.toml USER"
        ) from error
    hashes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        user, _, hashed = line.partition(":")
        if not line.strip():
            continue
        if not _USER.fullmatch(user) or not hashed.startswith("$argon2id$"):
            raise ConfigError(
                f"{path}:{number}", "is not user:argon2id-hash; write it with: commune-agent password site.toml USER"
            )
        hashes[user] = hashed
    if not hashes:
        raise ConfigError(str(path), "names no user; add one with: commune-agent password site.toml USER")
    return hashes


def require_password_file(settings: PageSettings) -> None:
    """Refuse to be reachable from another machine without a login.

    Raises:
        ConfigError: the page would listen beyond loopback and no usable password file is configured.
    """
    if settings.password_file is not None:
        read_passwords(settings.password_file)
    elif not is_loopback(settings.host):
        raise ConfigError(
            "page.password_file",
            f"is needed to listen on {settings.host}, where other machines can reach the page; make one with: "
            "commune-agent password site.toml USER, or set page.host to 127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Tell whether only programs of this machine can reach ``host``; an unresolved name other than localhost is not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Passwords:
    """The accounts of the page, read afresh whenever the file changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hashes = read_passwords(path)
        self._stamp = _stamp(path)
        # An unknown user is checked against this, so that its answer takes as long as a known user's.
        self._nobody = _HASHER.hash(secrets.token_hex(16))

    def knows(self, user: str) -> bool:
        """Tell whether ``user`` has an account now."""
        return user in self._current()

    def seal(self, user: str, token: str) -> str | None:
        """Tie a session's token to the line that ``user`` has now.

        Removing the line, or a new password, so ends that user's sessions.

        Returns:
            64 hex digits, or None where there is no such user. Keyed with the hash of the password, whose 16 random
            bytes of salt and 32 of digest nobody can guess, so that it gives away neither.
        """
        hashed = self._current().get(user)
        return None if hashed is None else hmac.new(hashed.encode(), token.encode(), "sha256").hexdigest()

    def verify(self, user: str, password: str) -> bool:
        """Tell whether the password is this user's. Blocks for about 20 ms and takes 19 MiB: one at a time."""
        hashed = self._current().get(user)
        try:
            _HASHER.verify(hashed or self._nobody, password[: PASSWORD_MAX_CHARS + 1])
        except (VerificationError, InvalidHashError):
            return False
        if hashed is None:
            return False
        if _HASHER.check_needs_rehash(hashed):
            self._rehash(user, password)
        return True

    def _current(self) -> dict[str, str]:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            try:
                self._hashes = read_passwords(self._path)
            except ConfigError as error:  # half-way through somebody's editing: those known so far stay
                log.warning("The password file cannot be used, the accounts read earlier stay: %s", error)
            self._stamp = stamp
        return self._hashes

    def _rehash(self, user: str, password: str) -> None:
        try:
            _write(self._path, {**self._current(), user: _HASHER.hash(password)})
        except OSError as error:
            log.info("The hash of %s is of an older cost and could not be renewed: %s", user, error)


def _write(path: Path, hashes: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.writelines(f"{user}:{hashed}\n" for user, hashed in sorted(hashes.items()))
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_ino, stat.st_size)
