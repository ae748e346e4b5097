"""``commune-agent model list``: which cards there are, and which of their models are here."""

from __future__ import annotations

import argparse
import json
import re
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
        run = "" if row["verified"] else "; not run by us"
        print(f"{row['card']:<18} {row['state']:<7} {row['title']}; licence: {row['licence']}{run}")
        if not row["path"]:
            print(f"{'':<18} {_with_place(row, arguments)}")
    return 0


def _row(card_id: str, folder: Path) -> dict[str, Any]:
    card = find_card(card_id, folder)
    row: dict[str, Any] = {"card": card_id, "title": card.title, "licence": card.licence, "url": card.url}
    row |= {"verified": card.verified, "ap": card.ap}
    try:
        path = resolve_model(DetectSettings(card=card_id, models_dir=folder), card)
    except ModelError as error:
        if (folder / card.file).exists():
            return row | {"state": "damaged", "path": None, "problem": str(error)}
        return row | {"state": "missing", "path": None, "problem": how_to_get(card)}
    return row | {"state": "here", "path": str(path), "problem": None}


def _with_place(row: dict[str, Any], arguments: argparse.Namespace) -> str:
    """Complete the commands that a problem names, so that they find the same folder as this one."""
    place = ""
    if arguments.config is not None:
        place = f" --config {arguments.config}"
    elif arguments.models_dir is not None:
        place = f" --models-dir {arguments.models_dir}"
    return re.sub(
        r"commune-agent model (pull|add FILE --card) [a-z0-9-]+", lambda found: found[0] + place, row["problem"]
    )
