"""The values of site.toml that need more than a type: ids, addresses, outlines, windows; stdlib only."""

from __future__ import annotations

import difflib
import ipaddress
import re
import urllib.parse
import zoneinfo
from collections.abc import Iterable
from datetime import time

from agent.core import polygon
from agent.rules.settings import DEFAULTS, Window

ID_PATTERN = r"^[a-z0-9-]{1,32}$"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?P<days>[a-z,\s-]+?)\s+(?P<start>\d\d:\d\d)\s*-\s*(?P<end>\d\d:\d\d)")
_SECRET_IN_PATH = re.compile(r"(?i)((?:password|passwd|pass|pwd)=)[^&_/\s]*")


class Unfit(ValueError):
    """A value cannot be used.

    Attributes:
        problem: what is wrong with it.
        remedy: what to write instead.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that ``word`` was probably meant to be."""
    found = difflib.get_close_matches(word.lower(), list(known), 1, 0.6)
    return found[0] if found else None


def choice(word: str, known: Iterable[str]) -> str:
    """Say what to write instead of ``word``: the nearest known one, or all of them."""
    known = sorted(known)
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"use one of: {', '.join(known)}"


def veiled(value: str) -> str:
    """Give ``value`` without what may be a password: anything before an @, and ``password=…`` within an address."""
    if "@" in value:
        scheme, slashes, rest = value.rpartition("://") if "://" in value else ("", "", value)
        value = f"{scheme}{slashes}***@{rest.rpartition('@')[2]}"
    return _SECRET_IN_PATH.sub(r"\1***", value)


def shows_password(url: str) -> bool:
    """Tell whether an address carries a password in its path or query, as some cameras want it."""
    return _SECRET_IN_PATH.search(url) is not None


def check_id(value: str) -> str:
    """Accept an id: topics, file names and HQ's tables are built of it."""
    if not re.match(ID_PATTERN, value) or value.endswith("\n"):
        raise Unfit("is no id", "use 1 to 32 small letters a-z, digits and -")
    return value


def check_box_id(value: str) -> str:
    """Accept a box id; the receiving end is ``hq`` in topics and ``hq-AREA`` as a client of the broker."""
    remedy = "give the box another id, for example gate-01"
    if check_id(value) == "hq":
        raise Unfit("is reserved for HQ's own topics", remedy)
    if value.startswith("hq-"):
        raise Unfit("is reserved for HQ's own connections", remedy)
    return value


def check_rule(value: str) -> str:
    """Accept the id of a rule that this version knows."""
    if value not in DEFAULTS:
        raise Unfit("is an unknown rule", choice(value, DEFAULTS))
    return value


def check_text(value: str) -> str:
    """Accept a name that people read."""
    if not value.strip() or not value.isprintable() or len(value) > 80:
        raise Unfit("is no name", "use 1 to 80 printable characters on one line")
    return value


def check_timezone(value: str) -> str:
    """Accept an IANA time zone."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = {name.lower(): name for name in zoneinfo.available_timezones()}
        near = nearest(value, known)
        remedy = f"did you mean {known[near]}?" if near else "use an IANA name such as Asia/Ho_Chi_Minh"
        raise Unfit("is an unknown time zone", remedy) from error
    return value


def check_polygon(corners: list[list[float]]) -> list[list[float]]:
    """Accept an outline: pairs, within the picture, not crossing itself."""
    for number, corner in enumerate(corners, 1):
        if len(corner) != 2:
            raise Unfit(f"corner {number} has {len(corner)} numbers", "write each corner as [x, y], both from 0 to 1")
    fault = polygon.fault(polygon.polygon(corners))
    if fault:
        raise Unfit(fault, "draw it again on: commune-agent still CAMERA -o still.jpg --grid")
    return corners


def check_host(value: str) -> str:
    """Accept a host name or address without scheme, port or user."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if "://" in value:
            raise Unfit("carries a scheme", "write the bare host name; the port has its own key") from None
        if re.search(r":\d+$", value):
            raise Unfit("carries a port", "write the bare host name; the port has its own key") from None
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", value):
            raise Unfit("is no host name or address", "use for example hq.example.org or 10.0.0.5") from None
    return value


def is_host(value: str) -> bool:
    """Tell whether ``check_host`` accepts ``value``."""
    try:
        check_host(value)
    except Unfit:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` can only mean this machine; a name other than localhost never counts."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_url(value: str) -> str:
    """Accept what a camera opens; RTSP addresses are looked at closely. Which schemes a backend knows: site_checks."""
    if not value.strip() or (any(ord(letter) <= 32 for letter in value.strip()) and "://" in value):
        raise Unfit("is empty or has a blank in it", "write a blank in an address as %20")
    if "://" not in value:
        if re.match(r"(?i)rtsps?:|[\w.-]+:\d+/|.*@", value):
            raise Unfit("has no scheme", "write rtsp://host:554/path")
        return value
    parts = urllib.parse.urlsplit(value)
    if parts.scheme == "rtsp":
        _check_rtsp(value, parts)
    return value


def _check_rtsp(value: str, parts: urllib.parse.SplitResult) -> None:
    if "@" in value:
        raise Unfit(
            "carries credentials",
            "move them to user = and password_file =, where special characters need no escaping;"
            " an @ in the path is written %40",
        )
    if not parts.hostname:
        raise Unfit("has no host", "write rtsp://host:554/path")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise Unfit("has no valid port", "write rtsp://host:554/path, with a port from 1 to 65535")
    if parts.fragment or "#" in value:
        raise Unfit("has a # in it, which would cut the address", "write it as %23")


def parse_window(text: str) -> Window:
    """Read a weekly window, ``mon-fri 22:00-05:00``, ``sat,sun 06:00-24:00`` or ``daily 22:00-05:00``.

    An end at or before the start means the next day.
    """
    found = _WINDOW.fullmatch(text.strip().lower())
    if not found:
        raise Unfit(
            "is no weekly window", 'write for example "mon-fri 22:00-05:00", "sat,sun 00:00-24:00" or "daily …"'
        )
    return Window(_days(found["days"]), _clock(found["start"]), _clock(found["end"].replace("24:00", "00:00")))


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        for day in (first, last or first):
            if day not in DAYS:
                raise Unfit(f"has the unknown day {day or part!r}", choice(day, [*DAYS, "daily"]))
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days.update(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
    return frozenset(days)


def _clock(text: str) -> time:
    hour, minute = int(text[:2]), int(text[3:])
    if hour > 23 or minute > 59:
        raise Unfit(f"has the impossible time {text}", "use 00:00 to 24:00")
    return time(hour, minute)


def check_window(text: str) -> str:
    """Accept a weekly window."""
    parse_window(text)
    return text
