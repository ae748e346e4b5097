"""docs/ref/cli.md, written from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from agent.cli.commands import COMMANDS, build

_HEAD = """\
# commune-agent, command by command

Generated from the parsers in `agent/cli/` and `provisioning/cli/`; a test compares. The same is told by
`commune-agent COMMAND --help`.

Every error is one line on standard error, beginning with `commune-agent:`, and an exit code:

| code | meaning |
|---|---|
| 0 | done |
| 1 | something failed that the output names |
| 2 | the command line, site.toml or a file it names cannot be used |
| 3 | a named backend or program is not on this machine |
| 4 | a camera gives no picture |
| 5 | a model or its card cannot be used |
| 6 | the store cannot be written or read |
| 7 | the broker refuses for a reason that a person must mend |
| 8 | watch wants a fresh process: NVIDIA's video library is used up; whoever runs it starts it again |
| 70 | a fault of this software; it is in the log |
| 130 | interrupted by Ctrl-C |
"""


def cli_reference() -> str:
    """Write the reference page, Markdown; the same under every Python version."""
    lines = [_HEAD]
    for name in COMMANDS:
        lines += _page(_subparsers(build(name)).choices[name])
    return "\n".join(lines)


def _page(parser: argparse.ArgumentParser) -> Iterator[str]:
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    shown = [action for action in actions if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)]
    inner = next((action for action in actions if isinstance(action, argparse._SubParsersAction)), None)
    words = [_usage(action) for action in shown]
    yield f"## {parser.prog}"
    yield ""
    yield parser.description or ""
    yield ""
    yield f"    {' '.join([parser.prog, *words, *(['ACTION …'] if inner else [])])}"
    yield ""
    if shown:
        yield "| argument | meaning |"
        yield "|---|---|"
        yield from (f"| `{_escaped(_name(action))}` | {_escaped(_meaning(action))} |" for action in shown)
        yield ""
    if parser.epilog:
        example = parser.epilog.removeprefix("example: ")
        yield f"Example: `{example}`"
        yield ""
    for choice in inner.choices.values() if inner else ():
        yield from _page(choice)


def _subparsers(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _name(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else f" {_value(action)}"
    return ", ".join(action.option_strings) + value if action.option_strings else _value(action)


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"[{_value(action)}]" if action.nargs == "?" else _value(action)
    word = action.option_strings[0] + ("" if action.nargs == 0 else f" {_value(action)}")
    return word if action.required else f"[{word}]"


def _value(action: argparse.Action) -> str:
    return str(action.metavar or "|".join(map(str, action.choices or [])) or action.dest.upper())


def _meaning(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default))


def _escaped(text: str) -> str:
    """Keep a bar from ending its cell in the table."""
    return text.replace("|", "\\|")
