"""``commune-agent model bench``: how fast the box's engine is."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.cli.arguments import Parser, add_config, add_json
from agent.config import load
from agent.detect.catalogue import find_card
from agent.detect.chart import check_picture
from agent.detect.engine import open_engine
from agent.detect.measure import measure
from agent.detect.modelstore import resolve_model
from agent.detect.needs import check_tensorrt
from agent.detect.prepare import Preparer
from agent.site_secrets import Secrets

_MOST = 4


def add(actions: argparse._SubParsersAction[Parser]) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "bench",
        help="measure how fast the engine of this box is",
        description="Measure the engine that a site.toml asks for, at one to four pictures a call: the network alone,"
        " without cameras, decoding and rules. Stop commune-watch first, or the two share the GPU.",
        example="commune-agent model bench site.toml --seconds 5",
    )
    add_config(parser)
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=3.0,
        metavar="S",
        help="how long each batch size is measured; 3 unless given",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure."""
    settings = load(arguments.config, Secrets.NONE).detect
    card = find_card(settings.card, settings.models_dir)
    if settings.engine == "tensorrt":
        check_tensorrt(card)
    model = resolve_model(settings, card)
    engine = open_engine(settings.engine, model, settings.threads, settings.tensorrt)
    try:
        preparer = Preparer(card.input)
        batch = np.empty((1 if card.batch == "fixed" else _MOST, *preparer.shape), card.input.dtype)
        for slot in batch:
            preparer.fill(check_picture(), slot)
        rows = list(measure(engine, batch, arguments.seconds))
    finally:
        engine.close()
    if arguments.json:
        print(json.dumps({"card": card.id, "engine": settings.engine, "rows": [asdict(row) for row in rows]}))
        return 0
    table = Table(title=f"{card.id} on {settings.engine}", title_justify="left")
    for column in ("pictures a call", "calls", "ms a call", "ms, 95 %", "pictures/s"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(str(row.batch), str(row.calls), f"{row.median_ms:.2f}", f"{row.worst_ms:.2f}", f"{row.fps:.1f}")
    Console().print(table)
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 0.1 to 600 seconds")
    return seconds
