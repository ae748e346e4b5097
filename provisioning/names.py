"""The names a certificate may carry; whoever reads the broker's user name trusts them to be nothing else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from agent.core.message import HQ_BOX
from agent.core.message.fields import ID
from agent.errors import ConfigError

ROLES = ("box", "hq", "broker")
"""What a certificate is for: a box and HQ's receiver are clients, the broker is the server."""

_ID_FORM = "use 1 to 32 small letters a-z, digits and -"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST_CHARS = 64  # X.509 allows a common name no more (RFC 5280, ub-common-name)


def hq_name(area: str) -> str:
    """Give the name of an area's receiver, as client of the broker."""
    return f"{HQ_BOX}-{area}"


def check_area(area: str) -> str:
    """Accept an area id.

    Raises:
        ConfigError: it is none.
    """
    if not ID.fullmatch(area):
        raise ConfigError("area", f"{area!r} is no area id; {_ID_FORM}, the same as in the boxes' site.toml")
    return area


def check_box(name: str) -> str:
    """Accept a box id.

    Raises:
        ConfigError: it is none, or one that HQ's own connections go by.
    """
    if not ID.fullmatch(name):
        raise ConfigError("box", f"{name!r} is no box id; {_ID_FORM}, the same as [box] id in its site.toml")
    if name.startswith(HQ_BOX):
        raise ConfigError("box", f"{name!r} is reserved for HQ; give the box another id, for example gate-01")
    return name


def check_host(name: str) -> str:
    """Accept a host name: letters, digits and hyphens between dots (RFC 1123), in small letters, no address.

    Raises:
        ConfigError: it is none.
    """
    labels = name.split(".")
    if len(name) > _HOST_CHARS or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ConfigError(
            "host",
            f"{name!r} is no host name; use small letters, digits, - and dots, at most {_HOST_CHARS} characters in"
            " all, and give an IP address with --address",
        )
    return name


def check_name(name: str, role: str, area: str) -> str:
    """Accept the name of a certificate for what it is to be.

    Raises:
        ConfigError: this role takes another kind of name.
    """
    if role == "box":
        return check_box(name)
    if role == "broker":
        return check_host(name)
    if name != hq_name(area):
        raise ConfigError("--name", f"HQ's receiver of area {area} is called {hq_name(area)}, not {name!r}; use that")
    return name


def check_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Accept further host names and IP addresses of a broker; each once, in a fixed order.

    Raises:
        ConfigError: one is neither.
    """
    return tuple(sorted({_address(address) for address in addresses}))


def is_ip(address: str) -> bool:
    """Tell an IP address from a host name."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    if "%" not in text and is_ip(text):
        return str(ipaddress.ip_address(text))
    return check_host(text)
