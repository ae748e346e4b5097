"""``commune-agent events``: what the box has recorded; it only ever reads."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.cli.arguments import Parser, add_config, add_json, count
from agent.cli.original import hand_out
from agent.clock import SystemClock
from agent.config import Site, load
from agent.errors import AgentError, ConfigError
from agent.site_secrets import Secrets
from agent.store.reader import Row
from agent.store.views import IncidentView, Views

_STREAMS = {"a": "alerts and camera states", "w": "health and counts", "d": "what people did at the page", "u": "link"}
_SEARCHED = 100_000
_LONGEST_REASON = 300


class NotFound(AgentError):
    """The store has nothing of that name (any more)."""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its three actions."""
    parser = commands.add_parser(
        "events",
        description="List, show or export what this box has recorded. Times are the box's local time.",
        example="commune-agent events site.toml list --limit 5",
    )
    add_config(parser)
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    listing = actions.add_parser(
        "list",
        help="list the newest events",
        description="List the newest events of a stream, newest first.",
        example="commune-agent events site.toml list --stream w",
    )
    listing.add_argument("--limit", type=count, default=20, metavar="N", help="at most so many (%(default)s)")
    streams = ", ".join(f"{letter}: {what}" for letter, what in _STREAMS.items())
    listing.add_argument("--stream", choices=_STREAMS, default="a", help=f"{streams} (%(default)s)")
    listing.set_defaults(run=lambda arguments: _with_views(arguments, run_list))
    showing = actions.add_parser(
        "show",
        help="show one event or incident",
        description="Show everything recorded about one event or incident.",
        example="commune-agent events site.toml show 0199c0de-7a11-7000-8000-000000000001",
    )
    showing.set_defaults(run=lambda arguments: _with_views(arguments, run_show))
    exporting = actions.add_parser(
        "export",
        help="save a picture of an incident",
        description="Save a picture of an incident. Persons in it are pixelated; with --original they are not: then the"
        " reason and the user go into the audit first, for which the page program must be running, and the new file is"
        " for this user alone.",
        example="commune-agent events site.toml export 0199c0de-7a11-7000-8000-000000000001 -o picture.webp",
    )
    exporting.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write it")
    exporting.add_argument("--kind", default="overview", help="before, overview, closeup or after (%(default)s)")
    exporting.add_argument("--original", action="store_true", help="the clean picture, which never leaves by itself")
    exporting.add_argument("--reason", type=_reason, metavar="TEXT", help="why and for whom; needed with --original")
    exporting.set_defaults(run=lambda arguments: _with_views(arguments, run_export))
    for action in (showing, exporting):
        action.add_argument("id", metavar="ID", help="id of an event or incident, or its unmistakable beginning")
    for action in (listing, showing, exporting):
        add_json(action)


def run_list(arguments: argparse.Namespace, site: Site, views: Views) -> int:
    """List events."""
    rows = views.events(arguments.stream, arguments.limit)
    if arguments.json:
        print(json.dumps([json.loads(row.body) for row in rows], ensure_ascii=False))
        return 0
    zone = ZoneInfo(site.timezone)
    for row in rows:
        print(f"{_local(row.utc_us, zone)}  {row.event_id}  {row.kind:<19} {_summary(json.loads(row.body))}")
    return 0


def run_show(arguments: argparse.Namespace, site: Site, views: Views) -> int:
    """Show an event, or every event of an incident."""
    rows = _matching(arguments.id, views)
    incident = _incident_of(rows[0])
    view = views.incident(incident) if incident else None
    bodies = [json.loads(row.body) for row in reversed(rows)]
    if arguments.json:
        print(json.dumps({"events": bodies, "delivered": view.delivered if view else None}, ensure_ascii=False))
        return 0
    zone = ZoneInfo(site.timezone)
    for body in bodies:
        print(f"{_local(body['utc_us'], zone)}  {body['kind']}  {_summary(body)}")
        print(json.dumps(body, ensure_ascii=False, indent=2))
    if view is not None:
        print(f"HQ {'has' if view.delivered else 'does not have'} its newest event")
    return 0


