"""The lab's network: a site LAN, HQ, and between them nothing but a slow link that can be cut.

    phone, laptop, box 1, box 2 … ── LAN 10.77.0.0/24 ── router ══ slow link ══ HQ 10.99.0.1
                └──────────────── the technician's own fast way, 10.98.0.0/30 ──────────┘

Every one of them is a network namespace of this run's own; the machine's own network is never touched, and nothing in
the lab has a way to it.
"""

from __future__ import annotations

from support.lab.record import Record
from support.lab.shell import call, run

HQ_ADDRESS = "10.99.0.1"
"""Where boxes find HQ."""
HQ_FAST_ADDRESS = "10.98.0.1"
"""Where the technician's laptop finds it."""
ROUTER_ADDRESS, LAPTOP_ADDRESS, PHONE_ADDRESS = "10.77.0.1", "10.77.0.2", "10.77.0.50"
_LAN, _WAN, _FAST = "10.77.0.0/24", "10.99.0.2", "10.98.0.2"
RATE_KBIT = 512


def box_address(number: int) -> str:
    """Give the address of box ``number`` (from 1) on the site's LAN."""
    return f"10.77.0.{10 + number}"


class Network:
    """The namespaces of one run and what ties them together."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def name(self, where: str) -> str:
        """Give the namespace of the ``laptop``, the ``phone``, the ``router``, ``hq``, or a box such as ``box1``."""
        return f"{self._record.name}-{where}"

    def build(self, boxes: int) -> None:
        """Make the whole network for so many boxes, its link at 512 kbit/s."""
        for where in ("router", "hq"):
            self._add(where)
        self._ip("router", "link add br0 type bridge")
        self._ip("router", f"addr add {ROUTER_ADDRESS}/24 dev br0")
        self._ip("router", "link set br0 up")
        for where, address in (("laptop", LAPTOP_ADDRESS), ("phone", PHONE_ADDRESS)):
            self._join_lan(where, address)
        for number in range(1, boxes + 1):
            self._join_lan(f"box{number}", box_address(number))
        self._tie("router", "wan0", f"{_WAN}/30", "hq", "wan0", f"{HQ_ADDRESS}/30")
        self._tie("laptop", "hq0", f"{_FAST}/30", "hq", "fast0", f"{HQ_FAST_ADDRESS}/30")
        self._ip("hq", f"route add {_LAN} via {_WAN}")
        call("ip", "netns", "exec", self.name("router"), "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.rate(RATE_KBIT)

    def rate(self, kbit: int) -> None:
        """Let so many kbit/s through the link, each way."""
        for where in ("router", "hq"):
            shape = f"qdisc replace dev wan0 root tbf rate {kbit}kbit burst 4kb latency 800ms"
            call("tc", "-n", self.name(where), *shape.split())

    def cut(self) -> None:
        """Cut the link between the site and HQ."""
        self._ip("router", "link set wan0 down")

    def mend(self) -> None:
        """Mend the link; HQ finds the site again as soon as it is up."""
        self._ip("router", "link set wan0 up")
        self._ip("hq", f"route replace {_LAN} via {_WAN}")

    def passed_bytes(self) -> int:
        """Count what has gone from the site to HQ over the link so far, in bytes on the wire."""
        path = "/sys/class/net/wan0/statistics/tx_bytes"
        return int(call("ip", "netns", "exec", self.name("router"), "cat", path))

    def reaches(self, where: str, address: str) -> bool:
        """Tell whether ``where`` has any route to ``address``."""
        return run("ip", "-n", self.name(where), "route", "get", address).returncode == 0

    def stray(self, address: str) -> None:
        """Give the phone an address besides its own, one that the site's router finds it by."""
        self._ip("phone", f"addr replace {address}/32 dev eth0")
        self._ip("router", f"route replace {address}/32 via {PHONE_ADDRESS}")

    def _add(self, where: str) -> None:
        self._record.namespace(self.name(where))
        call("ip", "netns", "add", self.name(where))
        self._ip(where, "link set lo up")

    def _join_lan(self, where: str, address: str) -> None:
        self._add(where)
        make = f"link add eth0 type veth peer name {where} netns {self.name('router')}"
        self._ip(where, make)
        self._ip("router", f"link set {where} master br0 up")
        self._ip(where, f"addr add {address}/24 dev eth0")
        self._ip(where, "link set eth0 up")
        self._ip(where, f"route add default via {ROUTER_ADDRESS}")

    def _tie(self, one: str, device: str, address: str, other: str, its_device: str, its_address: str) -> None:
        self._ip(one, f"link add {device} type veth peer name {its_device} netns {self.name(other)}")
        for where, what, where_to in ((one, device, address), (other, its_device, its_address)):
            self._ip(where, f"addr add {where_to} dev {what}")
            self._ip(where, f"link set {what} up")

    def _ip(self, where: str, words: str) -> None:
        call("ip", "-n", self.name(where), *words.split())
