"""``commune-agent model verify``: hash every installed model again."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from agent.cli.arguments import Parser
from agent.cli.model_place import models_dir
from agent.detect.fetch.verify import BROKEN, verify
from agent.errors import ModelError


def add(actions: argparse._SubParsersAction[Parser]) -> Parser:
    """Declare the action."""
    parser = actions.add_parser(
        "verify",
        help="hash every installed model again and compare it with its receipt, the lock and its card",
        description="Hash every model that is here again, and compare it with its receipt, the lock file and its card."
        f" The exit code is {ModelError.exit_code} if one has changed or is gone.",
        example="commune-agent model verify --config site.toml",
    )
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Verify the models."""
    found = verify(models_dir(arguments))
    if arguments.json:
        print(json.dumps([{**asdict(each), "path": str(each.path)} for each in found], ensure_ascii=False))
    else:
        for each in found:
            print(f"{each.state:<8} {each.card or '-':<18} {each.path}: {each.told}")
    return ModelError.exit_code if any(each.state == BROKEN for each in found) else 0
