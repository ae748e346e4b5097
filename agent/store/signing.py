"""The key with which a program signs what it records."""

from __future__ import annotations

from agent.keys import Signer, load_signer
from agent.store.settings import StoreSettings


def signer_of(settings: StoreSettings, process: str) -> Signer:
    """Read the signing key of ``process``.

    Raises:
        ConfigError: it is missing or cannot be used; the error says what to do.
    """
    return load_signer(settings.key_file(process), settings.keys_remedy)
