"""Where the secrets that a site.toml names are, and whether they can be used; stdlib only.

A command reads them where site.toml says. A service may not read them there: the service manager hands it copies of
its own few, its credentials (docs/design/systemd.md).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

Trouble = tuple[str, str]
"""What keeps a file from being used: problem, remedy."""


class Secrets(enum.Flag):
    """Which of a site's secrets a program needs; it neither reads nor judges the files of the others."""

    NONE = 0
    CAMERAS = enum.auto()
    LINK = enum.auto()
    PAGE = enum.auto()
    ALL = CAMERAS | LINK | PAGE


@dataclass(frozen=True)
class Vault:
    """Finds secrets for one program.

    Attributes:
        folder: of site.toml; relative paths start there.
        asked: what the program needs.
        credentials: where the service manager has put the program's secrets, each under the file name that it has in
            site.toml; None where it has not.
    """

    folder: Path
    asked: Secrets = Secrets.ALL
    credentials: Path | None = None

    def place(self, name: str) -> Path:
        """Give where the secret that site.toml calls ``name`` is read: the credential of its file name, else itself."""
        credential = self._credential(name)
        return self.folder / name if credential is None else credential

    def is_there(self, name: str) -> bool:
        """Tell whether that place can be looked at; a closed folder hides what is in it."""
        return _mode(self.place(name)) is not None

    def password_trouble(self, name: str) -> Trouble | None:
        """Say what keeps a password file from being used; None where it is fine."""
        path = self.place(name)
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            return "names a file that cannot be read (not text)", "make it a text file with the password alone"
        except OSError as error:
            return self._unreadable(name, error, f"write the password into it, then: chmod 600 {path}")
        trouble = self.open_trouble(name)
        if trouble is None and (len(lines) != 1 or not lines[0]):
            return "names a file that does not hold exactly one line", "put the password alone on its first line"
        return trouble

    def key_trouble(self, name: str) -> Trouble | None:
        """Say what keeps a key file from being used; None where it can be read, and not by everybody."""
        try:
            self.place(name).open("rb").close()
        except OSError as error:
            return self._unreadable(name, error, "put it there")
        return self.open_trouble(name)

    def open_trouble(self, name: str) -> Trouble | None:
        """Say so where everybody on this machine may read a file; None also where it is not there."""
        mode = _mode(self.place(name))
        if mode is None or not mode & 0o007:
            return None
        return "names a file that everybody on this machine can read", f"chmod 600 {self.place(name)}"

    def password(self, name: str) -> str:
        """Read a password file that ``password_trouble`` has passed."""
        return self.place(name).read_text("utf-8").splitlines()[0]

    def _credential(self, name: str) -> Path | None:
        """Find a credential; one without content stands for a file that was not there when the service started."""
        if self.credentials is None:
            return None
        path = self.credentials / Path(name).name
        try:
            return path if path.read_bytes().strip() else None
        except OSError:
            return None

    def _unreadable(self, name: str, error: OSError, if_missing: str) -> Trouble:
        if self.credentials is not None:
            path = self.folder / name
            line = f"LoadCredential={path.name}:{path}"
            remedy = f"is {path} there, and {line} in the unit? The service takes it when it next starts"
            return "has not been handed to this service as a credential", remedy
        if isinstance(error, FileNotFoundError):
            return "names a file that is not there", if_missing
        if isinstance(error, PermissionError):
            return "names a file that this user may not read", "run this with sudo, or as the user that it belongs to"
        return f"names a file that cannot be read ({error.strerror})", "name a plain file"


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None
