"""A machine of the lab: a really booted Debian 12, in a network namespace and control group of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.lab import cgroups
from support.lab.base import TECHNICIAN
from support.lab.network import Network
from support.lab.record import Record, started
from support.lab.shell import LabError, call, run, until

_ENDS_S = 60.0
_COMES_UP_S = 60.0
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# With --keep-unit a machine that reboots ends its systemd-nspawn with 133; anything else is the end of it. The shell
# enters the machine's own groups first: without them all machines would share one, and their services with it; and a
# machine whose run was cleared away in that very moment finds no group and ends.
_LOOP = """\
echo $$ > "$PID_FILE"
for group in $GROUPS_OF_MACHINE; do echo $$ > "$group/cgroup.procs" || exit 1; done
while :; do "$@"; code=$?; echo "lab: systemd-nspawn ended with $code"; [ $code = 133 ] || exit $code; done
"""
# cgroup2 alone, with the rights to load its filters: IPAddressDeny= and DevicePolicy= are then enforced, not ignored.
_STRICT = ("--capability=CAP_BPF,CAP_PERFMON,CAP_NET_ADMIN", "--system-call-filter=bpf")


@dataclass(frozen=True)
class Place:
    """Who a machine is.

    Attributes:
        name: its host name: ``box1``, ``hq``.
        address: where the technician's laptop reaches it.
    """

    name: str
    address: str


class Machine:
    """One machine; its disk outlives reboots and power cuts, and goes with the run.

    Attributes:
        place: who it is.
        folder: its folder in the run's: ``root`` is its disk, ``console.log`` what it says while booting.
    """

    def __init__(self, place: Place, record: Record, network: Network) -> None:
        self.place = place
        self.folder = record.folder / place.name
        self.root = self.folder / "root"
        self._record, self._network = record, network
        self._unique = network.name(place.name)

    def furnish(self, base: Path, technician_key: str) -> str:
        """Lay its disk over the base system; gives its public ssh host key."""
        parts = {name: self.folder / name for name in ("upper", "work", "root")}
        for folder in parts.values():
            folder.mkdir(parents=True)
        self._record.mount(self.root)
        options = f"lowerdir={base},upperdir={parts['upper']},workdir={parts['work']}"
        call("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        host_key = self.root / "etc/ssh/ssh_host_ed25519_key"
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.place.name, "-f", host_key)
        # Without its own name in /etc/hosts every sudo would wait 10 s for a name service.
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {self.place.name}\n"
        (self.root / "etc/hosts").write_text(hosts, "utf-8")
        (self.root / "etc/hostname").write_text(f"{self.place.name}\n", "utf-8")
        self._let_in(technician_key)
        return " ".join(host_key.with_suffix(".pub").read_text("ascii").split()[:2])

    def boot(self) -> None:
        """Switch it on; returns at once."""
        self._record.group(self._unique)
        groups = cgroups.make(self._unique)
        disk, left = self.root.stat(), Path("/run/systemd/nspawn")
        for path in (f"propagate/{self._unique}", f"locks/inode-{disk.st_dev}:{disk.st_ino}"):
            self._record.leftover(left / path)
        said_pid = self.folder / "pid.new"
        said_pid.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PID_FILE": str(said_pid),
            "GROUPS_OF_MACHINE": " ".join(map(str, groups)),
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        with (self.folder / "console.log").open("ab") as console:
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", _LOOP, "sh", *self._nspawn()],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=environment,
                check=True,
            )
        pid = int(
            until(lambda: said_pid.exists() and said_pid.read_text("ascii").strip(), 10, "the machine's loop runs")
        )
        self._record.process(pid)
        (self.folder / "pid").write_text(f"{pid} {started(pid)}", "ascii")

    def running(self) -> bool:
        """Tell whether it is switched on."""
        try:
            pid, since = map(int, (self.folder / "pid").read_text("ascii").split())
        except FileNotFoundError:
            return False
        return started(pid) == since

    def leader(self) -> int:
        """Give the process that is the machine's process 1.

        Raises:
            LabError: it is not booted.
        """
        for pid in sorted(cgroups.members(cgroups.groups(self._unique))):
            if _is_first_inside(pid):
                return pid
        raise LabError(f"{self.place.name} is not booted: {self.console()}")

    def enter(self, *words: str, user: str = "root", given: str = "", limit_s: float = 60) -> str:
        """Run a program in the machine, past its network and its ssh, and give what it printed.

        Raises:
            LabError: it failed, or the machine is not booted.
        """
        return call(*self.inside(*words, user=user), given=given, limit_s=limit_s)

    def tried(self, *words: str, user: str = "root", limit_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program in the machine, whatever it ends with."""
        return run(*self.inside(*words, user=user), limit_s=limit_s)

    def inside(self, *words: str, user: str = "root") -> list[str]:
        """Give the command line that runs a program in the machine as ``user``."""
        enter = ["nsenter", "-t", str(self.leader()), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i", _PATH]
        return [*enter, *(["runuser", "-u", user, "--"] if user != "root" else []), *words]

    def boot_id(self) -> str:
        """Name the boot that it is in; empty while it is in none."""
        try:
            return self.enter("cat", "/proc/sys/kernel/random/boot_id").strip()
        except LabError:
            return ""

    def up(self) -> bool:
        """Tell whether systemd in it has started everything it was going to."""
        try:
            return self.tried("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")
        except LabError:
            return False

    def wait_up(self, limit_s: float = _COMES_UP_S) -> None:
        """Wait until it has booted.

        Raises:
            LabError: it has not; the text has the end of its console.
        """

        def booted_or_dead() -> bool:
            if not self.running():
                raise LabError(f"{self.place.name} went off while booting: {self.console()}")
            return self.up()

        try:
            until(booted_or_dead, limit_s, f"{self.place.name} has booted")
        except LabError as error:
            raise LabError(f"{error}; its console: {self.console()}") from error

    def cut_power(self) -> None:
        """Take its power away: nothing in it is asked or told.

        Its processes and its memory are gone at once; what it wrote without syncing is not, since this machine's own
        page cache lives on.
        """
        os.kill(self.leader(), signal.SIGKILL)
        until(lambda: not self.running(), _ENDS_S, f"{self.place.name} is off")

    def console(self, count: int = 15) -> str:
        """Give the end of what it has said on its console."""
        log = self.folder / "console.log"
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        return "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()[-count:])

    def _let_in(self, technician_key: str) -> None:
        home = self.root / "home" / TECHNICIAN
        owner = home.stat()
        folder = home / ".ssh"
        folder.mkdir(mode=0o700)
        keys = folder / "authorized_keys"
        keys.write_text(technician_key, "ascii")
        for path in (folder, keys):
            os.chown(path, owner.st_uid, owner.st_gid)

    def _nspawn(self) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--directory={self.root}",
            "--boot",
            f"--machine={self._unique}",
            f"--hostname={self.place.name}",
            f"--network-namespace-path=/run/netns/{self._unique}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=read-only",
            *_STRICT,
            "systemd.show_status=yes",  # goes to systemd itself, so that the console shows how far a boot came
        ]


def _is_first_inside(pid: int) -> bool:
    """Tell whether a process is process 1 of a process namespace right below this one."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    except OSError:
        return False
    found = re.search(r"^NSpid:\t(.*)$", status, re.MULTILINE)
    return found is not None and found[1].split()[1:] == ["1"]
