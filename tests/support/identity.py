"""An office with its authority, and HQ's broker set up by the commands alone, as docs/guide/hq.md tells."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

from support.broker import Broker
from support.commands import command
from support.mqtt_client import Caller

AREA = "demo"
DISTRIBUTION = """\
pid_file {folder}/mosquitto.pid
persistence true
persistence_location {folder}/
log_dest file {folder}/said.log
include_dir {folder}/conf.d
"""
"""What Debian and Ubuntu ship as /etc/mosquitto/mosquitto.conf, with this folder in place of theirs."""


class Office:
    """A laptop with the records, and the machines whose keys it signs.

    Attributes:
        authority: the authority's folder.
        registry: HQ's registry.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = folder / "records" / "authority"
        self.registry = folder / "records" / "registry"
        self.registry.mkdir(parents=True, exist_ok=True)
        if not self.authority.exists():
            done("ca", "new", self.authority, "--area", AREA, "--name", "CA xã Thử")

    def copy(self, folder: Path) -> Office:
        """Give an office of its own with the same records and machines."""
        shutil.copytree(self._folder, folder)
        return Office(folder)

    @property
    def ca(self) -> Path:
        return self.authority / "ca.pem"

    def machine(self, name: str, role: str = "box", *options: str) -> tuple[Path, Path]:
        """Make a key on a machine, certify it; gives certificate and key."""
        stem = "box" if role == "box" else role
        pki = self._folder / "machines" / name
        only = () if role == "box" else ("--tls-only",)
        done("box", "key", name, "--dir", pki, "--stem", stem, *only)
        self.sign(name, role, *options)
        return self.files(name, stem)

    def files(self, name: str, stem: str = "box") -> tuple[Path, Path]:
        """Certificate and key of a machine that has them."""
        pki = self._folder / "machines" / name
        return pki / f"{stem}.pem", pki / f"{stem}.key"

    def sign(self, name: str, role: str = "box", *options: str) -> None:
        pki = self._folder / "machines" / name
        request = pki / ("box.csr" if role == "box" else f"{role}.csr")
        output = request.with_suffix(".pem")
        done("ca", "sign", self.authority, request, "--name", name, "--role", role, "-o", output, *options)

    def revoke(self, name: str) -> None:
        done("ca", "revoke", self.authority, name)

    def register(self, box: str, area: str = AREA) -> Path:
        """Put a box into the registry, with its real keys, as ``commune-agent register`` writes it."""
        pki = self._folder / "machines" / box
        keys = {signer: (pki / f"{signer}.pub").read_text().strip() for signer in ("watch", "page", "uplink")}
        path = self.registry / f"{box}.json"
        path.write_text(json.dumps({"box": box, "area": area, "name": box, "keys": keys}))
        return path


class OfficeBroker(Broker):
    """Mosquitto with the configuration that the commands wrote, included by the distribution's own file.

    Its certificate is that of the machine ``name``, made by ``office.machine(name, "broker")``.
    """

    def __init__(self, folder: Path, office: Office, name: str = "localhost") -> None:
        super().__init__(folder)
        self._folder, self._office = folder, office
        pki = folder / "pki"
        pki.mkdir()
        (folder / "conf.d").mkdir()
        (pki / "ca.pem").write_bytes(office.ca.read_bytes())
        cert, key = office.files(name, "broker")
        (pki / "broker.pem").write_bytes(cert.read_bytes())
        (pki / "broker.key").write_bytes(key.read_bytes())
        self.bring()
        where = ("--address", "127.0.0.1", "--port", str(self.port))
        config = folder / "conf.d" / "commune.conf"
        done("broker", "config", "--area", AREA, "--pki", pki, "--acl", folder / "acl", *where, "-o", config)

    def bring(self) -> None:
        """Carry the office's revocation list and access list to HQ."""
        (self._folder / "pki" / "crl.pem").write_bytes((self._office.authority / "crl.pem").read_bytes())
        done("broker", "acl", "--registry", self._office.registry, "--area", AREA, "-o", self._folder / "acl")

    def reload(self) -> None:
        """Have it read them again."""
        self.bring()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def call(self, machine: tuple[Path, Path], client_id: str = "") -> Caller:
        return Caller(self.port, self._office.ca, *machine, client_id)

    def _write_config(self) -> None:
        lines = DISTRIBUTION.format(folder=self._folder)
        if os.geteuid() == 0:
            lines += "user root\n"  # otherwise it drops to a user who cannot read a test's files
        self.config.write_text(lines, "utf-8")


def done(*words: str | Path) -> str:
    """Run a command that must succeed; gives what it printed."""
    run = command(*words)
    assert run.returncode == 0, run.stderr
    return run.stdout
