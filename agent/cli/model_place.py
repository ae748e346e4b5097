"""Where a box keeps its models, as the ``model`` commands are told."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.config import load
from agent.detect.settings import DetectSettings
from agent.site_secrets import Secrets


def add(parser: argparse.ArgumentParser) -> None:
    """Take the folder, or the site.toml that names it."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--models-dir", type=Path, metavar="DIR", help="where the box keeps its models")
    place.add_argument("--config", type=Path, metavar="CONFIG", help="the box's site.toml, which names that folder")


def models_dir(arguments: argparse.Namespace) -> Path:
    """Give the folder."""
    if arguments.config is not None:
        return load(arguments.config, Secrets.NONE).detect.models_dir
    return Path(arguments.models_dir or DetectSettings.models_dir)
