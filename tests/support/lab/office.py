"""The technician's working folder on the laptop of the lab, and what is done with it there."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from support.lab.lab import Lab
from support.lab.network import HQ_ADDRESS
from support.lab.shell import LabError, last_lines, run

AREA = "lab"
HQ_HOST = "hq.lab"
HQ_NAME = f"hq-{AREA}"
_PLAY_S = 900.0
_RECAP = re.compile(
    r"^(\S+)\s*: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=\d+\s+rescued=(\d+)",
    re.MULTILINE,
)
_TASK = re.compile(r"^TASK \[(.+?)\]|^changed: \[(.+?)\]", re.MULTILINE)


@dataclass(frozen=True)
class Play:
    """What came of a play.

    Attributes:
        took_s: how long it ran.
        changed: how many tasks changed something, by host.
        log: all it said.
    """

    took_s: float
    changed: dict[str, int]
    log: Path

    def changes(self) -> list[str]:
        """Name the tasks that changed something."""
        task, found = "", []
        for told in _TASK.finditer(self.log.read_text("utf-8")):
            task = told[1] or task
            if told[2]:
                found.append(f"{told[2].split()[0]}: {task}")
        return found


class Office:
    """The working folder: inventory, sites, records.

    Attributes:
        folder: it.
        bundle: the unpacked offline bundle on the laptop.
    """

    def __init__(self, lab: Lab, bundle: Path) -> None:
        self.folder = lab.record.folder / "office"
        self.bundle = bundle
        self._lab = lab
        self._plays = 0

    @property
    def ansible_home(self) -> Path:
        """Where the laptop's Ansible keeps what is its own: facts, connections."""
        return self._lab.record.folder / "ansible"

    @property
    def records(self) -> Path:
        """The folder of records."""
        return self.folder / "records"

    def command(self, *words: str | Path) -> str:
        """Run ``commune-agent`` on the laptop and give what it printed.

        Raises:
            LabError: it failed.
        """
        done = run(*self._on_laptop(), _program("commune-agent"), *words, limit_s=120)
        if done.returncode:
            raise LabError(
                f"commune-agent {' '.join(map(str, words))}: exit code {done.returncode}: {last_lines(done)}"
            )
        return done.stdout

    def open(self, rows: list[dict[str, str]]) -> str:
        """Make authority, sites and inventory from the rows of a survey sheet; gives what the site command said."""
        self.folder.mkdir(mode=0o700)
        self.command("ca", "new", self.records / "authority", "--area", AREA, "--name", "CA xã Lab")
        sheet = self.folder / "survey.csv"
        with sheet.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        said = self.command("site", "new", sheet, "-o", self.folder)
        with (self.folder / "inventory/group_vars/all.yml").open("a", encoding="utf-8") as shared:
            shared.write(self._own_settings())
        return said

    def site(self, box: str) -> Path:
        """Name the site.toml of a box."""
        return self.folder / "sites" / box / "site.toml"

    def page_password(self, box: str) -> tuple[str, str]:
        """Read user and first page password from the technician's record of a box."""
        text = (self.records / "boxes" / box / "record.txt").read_text("utf-8")
        user, password = (re.search(rf"^{word}: +(\S+)$", text, re.MULTILINE) for word in ("Tài khoản", "Mật khẩu"))
        if user is None or password is None:
            raise LabError(f"the record of {box} shows no user and password")
        return user[1], password[1]

    def play(self, name: str, *words: str) -> Play:
        """Run a playbook of the bundle on the laptop.

        Raises:
            LabError: it failed somewhere; the text has its end.
        """
        self._plays += 1
        log = self.folder / f"play-{self._plays}-{name}.log"
        began_s = time.monotonic()
        with log.open("w", encoding="utf-8") as out:
            code = _run_in(self.folder, [*self.play_words(name), *words], out)
        took_s = time.monotonic() - began_s
        text = log.read_text("utf-8")
        recap = _RECAP.findall(text)
        if code or not recap or any(host[2:] != ("0", "0", "0") for host in recap):
            raise LabError(f"{name} failed with exit code {code}; all it said: {log}\n{_told_last(text)}")
        return Play(took_s, {host[0]: int(host[1]) for host in recap}, log)

    def play_words(self, name: str) -> list[str | Path]:
        """Give the command line of a playbook."""
        playbook = self.bundle / "ansible" / name
        return [*self._on_laptop(), _program("ansible-playbook"), "-i", "inventory", playbook]

    def _on_laptop(self) -> list[str | Path]:
        """Give what goes before every command here: the laptop's network, and its user's settings."""
        settings = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "ANSIBLE_CONFIG": self.bundle / "ansible/ansible.cfg",
            "ANSIBLE_HOME": self.ansible_home,
            # Every lab has the same addresses, and ssh goes by address: with the common folder a play would run on
            # over the connection of another lab.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.ansible_home / "cp",
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        return [self._lab.laptop, "env", "-C", self.folder, *(f"{name}={value}" for name, value in settings.items())]

    def _own_settings(self) -> str:
        """Give what a technician adds to group_vars: who logs in, and HQ's address where no name server knows it."""
        return f"""
ansible_user: technician
ansible_ssh_private_key_file: "{self._lab.technician_key}"
ansible_ssh_common_args: "-o UserKnownHostsFile={self._lab.known_hosts} -o IdentitiesOnly=yes"
commune_hosts: {{{HQ_HOST}: {HQ_ADDRESS}}}
"""


def _told_last(text: str) -> str:
    """Give what a play said from its first failure on, or its end."""
    lines = text.splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith(("fatal:", "[ERROR]"))), len(lines) - 20)
    return "\n".join(lines[max(0, first - 3) : first + 30])


def _program(name: str) -> str:
    """Find a program of the environment that runs this."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise LabError(f"{name} is not installed; run ./run lab, or ./run office once")
    return found


def _run_in(folder: Path, line: list[str | Path], out: TextIO) -> int:
    words = list(map(str, line))
    try:
        return subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=_PLAY_S, check=False
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise LabError(f"a play took longer than {_PLAY_S:.0f} s") from error
