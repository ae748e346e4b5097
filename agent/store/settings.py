"""Where the store lies and how much it may take; stdlib only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SIGNERS = ("watch", "page", "uplink")
"""The programs that record, each with a signing key of its own."""


@dataclass(frozen=True)
class StoreSettings:
    """The store of a box.

    Attributes:
        box: box id, written into every event.
        state_dir: holds watch.db, media.db, desk.db, link.db, originals/, ask/ and, unless they are given, keys/.
        max_log_bytes: quota of one log file (becomes max_page_count).
        max_media_bytes: quota of media.db.
        max_originals_bytes: quota of the clean pictures.
        keep_acked_days: acked events stay at least this long.
        given_keys_dir: where the signing keys were made before this program came; None: ``migrate`` makes them.
        key_files: by program, of keys that are read elsewhere than in ``keys_dir``.
    """

    box: str
    state_dir: Path
    max_log_bytes: int = 512 * 1024 * 1024
    max_media_bytes: int = 1024 * 1024 * 1024
    max_originals_bytes: int = 4 * 1024 * 1024 * 1024
    keep_acked_days: int = 14
    given_keys_dir: Path | None = None
    key_files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def watch_db(self) -> Path:
        """Streams a and w, slots; written by watch."""
        return self.state_dir / "watch.db"

    @property
    def media_db(self) -> Path:
        """Stream m; written by watch."""
        return self.state_dir / "media.db"

    @property
    def desk_db(self) -> Path:
        """Stream d, accounts, sessions, audit; written by page."""
        return self.state_dir / "desk.db"

    @property
    def link_db(self) -> Path:
        """Stream u and the watermarks; written by uplink."""
        return self.state_dir / "link.db"

    @property
    def originals_dir(self) -> Path:
        """Clean pictures, named by SHA-256; they never leave by themselves."""
        return self.state_dir / "originals"

    @property
    def views_dir(self) -> Path:
        """Reference views of the cameras: tiny, masked, and never sent."""
        return self.state_dir / "views"

    @property
    def keys_dir(self) -> Path:
        """Signing keys, one a program, and their public halves."""
        return self.given_keys_dir or self.state_dir / "keys"

    def key_file(self, process: str) -> Path:
        """Where ``process`` reads its signing key."""
        return self.key_files.get(process, self.keys_dir / f"{process}.key")

    @property
    def keys_remedy(self) -> str:
        """What to do where a signing key is missing."""
        if self.given_keys_dir is None:
            return "make one with: commune-agent migrate"
        command = f"sudo commune-agent box key {self.box} --dir {self.given_keys_dir}"
        return f"make one with: {command} (a service takes it when it next starts)"

    def ask_dir(self, process: str) -> Path:
        """Where requests to ``process`` are dropped by atomic rename."""
        return self.state_dir / "ask" / process
