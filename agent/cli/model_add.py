"""``commune-agent model add``: check a model file and put it in place."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.arguments import Parser
from agent.cli.model_place import models_dir
from agent.detect.install import add_model


def add(actions: argparse._SubParsersAction[Parser]) -> Parser:
    """Declare the action."""
    parser = actions.add_parser(
        "add",
        help="check a model file against its card, try it on a picture, put it in place",
        description="Check a model file against its card (SHA-256, shapes), try it on a drawn picture and on yours, and"
        " put it in place. On any fault nothing has changed.",
        example="commune-agent model add yolox_nano.onnx --card yolox-nano --picture street.jpg",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the model as downloaded")
    parser.add_argument("--card", required=True, metavar="ID", help="what it is: id of a model card")
    parser.add_argument("--allow-other", action="store_true", help="take another file than the card pins, if it fits")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="JPEG or PNG to try it on as well")
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
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