def run_export(arguments: argparse.Namespace, site: Site, views: Views) -> int:
    """Save a picture."""
    if arguments.original and arguments.reason is None:
        raise ConfigError("--reason", "is needed with --original: say why the clean picture is needed, and for whom")
    incident = _incident_of(_matching(arguments.id, views)[0])
    view = views.incident(incident) if incident else None
    if view is None:
        raise NotFound(f"{arguments.id} is no incident, so it has no picture")
    if arguments.original:
        content, sha256 = _original(view, arguments.kind, views)
        note = f"{sha256} {arguments.kind} of incident {incident}: {arguments.reason}"
        hand_out(content, arguments.output, note, site, SystemClock())
        print("persons are recognisable in this picture; the audit names you and your reason", file=sys.stderr)
    else:
        content, sha256 = _redacted(view, arguments.kind, views)
        _write(arguments.output, content)
    if arguments.json:
        print(json.dumps({"path": str(arguments.output), "sha256": sha256, "bytes": len(content)}))
    else:
        print(f"{arguments.output}: {len(content)} bytes, sha256 {sha256}")
    return 0


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if not words or not words.isprintable() or len(words) > _LONGEST_REASON:
        raise argparse.ArgumentTypeError(f"takes 1 to {_LONGEST_REASON} letters of plain text, got {text[:40]!r}")
    return words


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be written: {error.strerror}; name another file") from error


def _with_views(arguments: argparse.Namespace, action: Any) -> int:
    site = load(arguments.config, Secrets.NONE)
    views = Views(site.store)
    try:
        return int(action(arguments, site, views))
    finally:
        views.close()


def _matching(word: str, views: Views) -> list[Row]:
    """Find the events of one id, newest first.

    Raises:
        NotFound: there is none, or several ids begin so.
    """
    for stream in _STREAMS:
        rows = views.events(stream, _SEARCHED)
        found = [row for row in rows if word in (row.event_id, _incident_of(row))]
        found = found or [row for row in rows if row.event_id.startswith(word) or _incident_of(row).startswith(word)]
        names = {_incident_of(row) or row.event_id for row in found}
        if len(names) > 1:
            raise NotFound(f"several ids begin with {word}: {', '.join(sorted(names)[:3])} …; give more of it")
        if found:
            return found
    raise NotFound(f"no event or incident {word} here; see: commune-agent events CONFIG list")


def _incident_of(row: Row) -> str:
    return str(json.loads(row.body).get("incident", {}).get("id", ""))


def _redacted(view: IncidentView, kind: str, views: Views) -> tuple[bytes, str]:
    refs = {ref.kind: ref.sha256 for ref in view.incident.images}
    _require(kind, refs, view)
    image = views.image(refs[kind])
    if image is None or image.content is None:
        raise NotFound(f"picture {kind} is no longer here ({image.gone if image else 'deleted'})")
    return image.content, image.sha256


def _original(view: IncidentView, kind: str, views: Views) -> tuple[bytes, str]:
    found = {original.kind: original.sha256 for original in views.originals_of(view)}
    _require(kind, found, view)
    path = views.original(found[kind])
    if path is None:
        raise NotFound(f"the clean picture {kind} is no longer here; its space was needed")
    return path.read_bytes(), found[kind]


def _require(kind: str, found: Mapping[str, str], view: IncidentView) -> None:
    if kind not in found:
        there = ", ".join(sorted(found)) or f"none ({view.incident.evidence or 'not made'})"
        raise NotFound(f"incident {view.incident.id} has no picture {kind}; there are: {there}")


def _summary(body: Mapping[str, Any]) -> str:
    incident = body.get("incident")
    if incident is None:
        return " ".join(str(body[key]) for key in ("camera", "state", "reason", "re") if key in body)
    place = f"{incident['camera']}/{incident['zone']}"
    return f"{incident['rule']} {incident['label']} at {place}, {incident['dwell_s']:.0f} s, rev {incident['rev']}"


def _local(utc_us: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, zone).isoformat(sep=" ", timespec="seconds")
