"""``commune-agent model bake``: make a published model one that takes pixels and gives boxes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.arguments import Parser
from agent.cli.model_place import models_dir
from agent.config import version
from agent.detect.bake import Baked, Order, bake
from agent.detect.decode import MOST

_MOST_PICTURES = 64


def add(actions: argparse._SubParsersAction[Parser]) -> Parser:
    """Declare the action."""
    parser = actions.add_parser(
        "bake",
        help="make a published model one that takes pixels and gives boxes, for any number of cameras",
        description="Make a published model one that takes pixels as they come (uint8, any number of pictures a call)"
        " and gives its best boxes, in the size and precision wanted. It is held against the published one and written"
        " with a card of its own beside it; on any fault nothing is written. Needs the Python package onnx"
        " (pip install 'commune-agent[bake]'), which no box needs.",
        example="commune-agent model bake yolox_nano.onnx --card yolox-nano --size 384x640 --precision fp16"
        " -o yolox-nano-wide.onnx",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the model as published")
    parser.add_argument("--card", required=True, metavar="ID", help="what it is: id of a model card")
    _add_recipe(parser)
    parser.add_argument(
        "--picture",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="JPEG or PNG to compare the two models on, beside a drawn one; may be given several times",
    )
    parser.add_argument("--allow-other", action="store_true", help="take another file than the card pins, if it fits")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the baked model; its name without .onnx is the id of its card",
    )
    parser.set_defaults(run=run)
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """Take what the baked model shall be like."""
    parser.add_argument("--size", type=_size, metavar="HxW", help="px of the network's input; the card's unless given")
    parser.add_argument(
        "--frame",
        type=_size,
        metavar="HxW",
        help="px of the pictures that will come, where the model itself shall fit them into its input",
    )
    parser.add_argument(
        "--batch",
        type=_batch,
        default=0,
        metavar="N|dynamic",
        help="pictures a call: always so many, or any number (unless given)",
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16"),
        default="fp32",
        help="fp32 (unless given), or fp16: half the memory and faster on a GPU, no faster on a CPU",
    )
    parser.add_argument(
        "--keep",
        type=_rows,
        default=MOST,
        metavar="N",
        help=f"boxes a picture at most, best first, before suppression; {MOST} unless given, and few lose objects",
    )
    parser.add_argument(
        "--colour", choices=("BGR", "RGB"), default="BGR", help="order in which pixels will come; BGR unless given"
    )


def run(arguments: argparse.Namespace) -> int:
    """Bake a model."""
    baked = bake(
        Order(
            file=arguments.file,
            card=arguments.card,
            target=arguments.output,
            tool=f"commune-agent {version()}",
            size=arguments.size,
            frame=arguments.frame,
            batch=arguments.batch,
            precision=arguments.precision,
            keep=arguments.keep,
            colour=arguments.colour,
            pictures=tuple(arguments.picture),
            models_dir=models_dir(arguments),
            allow_other=arguments.allow_other,
        )
    )
    _print_json(baked) if arguments.json else _print(baked)
    return 0


def _print(baked: Baked) -> None:
    spec, agreement = baked.card.input, baked.agreement
    print(f"{baked.path}: {baked.card.title}, sha256 {baked.card.sha256}")
    print(f"{baked.card_path}: its card; keep the two together")
    print(f"takes {spec.width}x{spec.height} {spec.colour} pixels as they come; gives boxes, scores and classes")
    near = agreement.rows - agreement.beyond
    print(
        f"{near} of {agreement.rows} boxes as in the published model, within {agreement.box_px:.3f} px and"
        f" {agreement.score:.4f} in score; {agreement.beyond} further away"
    )
    print(f"put it on a box with: commune-agent model add {baked.path} --card {baked.card.id}")


def _print_json(baked: Baked) -> None:
    agreement = baked.agreement
    fields = {"card": baked.card.id, "path": str(baked.path), "sha256": baked.card.sha256}
    found = {"rows": agreement.rows, "beyond": agreement.beyond, "box_px": agreement.box_px, "score": agreement.score}
    print(json.dumps(fields | found))


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and 0 < int(height) <= 8192 and 0 < int(width) <= 8192):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give height and width, e.g. 384x640")
    return int(height), int(width)


def _batch(text: str) -> int:
    if text == "dynamic":
        return 0
    if not (text.isdigit() and 1 <= int(text) <= _MOST_PICTURES):
        raise argparse.ArgumentTypeError(f"{text!r} is neither dynamic nor a number from 1 to {_MOST_PICTURES}")
    return int(text)


def _rows(text: str) -> int:
    if not (text.isdigit() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST}")
    return int(text)
