"""Faults in site.toml, told to people: file, line, key, value, remedy; never a secret."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from agent import site_toml
from agent.errors import ConfigError
from agent.site_model import SiteFile
from agent.site_table import Table
from agent.site_values import Unfit, choice, nearest, veiled

_SHOWN_LETTERS = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend.

    Attributes:
        file: as the person named it.
        line: 1-based; 0 where it is about the file as a whole.
        key: dotted; cameras, zones, masks and rules by their names, list items counted from 1.
        problem: what is wrong.
        got: the value as TOML, secrets veiled; empty where there is none to show.
        remedy: what to do.
    """

    file: str
    line: int
    key: str
    problem: str
    got: str
    remedy: str

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        got = f" (got {self.got})" if self.got else ""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line}:{key} {self.problem}{got}; {self.remedy}"


class ConfigErrors(ConfigError):
    """Everything that keeps a site.toml from being used, one line each.

    Attributes:
        faults: in the order of the file.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults[0].key, faults[0].problem)
        self.args = ("\n".join(map(str, faults)),)
        self.faults = faults


class Finding(NamedTuple):
    """A fault or a warning before its line and its key's name are looked up.

    Attributes:
        path: of the value in the parsed document.
        problem: what is wrong.
        remedy: what to do.
        got: the value at fault; None shows none.
    """

    path: site_toml.KeyPath
    problem: str
    remedy: str
    got: object = None


def tell(finding: Finding, document: site_toml.Document, file: str) -> Fault:
    """Give ``finding`` its place in the file."""
    path = finding.path
    got = "" if finding.got is None or isinstance(finding.got, Mapping) else _shown(finding.got)
    return Fault(file, document.line(path), dotted(path, document.values), finding.problem, got, finding.remedy)


def dotted(path: site_toml.KeyPath, values: Mapping[str, Any]) -> str:
    """Name a path as people would: ``cameras.gate.zones.kerb.polygon``; nameless list items by their number from 1."""
    words: list[str] = []
    here: Any = values
    for part in path:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(part, str):
            words.append(part)
        elif name := _name(here):
            words[-1] += "s"
            words.append(name)
        else:
            words[-1] += f"[{part + 1}]"
    return ".".join(words)


def from_pydantic(error: ValidationError) -> list[Finding]:
    """Translate what pydantic found; a key that is missing because it is misspelt beside is told once."""
    found = error.errors(include_url=False)
    meant = {(*fault["loc"][:-1], _meant(fault)) for fault in found if fault["type"] == "extra_forbidden"}
    return [_translated(fault) for fault in found if fault["type"] != "missing" or fault["loc"] not in meant]


def _meant(fault: Mapping[str, Any]) -> str | None:
    owner, _ = _described(fault["loc"])
    return nearest(str(fault["loc"][-1]), owner.model_fields)


def _name(item: object) -> str:
    if not isinstance(item, Mapping):
        return ""
    words = [item.get("id")] if "id" in item else [item.get("rule"), item.get("zone")]
    if not all(isinstance(word, str) and word.isprintable() and 0 < len(word) <= 40 for word in words):
        return ""
    return "@".join(map(str, words))


def _shown(value: object) -> str:
    if isinstance(value, str):
        value = veiled(value)
    text = site_toml.written(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"


def _translated(fault: Mapping[str, Any]) -> Finding:
    path: site_toml.KeyPath = fault["loc"]
    kind: str = fault["type"]
    context: Mapping[str, Any] = fault.get("ctx", {})
    owner, field = _described(path)
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        return Finding(path, "unknown key", choice(key, owner.model_fields))
    if kind == "missing":
        return Finding(path, "is missing", _sample(key, field))
    if isinstance(context.get("error"), Unfit):
        return Finding(path, context["error"].problem, context["error"].remedy, fault["input"])
    problem = _PROBLEMS.get(kind, fault["msg"].lower()).format_map(context)
    got = None if "password" in key else fault["input"]
    if kind == "literal_error":
        return Finding(path, problem, choice(str(got), re.findall(r"'(.+?)'", context["expected"])), got)
    return Finding(path, problem, _sample(key, field), got)


_PROBLEMS = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "model_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "literal_error": "must be {expected}",
}


def _described(path: site_toml.KeyPath) -> tuple[type[Table], FieldInfo | None]:
    """Find the table that ``path`` lies in, and the description of its last key (None where unknown)."""
    owner: type[Table] = SiteFile
    field: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        if field is not None:
            owner = table_of(field) or owner
        field = owner.model_fields.get(part)
    return owner, field


def table_of(field: FieldInfo) -> type[Table] | None:
    """Give the table that ``field`` holds, alone or in a list; None for a plain value."""
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, Table):
            return annotation
        pending.extend(typing.get_args(annotation))
    return None


def is_list(field: FieldInfo) -> bool:
    """Tell whether ``field`` holds a list."""
    return typing.get_origin(field.annotation) is list


def _sample(key: str, field: FieldInfo | None) -> str:
    if field is None:
        return "compare with: commune-agent init"
    table = table_of(field)
    if table is not None:
        needed = [name for name, inner in table.model_fields.items() if inner.is_required()]
        header = f"[[{key}]]" if is_list(field) else f"[{key}]"
        return f"write a table {header}" + (f" with {', '.join(needed)}" if needed else "")
    value = field.examples[0] if field.examples else field.default
    return f"write for example {key} = {site_toml.written(value)}"
