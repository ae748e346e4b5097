"""Keys and requests as machines make them, and an authority whose clock the test owns."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.clock import SimulatedClock
from provisioning.authority import Signature, Wish, held
from provisioning.certificates import Issued, PrivateKey, new_key, read_request, request_pem
from provisioning.founding import found
from provisioning.office import Inventory, take_inventory

AREA = "demo"
DAY_US = 86_400_000_000


class Desk:
    """An authority and the one who uses it.

    Attributes:
        folder: the authority's.
        clock: moves only when told.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "authority"
        self.clock = SimulatedClock()
        found(self.folder, AREA, "CA xã Thử", self.clock)

    def wait(self, days: float) -> None:
        self.clock.step_wall(round(days * DAY_US))

    def sign(self, name: str, key: PrivateKey | None = None, role: str = "box", **wish: object) -> Signature:
        request = read_request(request_pem(key or new_key(), name), "box.csr")
        with held(self.folder, self.clock) as authority:
            return authority.sign(request, Wish(name, role, **wish))  # type: ignore[arg-type]

    def revoke(self, name: str, serial: str = "") -> list[Issued]:
        with held(self.folder, self.clock) as authority:
            return authority.revoke(name, serial)

    def renew_list(self, days: int) -> None:
        with held(self.folder, self.clock) as authority:
            authority.write_list(days)

    def look(self) -> Inventory:
        return take_inventory(self.folder, self.clock)

    def listed(self) -> set[str]:
        """The serials that crl.pem lists, as openssl reads them."""
        told = openssl("crl", "-in", self.folder / "crl.pem", "-noout", "-text").stdout
        return {
            line.split(":")[1].strip().lower().lstrip("0") for line in told.splitlines() if "Serial Number:" in line
        }


def openssl(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False, timeout=30)
