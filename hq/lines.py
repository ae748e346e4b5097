"""One readable line for whoever is on duty, or one JSON object for a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.core.event import Json
from hq.intake import DeadLetter, Fact, Picture
from hq.registry import KnownBox, KnownCamera, Registry
from hq.store import Outcome
from hq.thumbs import LOCAL
from hq.words import Words

_INCIDENTS = {"incident.open": "open", "incident.reopen": "reopen", "incident.update": "update", "incident.end": "end"}


class Lines:
    """Writes lines in one language; a name that the registry does not know stays an id."""

    def __init__(self, words: Words, registry: Registry) -> None:
        self._words = words
        self._registry = registry

    def of(self, outcome: Outcome) -> str:
        """Say what arrived; empty where nobody on duty needs to know."""
        arrival = outcome.arrival
        if outcome.duplicate:
            return ""
        if isinstance(arrival, Fact):
            return self._fact(arrival)
        if isinstance(arrival, Picture):
            return self._picture(arrival, outcome)
        return ""

    def state(self, box: str, state: str, age_s: float = 0.0) -> str:
        """Say that a box came, went, fell silent or was heard again."""
        text = self._words.states[state].format(age=self._duration(age_s))
        return f"{self._registry.box(box).name} · {text}"

    def _fact(self, fact: Fact) -> str:
        words, box = self._words, self._registry.box(fact.position.box)
        incident = fact.fields.get("incident")
        if fact.kind in _INCIDENTS and isinstance(incident, dict):
            text = self._incident(box, _INCIDENTS[fact.kind], incident)
        elif fact.kind in ("camera.impaired", "camera.restored"):
            text = self._ailment(_known_camera(box, str(fact.fields["camera"])), fact)
        elif fact.kind in words.kinds:
            camera = _known_camera(box, str(fact.fields.get("camera", "")))
            text = words.kinds[fact.kind].format(camera=camera.name)
        elif fact.kind == "health.pace":
            text = self._pace(fact.fields)
        else:
            return ""
        if not text:
            return ""
        remarks = [
            *([words.preexisting] if isinstance(incident, dict) and incident.get("preexisting") else []),
            *([words.quiet] if isinstance(incident, dict) and incident.get("quiet") else []),
            *([words.approximate] if fact.fields["clock"] == "unset" else []),
            *([] if fact.verified else [words.unverified]),
        ]
        at = _local(fact.fields["utc_us"], "%d/%m/%Y %H:%M:%S")
        return plain(f"{at} · {box.name} · {_capital(text)}" + (f" ({'; '.join(remarks)})" if remarks else ""))

    def _pace(self, fields: Mapping[str, Json]) -> str:
        """Say why a box looks less often; empty for a cause that a newer box may know."""
        pattern, share = self._words.paces.get(str(fields["cause"]), ""), fields["share"]
        if not pattern or not isinstance(share, (int, float)):
            return pattern.format(share=share)
        return pattern.format(share=round(100 * share)) + (self._words.pace_least if share < 1 else "")

    def _incident(self, box: KnownBox, pattern: str, incident: Mapping[str, Json]) -> str:
        words, camera = self._words, _known_camera(box, str(incident["camera"]))
        rule, label = str(incident["rule"]), str(incident["label"])
        count = incident["count"]
        text: str = getattr(words, pattern)
        return text.format(
            what=words.rules.get(rule) or words.unknown_rule.format(rule=rule),
            label=(f"{count} " if count != 1 else "") + words.labels.get(label, label),
            dwell=self._duration(incident["dwell_s"]),
            zone=camera.zones.get(str(incident["zone"]), str(incident["zone"])),
            camera=camera.name,
            begin=_local(incident["begin_us"], "%H:%M:%S"),
            severity=words.severities.get(str(incident["severity"]), str(incident["severity"])),
        )

    def _ailment(self, camera: KnownCamera, fact: Fact) -> str:
        words, state = self._words, str(fact.fields["state"])
        if fact.kind == "camera.impaired":
            severity = str(fact.fields["severity"])
            pattern = words.ailments.get(state, words.ailments["other"])
            return pattern.format(camera=camera.name, state=state, severity=words.severities.get(severity, severity))
        pattern = words.restored.get(str(fact.fields["reason"]), words.restored["other"])
        lasted = self._duration(fact.fields.get("lasted_s"))
        return pattern.format(camera=camera.name, state=words.ailing.get(state, state), lasted=lasted)

    def _picture(self, picture: Picture, outcome: Outcome) -> str:
        box = self._registry.box(picture.position.box)
        if outcome.path is None:
            text = self._words.gone.format(reason=picture.label.gone)
        else:
            text = self._words.picture.format(path=outcome.path)
        return plain(f"    {box.name} · {text}" + ("" if outcome.proved else f" ({self._words.unproved})"))

    def _duration(self, seconds: Json) -> str:
        whole = int(seconds) if isinstance(seconds, (int, float)) else 0
        pattern = self._words.duration[0 if whole < 60 else 1 if whole < 3600 else 2]
        return pattern.format(s=whole % 60, m=whole // 60 % 60, h=whole // 3600)


class Voice:
    """Says things to whoever reads standard output.

    Args:
        lines: how people read it.
        show: takes each line.
        json: say JSON lines, for a program, instead.
    """

    def __init__(self, lines: Lines, show: Callable[[str], None], *, json: bool = False) -> None:
        self._lines = lines
        self._show = show
        self._json = json

    def arrived(self, outcome: Outcome) -> None:
        """Say what arrived: to people what they should know, to a program everything."""
        words = self._lines.of(outcome)
        line = as_json(outcome, words) if self._json else words
        if line:
            self._show(line)

    def state(self, box: str, state: str, age_s: float = 0.0) -> None:
        """Say to people that a box came, went, fell silent or was heard again."""
        if not self._json:
            self._show(self._lines.state(box, state, age_s))


def as_json(outcome: Outcome, line: str) -> str:
    """Write all that is known of one arrival as one line of JSON; ``line`` is what a person would read."""
    arrival, fields = outcome.arrival, {}
    if isinstance(arrival, Fact):
        fields = {**arrival.fields, "type": "event", "verified": arrival.verified}
    elif isinstance(arrival, Picture):
        label, place = arrival.label, arrival.position
        fields = {
            "type": "image",
            "box": place.box,
            "epoch": str(place.epoch),
            "seq": place.seq,
            "event_id": label.event_id,
            "sha256": label.sha256,
            "kind": label.kind,
            "utc_us": label.utc_us,
            "content_type": label.content_type,
            "path": str(outcome.path) if outcome.path else None,
            "gone": label.gone or None,
            "verified": outcome.proved,
        }
    elif isinstance(arrival, DeadLetter):
        fields = {"type": "dead_letter", "topic": arrival.topic, "reason": arrival.reason}
    remarks = {"duplicate": outcome.duplicate, "fork": outcome.fork or None, "line": line or None}
    return json.dumps({**fields, **remarks}, ensure_ascii=False)


def plain(text: str) -> str:
    """Take out what could break a line or steer a terminal: a box may be lying."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _known_camera(box: KnownBox, camera: str) -> KnownCamera:
    return box.cameras.get(camera) or KnownCamera(camera)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _local(utc_us: Json, pattern: str) -> str:
    seconds = utc_us / 1_000_000 if isinstance(utc_us, (int, float)) else 0
    return datetime.fromtimestamp(seconds, LOCAL).strftime(pattern)
