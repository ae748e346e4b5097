"""Sign and verify; the agent's only importer of ``cryptography``."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.errors import ConfigError


class Signer:
    """One program's Ed25519 signing key (RFC 8032)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def __call__(self, body: bytes) -> bytes:
        """Sign ``body``; 64 bytes."""
        return self._key.sign(body)

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes, as HQ's registry keeps it."""
        return self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def load_signer(path: Path, remedy: str = "make one with: commune-agent migrate") -> Signer:
    """Read a signing key in PEM.

    Args:
        path: of the key.
        remedy: what to do where it is missing or broken.

    Raises:
        ConfigError: the file is missing, unreadable or no Ed25519 key.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(str(path), f"no usable signing key ({error}); {remedy}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(str(path), f"is not an Ed25519 key; {remedy}")
    return Signer(key)


def make_key(path: Path) -> Signer:
    """Make a signing key at ``path`` (0600) unless one is there, with its public half beside it (``.pub``, hex)."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        part.rename(path)
    signer = load_signer(path)
    path.with_suffix(".pub").write_text(signer.public.hex() + "\n", "ascii")
    return signer


def verify(public: bytes, body: bytes, signature: bytes) -> bool:
    """Tell whether ``signature`` over ``body`` was made with the private half of ``public`` (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True
