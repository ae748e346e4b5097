"""Where messages go."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.core.message.fields import ID, Malformed

ROOT = "commune/v1"
HQ_BOX = "hq"
_LEAF = re.compile(r"(e|i|ic|s|h|hello|ack|cmd/[a-z0-9_]{1,32})")


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a message goes.

    Attributes:
        area: the unit HQ is.
        box: box id; ``hq`` for HQ's own state.
        leaf: ``e``, ``i``, ``ic``, ``s``, ``h``, ``hello``, ``ack`` or ``cmd/NAME``.
    """

    area: str
    box: str
    leaf: str

    def __str__(self) -> str:
        """Write the topic as MQTT knows it."""
        return f"{ROOT}/{self.area}/{self.box}/{self.leaf}"


def parse_topic(text: str) -> Topic:
    """Read a topic.

    Raises:
        Malformed: it is none of ours.
    """
    parts = text.split("/", 4)
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise Malformed(f"topic {text[:120]!r} is not {ROOT}/AREA/BOX/…")
    _, _, area, box, leaf = parts
    if not (ID.fullmatch(area) and ID.fullmatch(box) and _LEAF.fullmatch(leaf)):
        raise Malformed(f"topic {text[:120]!r} names no area, box or kind of message")
    return Topic(area, box, leaf)
