"""``commune-agent site``: from a survey sheet to the folder that the plays work from."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.arguments import Parser


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "site",
        description="Work with the folder of sites on the technician's laptop: one site.toml a box, and the inventory.",
        example="commune-agent site new survey.csv -o phase-one",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    _add_new(actions)
    _add_check(actions)


def _add_new(actions: argparse._SubParsersAction[Parser]) -> None:
    new = actions.add_parser(
        "new",
        description="Make sites/BOX/site.toml, empty password files and the inventory from a survey sheet (CSV, one row"
        " a camera; docs/guide/survey.md). Nothing that exists is changed: where it differs from the sheet, that is"
        " told, and the exit code is 1.",
        example="commune-agent site new survey.csv -o phase-one",
    )
    new.add_argument("survey", type=Path, nargs="?", metavar="SURVEY", help="the sheet, as CSV or Unicode text")
    new.add_argument("-o", "--output", type=Path, metavar="DIR", help="the working folder; made where it is missing")
    new.add_argument(
        "--hq-address", metavar="HOST", default="", help="where Ansible reaches HQ, if the sheet says nothing"
    )
    new.add_argument("--template", type=Path, metavar="FILE", help="write an empty sheet with one example row instead")
    new.set_defaults(run=run_new, parser=new)


def _add_check(actions: argparse._SubParsersAction[Parser]) -> None:
    check = actions.add_parser(
        "check",
        description="Check every site of a working folder as far as a laptop can: shape, ids, inventory, and password"
        " files that are there, filled and private. The rest is commune-agent check, on the box.",
        example="commune-agent site check phase-one",
    )
    check.add_argument("folder", type=Path, metavar="DIR", help="the working folder")
    check.set_defaults(run=run_check)


def run_new(arguments: argparse.Namespace) -> int:
    """Make the folder, or the template."""
    if arguments.template is not None:
        return _template(arguments.template)
    if arguments.survey is None or arguments.output is None:
        arguments.parser.error("name the sheet and, after -o, the folder; or write a sheet with --template FILE")
    from agent.site_faults import ConfigErrors
    from provisioning.site_folder import lay
    from provisioning.survey import read_survey
    from provisioning.survey_faults import faults

    survey, found = read_survey(arguments.survey)
    if found := [*found, *faults(survey)]:
        raise ConfigErrors(tuple(sorted(found, key=lambda fault: fault.line)))
    laid = lay(survey, arguments.output, _hq_address(arguments.hq_address or survey.hq_address))
    _tell(laid.made, "made")
    _tell(laid.kept, "kept as it was")
    for difference in laid.differences:
        print(difference)
    print(f"{laid.folder}: next:")
    if laid.passwords:
        print("  write each camera's password alone into its file:")
        for path in laid.passwords:
            print(f"    {path}")
    print(f"  commune-agent site check {laid.folder}")
    return 1 if laid.differences else 0


def run_check(arguments: argparse.Namespace) -> int:
    """Check the folder."""
    from provisioning.site_check import check

    checked = check(arguments.folder)
    print(f"{arguments.folder}: {checked.boxes} sites with {checked.cameras} cameras; nothing is wrong on this side")
    if checked.idle:
        print(f"still without a rule, so that they report nothing: {', '.join(checked.idle)}")
    return 0


def _template(path: Path) -> int:
    from agent.errors import ConfigError
    from provisioning.survey import template

    try:
        with path.open("xb") as out:
            out.write(template())
    except FileExistsError as error:
        raise ConfigError(str(path), "exists already; name another file or move it away") from error
    except OSError as error:
        raise ConfigError(str(path), f"cannot be written: {error.strerror}; name a folder you may write") from error
    print(f"{path} is written: one row a camera; what the columns mean: docs/guide/survey.md")
    return 0


def _hq_address(text: str) -> str:
    from agent.errors import ConfigError
    from agent.site_values import Unfit, check_host

    try:
        return check_host(text) if text else ""
    except Unfit as error:
        raise ConfigError("hq-address", f"{error.problem}; {error.remedy}") from error


def _tell(boxes: list[str], what: str) -> None:
    if boxes:
        print(f"{what} ({len(boxes)}): {', '.join(boxes)}")
