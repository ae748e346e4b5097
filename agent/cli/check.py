"""``commune-agent check``: try everything a site.toml names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.cli import checks
from agent.cli.arguments import Parser, add_config, add_json
from agent.cli.checks import FAIL, OK, WARN, Check
from agent.cli.checks_vision import check_cameras, check_card, check_detector
from agent.clock import SystemClock
from agent.config import Site, load
from agent.site_faults import ConfigErrors

_COLOURS = {OK: "green", WARN: "yellow", FAIL: "bold red"}


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        description="Validate a site.toml and try everything it names: every camera gives a picture, the model runs,"
        " the broker takes this box, the store has room, the clock is set. Exit code 0 when nothing failed, 1 when"
        " something did, 2 when the file itself cannot be used.",
        example="commune-agent check site.toml",
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check and tell."""
    try:
        site = load(arguments.config)
    except ConfigErrors as error:
        if arguments.json:
            print(json.dumps({"ok": False, "faults": [asdict(fault) for fault in error.faults]}, ensure_ascii=False))
            return error.exit_code
        raise
    if arguments.json:
        found = list(everything(site, lambda _check: None))
    else:
        found = _watched(site)
        _show(site, found)
    ok = all(check.state != FAIL for check in found)
    if arguments.json:
        rows = [asdict(check) for check in found]
        print(json.dumps({"ok": ok, "config_hash": site.hash, "checks": rows}, ensure_ascii=False))
    return 0 if ok else 1


def everything(site: Site, told: Callable[[Check], None]) -> Iterator[Check]:
    """Try one thing after the other; the slow ones are told as they are known."""
    yield Check("configuration", OK, f"{site.path}, hash {site.hash}")
    for warning in site.warnings:
        yield Check("configuration", WARN, warning)
    yield checks.check_clock(SystemClock().now())
    yield checks.check_store(site.store)
    yield checks.check_runtime(site.runtime_dir)
    yield from check_card(site.detect, site.cameras)
    yield from check_detector(site.detect, site.rulebooks)
    yield from check_cameras(site.cameras, told)
    yield checks.check_broker(site.uplink, site.runtime_dir)
    yield from checks.check_page(site.page, site.runtime_dir)


def _watched(site: Site) -> list[Check]:
    """Check behind a line that says what is being tried; it is only drawn on a terminal."""
    found: list[Check] = []
    with Console(stderr=True).status("trying the clock, the store and the model …") as status:
        for check in everything(site, lambda check: status.update(f"{check.what}: {check.state}; trying on …")):
            found.append(check)
            status.update(f"{check.what}: {check.state}; trying on …")
    return found


def _show(site: Site, found: list[Check]) -> None:
    table = Table(title=Text(f"{site.name} ({site.box})"), title_justify="left")
    for column in ("", "what", "found", "next"):
        table.add_column(column, overflow="fold")
    for check in found:
        table.add_row(
            Text(check.state, _COLOURS[check.state]), Text(check.what), Text(check.detail), Text(check.remedy)
        )
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    failed = sum(check.state == FAIL for check in found)
    console.print("all is well" if not failed else f"{failed} of {len(found)} failed")
