"""Every word the page says, from one catalogue a language; and how it tells times and spans."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.errors import ConfigError

LANGUAGES = ("vi", "en")
"""Vietnamese first: it is what duty staff read."""

_ABSENCE = re.compile(r"(?:lost|withheld)\((.*)\)")

_SCRIPT_KEYS = (
    "ago.seconds",
    "ago.minutes",
    "ago.hours",
    "ago.days",
    "span.seconds",
    "span.minutes",
    "span.hours",
    "span.days",
)


@dataclass(frozen=True)
class Words:
    """One language's catalogue, and the site's timezone.

    Attributes:
        language: ``vi`` or ``en``.
        strings: catalogue keys to texts with ``{named}`` places.
        zone: for all times told.
    """

    language: str
    strings: dict[str, str]
    zone: ZoneInfo

    def __call__(self, key: str, **places: object) -> str:
        """Give the text of ``key`` with its places filled.

        Raises:
            KeyError: the catalogue lacks the key or a place was not given: a fault of this program.
        """
        return self.strings[key].format(**places)

    def known(self, family: str, member: str, **places: object) -> str:
        """Give the text of ``family.member``, or of ``family.other`` for a member that this version does not know."""
        key = f"{family}.{member}"
        return self(key if key in self.strings else f"{family}.other", **{"name": member, **places})

    def title(self, rule: str, label: str) -> str:
        """Name an incident by its rule and what was seen; always as something suspected."""
        return self("incident.title", rule=self.known("rule", rule), label=self.known("label", label))

    def lacking(self, evidence: str) -> str:
        """Say which pictures an incident lacks, and why.

        Args:
            evidence: as its events tell it: ``no before; lost(…)``, ``withheld(…)``.
        """
        parts = [_ABSENCE.sub(r"\1", part) for part in evidence.split("; ")]
        return " ".join(self.known("evidence", part.replace(" ", "_"), name=part) for part in parts)

    def when(self, utc_us: int) -> str:
        """Tell wall time as ``dd/MM/yyyy HH:mm:ss`` in the site's timezone."""
        moment = datetime.fromtimestamp(utc_us // 1_000_000, timezone.utc)
        return moment.astimezone(self.zone).strftime("%d/%m/%Y %H:%M:%S")

    def decimal(self, value: float) -> str:
        """Tell a number with one digit after the point, which is a comma in Vietnamese."""
        return f"{value:.1f}".replace(".", self("number.point"))

    def ago(self, seconds: float) -> str:
        """Tell an age coarsely; the same words and steps as ``ticking.js``."""
        n = max(0, int(seconds))
        for unit, size, until in (("seconds", 1, 60), ("minutes", 60, 3600), ("hours", 3600, 48 * 3600)):
            if n < until:
                return self(f"ago.{unit}", n=n // size)
        return self("ago.days", n=n // 86_400)

    def span(self, seconds: float) -> str:
        """Tell a duration by its two largest units; the same words and steps as ``ticking.js``."""
        n = max(0, int(seconds))
        if n < 60:
            return self("span.seconds", n=n)
        if n < 3600:
            return self("span.minutes", n=n // 60, m=n % 60)
        if n < 48 * 3600:
            return self("span.hours", n=n // 3600, m=n % 3600 // 60)
        return self("span.days", n=n // 86_400, m=n % 86_400 // 3600)

    @property
    def for_script(self) -> str:
        """The few texts that the browser itself fills, as JSON."""
        return json.dumps({key: self.strings[key] for key in _SCRIPT_KEYS}, ensure_ascii=False)


def load_words(timezone_name: str) -> dict[str, Words]:
    """Read both catalogues.

    Raises:
        ConfigError: the timezone is unknown.
    """
    try:
        zone = ZoneInfo(timezone_name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError("site.timezone", f"unknown timezone {timezone_name!r}; use e.g. Asia/Ho_Chi_Minh") from error
    folder = resources.files("agent.page").joinpath("locale")
    return {
        language: Words(language, json.loads(folder.joinpath(f"{language}.json").read_text("utf-8")), zone)
        for language in LANGUAGES
    }
