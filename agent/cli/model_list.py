"""``commune-agent model list``: which cards there are, and which of their models are here."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.cli.arguments import Parser
from agent.cli.model_place import models_dir
from agent.detect.catalogue import card_files, find_card
from agent.detect.modelstore import how_to_get, resolve_model
from agent.detect.settings import DetectSettings
from agent.errors import ModelError


def add(actions: argparse._SubParsersAction[Parser]) -> Parser:
    """Declare the action."""
    parser = actions.add_parser(
        "list",
        help="list the cards, and whether their model files are here",
        description="List the model cards, and whether their model files are on this box.",
        example="commune-agent model list --config site.toml",
    )
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """List the cards."""
    folder = models_dir(arguments)
    rows = [_row(card, folder) for card in card_files(folder)]
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        here, run = "here   " if row["path"] else "missing", "" if row["verified"] else "; not run by us"
        print(f"{row['card']:<18} {here} {row['title']}; licence: {row['licence']}{run}")
        if not row["path"]:
            print(f"{'':<18} {row['problem']}")
    return 0


def _row(card_id: str, folder: Path) -> dict[str, Any]:
    card = find_card(card_id, folder)
    row: dict[str, Any] = {"card": card_id, "title": card.title, "licence": card.licence, "url": card.url}
    row |= {"verified": card.verified, "ap": card.ap}
    try:
        path = resolve_model(DetectSettings(card=card_id, models_dir=folder), card)
    except ModelError as error:
        absent = not (folder / card.file).exists()
        return row | {"path": None, "problem": how_to_get(card) if absent else str(error)}
    return row | {"path": str(path), "problem": None}
