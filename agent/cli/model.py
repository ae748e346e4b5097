"""``commune-agent model``: bring detector models onto the box, list them, bake them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.cli import model_bake, model_place
from agent.cli.arguments import Parser, add_json
from agent.cli.model_place import models_dir
from agent.detect.catalogue import card_files, find_card
from agent.detect.install import add_model
from agent.detect.modelstore import how_to_get, resolve_model
from agent.detect.settings import DetectSettings
from agent.errors import ModelError


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "model",
        description="Detector models: model cards ship with the software, most model files do not.",
        example="commune-agent model add yolox_nano.onnx --card yolox-nano --config site.toml",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    adding = actions.add_parser(
        "add",
        help="check a model file against its card, try it on a picture, put it in place",
        description="Check a model file against its card (SHA-256, shapes), try it on a drawn picture and on yours, and"
        " put it in place. On any fault nothing has changed.",
        example="commune-agent model add yolox_nano.onnx --card yolox-nano --picture street.jpg",
    )
    adding.add_argument("file", type=Path, metavar="FILE", help="the model as downloaded")
    adding.add_argument("--card", required=True, metavar="ID", help="what it is: id of a model card")
    adding.add_argument("--allow-other", action="store_true", help="take another file than the card pins, if it fits")
    adding.add_argument("--picture", type=Path, metavar="FILE", help="JPEG or PNG to try it on as well")
    adding.set_defaults(run=run_add)
    listing = actions.add_parser(
        "list",
        help="list the cards, and whether their model files are here",
        description="List the model cards, and whether their model files are on this box.",
        example="commune-agent model list --config site.toml",
    )
    listing.set_defaults(run=run_list)
    for action in (adding, listing, model_bake.add(actions)):
        model_place.add(action)
        add_json(action)


def run_add(arguments: argparse.Namespace) -> int:
    """Add a model."""
    added = add_model(
        arguments.file,
        arguments.card,
        models_dir(arguments),
        allow_other=arguments.allow_other,
        picture=arguments.picture,
    )
    if arguments.json:
        fields = {"card": added.card.id, "path": str(added.path), "sha256": added.sha256, "pinned": added.pinned}
        print(json.dumps(fields | {"found": added.found}))
        return 0
    print(f"{added.path}: {added.card.title}, sha256 {added.sha256}")
    if added.card.sha256 and not added.pinned:
        print("it is not the file that the card pins: what the card says of its accuracy may not hold")
    if added.found is not None:
        print(f"on your picture it finds {added.found} objects")
    print(f'use it with: [detector] card = "{added.card.id}"')
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """List the cards."""
    folder = models_dir(arguments)
    rows = [_row(card, folder) for card in card_files(folder)]
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['card']:<18} {row['state']:<7} {row['title']}; licence: {row['licence']}")
        if not row["path"]:
            print(f"{'':<18} {_with_place(row, arguments)}")
    return 0


def _row(card_id: str, folder: Path) -> dict[str, Any]:
    card = find_card(card_id, folder)
    row: dict[str, Any] = {"card": card_id, "title": card.title, "licence": card.licence, "url": card.url}
    try:
        path = resolve_model(DetectSettings(card=card_id, models_dir=folder), card)
    except ModelError as error:
        if (folder / card.file).exists():
            return row | {"state": "damaged", "path": None, "problem": str(error)}
        return row | {"state": "missing", "path": None, "problem": how_to_get(card)}
    return row | {"state": "here", "path": str(path), "problem": None}


def _with_place(row: dict[str, Any], arguments: argparse.Namespace) -> str:
    """Complete the ``model add`` line that a problem ends with, so that it finds the same folder as this command."""
    problem = str(row["problem"])
    if not problem.endswith(f"--card {row['card']}"):
        return problem
    if arguments.config is not None:
        return f"{problem} --config {arguments.config}"
    return problem if arguments.models_dir is None else f"{problem} --models-dir {arguments.models_dir}"
