"""``commune-agent model``: models brought, listed, verified, baked; engines built, measured; one module an action."""

from __future__ import annotations

import argparse

from agent.cli import (
    model_add,
    model_bake,
    model_bench,
    model_build,
    model_list,
    model_place,
    model_pull,
    model_verify,
)
from agent.cli.arguments import Parser, add_json

_ACTIONS = (model_pull, model_add, model_list, model_verify, model_bake)


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "model",
        description="Detector models: model cards ship with the software, most model files do not.",
        example="commune-agent model pull yolox-s --config site.toml",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    for module in _ACTIONS:
        action = module.add(actions)
        model_place.add(action)
        add_json(action)
    model_build.add(actions)
    model_bench.add(actions)
