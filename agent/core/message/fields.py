"""Checked reading of the JSON that travels: a reader gives a value of its type or raises Malformed with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from agent.core.event import Json
from agent.errors import AgentError

STREAMS = ("a", "d", "u", "w", "m")
"""In order of urgency: incidents, the desk's dispositions, the uplink's own facts, health, pictures."""

COUNT_LIMIT = 1 << 63  # what SQLite and every JSON reader worth the name can hold
_CONTROL_BYTES = 16_384
ID = re.compile(r"[a-z0-9-]{1,32}")
UTC_LIMIT_US = 253_370_764_800_000_000  # the year 9999: beyond it no calendar can show a time
_DIGITS = re.compile(r"[0-9]{1,19}")


class Malformed(AgentError):
    """A message is not what its topic promises; the text says why."""


def write_object(fields: dict[str, Json]) -> bytes:
    """Write compact JSON in UTF-8."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def read_object(payload: bytes, what: str, limit_bytes: int = _CONTROL_BYTES) -> dict[str, Json]:
    """Read one JSON object; ``what`` names it in the reason."""
    if len(payload) > limit_bytes:
        raise Malformed(f"{what} of {len(payload)} bytes; the limit is {limit_bytes}")
    try:
        fields = json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
        if b"\\u" in payload:
            write_object(fields)  # half a surrogate pair passes json.loads and then breaks whoever stores or prints it
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is no JSON in UTF-8 ({str(error)[:120]})") from error
    if not isinstance(fields, dict):
        raise Malformed(f"{what} is no JSON object")
    return fields


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is no JSON number")


def read_text(fields: Mapping[str, Json], key: str, default: str | None = None) -> str:
    """Read a text of at most 200 characters; without a default it must be there."""
    value = fields.get(key, default)
    if not isinstance(value, str) or len(value) > 200:
        raise Malformed(f"{key} is missing or no text of at most 200 characters")
    return value


def read_match(fields: Mapping[str, Json], key: str, pattern: re.Pattern[str]) -> str:
    """Read a text that ``pattern`` covers wholly."""
    value = read_text(fields, key)
    if not pattern.fullmatch(value):
        raise Malformed(f"{key} {value[:80]!r} has not the form {pattern.pattern}")
    return value


def read_count(fields: Mapping[str, Json], key: str, least: int = 0) -> int:
    """Read a whole number from ``least`` to 2^63 - 1."""
    value = fields.get(key)
    if type(value) is not int or not least <= value < COUNT_LIMIT:
        raise Malformed(f"{key} is missing or no whole number from {least}")
    return value


def read_digits(fields: Mapping[str, Json], key: str, least: int = 0, limit: int = COUNT_LIMIT) -> int:
    """Read a whole number from ``least`` and below ``limit`` that travels as text."""
    value = read_text(fields, key)
    if not _DIGITS.fullmatch(value) or not least <= int(value) < limit:
        raise Malformed(f"{key} {value[:40]!r} is no whole number from {least} to {limit - 1}")
    return int(value)


def read_epoch(fields: Mapping[str, Json]) -> int:
    """Read ``epoch``: 63 bits, in text because many JSON readers keep only 53."""
    return read_digits(fields, "epoch", least=1)


def read_stream(fields: Mapping[str, Json]) -> str:
    """Read ``stream``."""
    stream = read_text(fields, "stream")
    if stream not in STREAMS:
        raise Malformed(f"stream {stream[:40]!r} is none of {', '.join(STREAMS)}")
    return stream
