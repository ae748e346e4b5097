"""``commune-agent model build``: have TensorRT build the box's engine, at commissioning rather than at first use."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agent.cli.arguments import Parser, add_config, add_json
from agent.config import load
from agent.detect.commission import commission
from agent.detect.trt.construction import BuildNews, Told
from agent.site_secrets import Secrets

_LINE_EVERY_S = 30.0


def add(actions: argparse._SubParsersAction[Parser]) -> None:
    """Declare the action."""
    parser = actions.add_parser(
        "build",
        help="build the TensorRT engine of this box",
        description="Build the engine that a site.toml with detector.engine = \"tensorrt\" asks for, unless it is there"
        " and loads. It takes minutes and is only good for this machine, its TensorRT and these settings. Watch builds"
        " it by itself where it is missing, and does not watch until then: at commissioning, run this first."
        " Ctrl-C stops it and leaves nothing behind.",
        example="commune-agent model build site.toml",
    )  # fmt: skip
    add_config(parser)
    parser.add_argument("--again", action="store_true", help="build it though it is there")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build."""
    settings = load(arguments.config, Secrets.NONE).detect
    with _shown() as told:
        note = commission(settings, told, threading.Event(), again=arguments.again)
    if arguments.json:
        print(json.dumps(asdict(note), ensure_ascii=False))
        return 0
    for line in note.said:
        print(f"TensorRT: {line}")
    print(f"engine of {note.model} in {settings.tensorrt.engines_dir}, built {note.built_utc} in {note.build_s:.0f} s")
    print("try it with: commune-agent check, commune-agent model bench")
    return 0


@contextmanager
def _shown() -> Iterator[Told]:
    """Show progress on stderr: a bar on a terminal, else a line every half minute."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=1.0)

        def told(news: BuildNews) -> None:
            usual = f" ({news.last_s / 60:.0f} min last time)" if news.last_s else ""
            progress.update(task, completed=news.share, description=f"{news.phase or 'starting'}{usual}")

        yield told


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._next_s = 0.0

    def __call__(self, news: BuildNews) -> None:
        if news.phase == self._phase and news.running_s < self._next_s:
            return
        self._phase, self._next_s = news.phase, news.running_s + _LINE_EVERY_S
        self._console.print(str(news), highlight=False)
