"""The whole lab: boxes, HQ, the technician's laptop, and the network between them."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

from support.lab import cgroups
from support.lab.base import TECHNICIAN, base_root
from support.lab.machine import Machine, Place
from support.lab.network import HQ_FAST_ADDRESS, Network, box_address
from support.lab.record import Record, clear_dead_runs
from support.lab.shell import LabError, call, run, until

_SSH_S = 30.0
_LAPTOP = """\
#!/bin/sh
# Runs a command on the technician's laptop of this lab: in its network, and known to the lab, which ends it.
for group in {groups}; do echo $$ > "$group/cgroup.procs"; done
exec ip netns exec {namespace} "$@"
"""
_SSH_CONFIG = """\
Host *
  User {user}
  IdentityFile {folder}/technician
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ConnectTimeout 2
  LogLevel ERROR
"""


class Lab:
    """A running lab.

    Attributes:
        record: what was started for it, and where its files lie.
        network: its links.
        boxes: the machines at the site, the first being ``box1``.
        hq: HQ's machine.
    """

    def __init__(self, record: Record, boxes: int) -> None:
        self.record = record
        self.network = Network(record)
        places = [Place(f"box{number}", box_address(number)) for number in range(1, boxes + 1)]
        self.boxes = [Machine(place, record, self.network) for place in places]
        self.hq = Machine(Place("hq", HQ_FAST_ADDRESS), record, self.network)

    @classmethod
    def start(cls, boxes: int, say: Callable[[str], object], *, kept: bool = False) -> Lab:
        """Clear dead runs away, then build, boot and wait until the technician can log in everywhere.

        Args:
            boxes: how many.
            say: takes a line for each step.
            kept: the lab goes on after this process, until it is taken down.

        Raises:
            LabError: it did not come up; what there was of it is gone again.
        """
        clear_dead_runs(say)
        base = base_root(say)
        lab = cls(Record.begin(kept), boxes)
        try:
            lab._build(base)
            lab._boot(say)
        except BaseException:
            lab.stop()
            raise
        return lab

    @classmethod
    def found(cls, record: Record) -> Lab:
        """Give a lab that was started by another process."""
        return cls(record, json.loads((record.folder / "lab.json").read_text("utf-8"))["boxes"])

    @property
    def machines(self) -> list[Machine]:
        """All machines, HQ last."""
        return [*self.boxes, self.hq]

    @property
    def laptop(self) -> Path:
        """The command that goes before every command of the technician's laptop."""
        return self.record.folder / "on-laptop"

    @property
    def ssh_config(self) -> Path:
        """The laptop's ssh configuration: ``box1``, ``box2``, ``hq``."""
        return self.record.folder / "ssh_config"

    @property
    def technician_key(self) -> Path:
        """The technician's private ssh key."""
        return self.record.folder / "technician"

    @property
    def known_hosts(self) -> Path:
        """The host keys of every machine, by name and address."""
        return self.record.folder / "known_hosts"

    def ssh(self, machine: Machine, command: str, *, given: str = "", limit_s: float = 60) -> str:
        """Run a command line on a machine as the technician does, over the LAN; give what it printed.

        Raises:
            LabError: it failed, or the machine does not let the technician in.
        """
        return call(*self.ssh_words(machine, command), given=given, limit_s=limit_s)

    def ssh_words(self, machine: Machine, command: str) -> list[str]:
        """Give the command line of that."""
        return [str(self.laptop), "ssh", "-F", str(self.ssh_config), machine.place.name, command]

    def lets_in(self, machine: Machine) -> bool:
        """Tell whether the technician can log in."""
        return run(*self.ssh_words(machine, "true")).returncode == 0

    def wait_ssh(self, machine: Machine, limit_s: float = _SSH_S) -> None:
        """Wait until the technician can log in.

        Raises:
            LabError: the machine does not let anybody in.
        """
        until(lambda: self.lets_in(machine), limit_s, f"{machine.place.name} lets the technician in")

    def reboot(self, machine: Machine) -> None:
        """Let a machine reboot in good order, as the technician asks for it, and wait until it has.

        Raises:
            LabError: it does not come back.
        """
        before = machine.boot_id()
        run(*self.ssh_words(machine, "sudo systemctl reboot"))  # the connection ends with the machine
        until(lambda: machine.boot_id() not in ("", before), 90, f"{machine.place.name} boots again")
        machine.wait_up()
        self.wait_ssh(machine)

    def stop(self) -> None:
        """End and remove everything of this run."""
        self.record.clear()

    def _build(self, base: Path) -> None:
        folder = self.record.folder
        (folder / "lab.json").write_text(json.dumps({"boxes": len(self.boxes)}), "utf-8")
        self.network.build(len(self.boxes))
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", TECHNICIAN, "-f", self.technician_key)
        key = self.technician_key.with_suffix(".pub").read_text("ascii")
        hosts = [(machine.place, machine.furnish(base, key)) for machine in self.machines]
        self.known_hosts.write_text("".join(f"{place.name},{place.address} {key}\n" for place, key in hosts), "ascii")
        aliases = "".join(f"Host {place.name}\n  HostName {place.address}\n" for place, _ in hosts)
        self.ssh_config.write_text(aliases + _SSH_CONFIG.format(user=TECHNICIAN, folder=folder), "utf-8")
        self._make_laptop()

    def _make_laptop(self) -> None:
        group = self.network.name("laptop")
        self.record.group(group)
        paths = " ".join(map(str, cgroups.make(group)))
        self.laptop.write_text(_LAPTOP.format(groups=paths, namespace=group), "utf-8")
        self.laptop.chmod(stat.S_IRWXU)

    def _boot(self, say: Callable[[str], object]) -> None:
        for machine in self.machines:
            say(f"switching {machine.place.name} on")
            machine.boot()
        for machine in self.machines:
            machine.wait_up()
            self.wait_ssh(machine)
            if not machine.running():
                raise LabError(f"{machine.place.name} went off: {machine.console()}")
