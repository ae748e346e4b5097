"""``commune-agent recalibrate``: accept what a camera shows now as what it shall show."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.arguments import Parser, add_json, suggest
from agent.cli.asking import Unanswered, ask_watch
from agent.clock import SystemClock
from agent.config import load
from agent.errors import ConfigError
from agent.site_secrets import Secrets


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "recalibrate",
        description="Let the running box accept the present view of a camera: the state moved ends, zone rules work"
        " again, and how the picture usually looks is learnt anew. Look at zones and privacy masks first, with"
        " commune-agent still --grid: they stay where they were drawn, wherever the camera looks now. Exit code 0 once"
        " it is recorded, else 1.",
        example="commune-agent recalibrate gate --config site.toml",
    )
    parser.add_argument("camera", metavar="CAMERA", help="id of the camera")
    parser.add_argument("--config", type=Path, default=Path("site.toml"), help="the box's site.toml (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask watch, and say what came of it."""
    site = load(arguments.config, Secrets.NONE)
    known = [camera.id for camera in site.cameras]
    if arguments.camera not in known:
        raise ConfigError(
            f"camera {arguments.camera}", f"is not in {arguments.config}; {suggest(arguments.camera, known)}"
        )
    answer = ask_watch(site, SystemClock(), "recalibrate", arguments.camera)
    done = not isinstance(answer, Unanswered)
    if arguments.json:
        told = {"ok": done, "camera": arguments.camera}
        print(json.dumps(told | (vars(answer) if isinstance(answer, Unanswered) else {"event": answer.event_id})))
    elif isinstance(answer, Unanswered):
        print(f"FAILED: watch {answer.problem}; {answer.remedy}")
    else:
        print(f"camera {arguments.camera}: its present view is the reference from now on (event {answer.event_id})")
    return 0 if done else 1
