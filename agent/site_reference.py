"""What site.toml may hold, told three ways from the one shape: a commented sample, a JSON Schema, a reference page."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from agent.rules.settings import DEFAULTS
from agent.site_faults import is_list, table_of
from agent.site_model import SiteFile
from agent.site_table import Table
from agent.site_toml import written

_WIDTH = 112
_SHOWN_UNCOMMENTED = {"camera", "zone", "rule"}
"""Lists of tables of which a fresh file shows a live example; the rest is shown commented out."""

_CHOSEN = {"detector.card"}
"""Keys that have a default and yet stand live in a fresh file, with their example: a site must not miss them."""

_SAMPLE_HEAD = """\
# site.toml: one box. Made by: commune-agent init
#
# What is commented out shows its default, or an example where there is none.
# Relative paths start at the folder of this file. After every change: commune-agent check site.toml"""

_PAGE_HEAD = """\
# site.toml, key by key

Generated from `agent/site_model.py`; a test compares. The same as JSON Schema: [site.schema.json](site.schema.json).
Writing zones by hand: [../guide/config.md](../guide/config.md).

Types are strict: `5` is a number, `"5"` is text. Unknown keys are refused. Relative paths start at the folder of
site.toml. In messages a camera, zone or rule goes by its name
(`cameras.gate.rules.intrusion@yard.dwell_s`) and any other list item by its number from 1.
"""


def sample() -> str:
    """Write the site.toml that ``commune-agent init`` gives: every key with its meaning, unit and default."""
    return "\n".join([_SAMPLE_HEAD, *_sample_tables(SiteFile, "", commented=False)])


def schema() -> str:
    """Write the JSON Schema of site.toml, as text."""
    described = SiteFile.model_json_schema(schema_generator=_Schema)
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def reference() -> str:
    """Write the reference page, Markdown."""
    return "\n".join([_PAGE_HEAD, *_page_tables(SiteFile, ""), *_page_rules()]) + "\n"


class _Schema(GenerateJsonSchema):
    """JSON Schema 2020-12 with this file's own title."""

    def generate(self, schema: Any, mode: Any = "validation") -> dict[str, Any]:
        described = super().generate(schema, mode=mode)
        return {"$schema": self.schema_dialect, **described, "title": "site.toml"}


def _sample_tables(table: type[Table], name: str, *, commented: bool) -> Iterator[str]:
    mark = "# " if commented else ""
    for key, field in table.model_fields.items():
        if table_of(field) is None:
            live = field.is_required() or f"{name}.{key}" in _CHOSEN
            yield from _sample_key(key, field, mark if live else "# ")
    for key, field in table.model_fields.items():
        inner = table_of(field)
        if inner is None:
            continue
        path = f"{name}.{key}" if name else key
        hidden = commented or (field.default is None) or (is_list(field) and key not in _SHOWN_UNCOMMENTED)
        inner_mark = "# " if hidden else ""
        yield ""
        yield from _comment(field.description or "")
        yield f"{inner_mark}[[{path}]]" if is_list(field) else f"{inner_mark}[{path}]"
        yield from _sample_tables(inner, path, commented=hidden)


def _sample_key(key: str, field: FieldInfo, mark: str) -> Iterator[str]:
    unit = _unit(field)
    yield from _comment((field.description or "") + (f" [{unit}]" if unit else ""))
    shown = field.examples[0] if field.examples else field.default
    yield f"{mark}{key} = {written(shown)}"


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH):
        yield f"# {line}"


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _page_tables(table: type[Table], name: str) -> Iterator[str]:
    plain = {key: field for key, field in table.model_fields.items() if table_of(field) is None}
    if plain:
        yield "| key | type | default | unit | meaning |"
        yield "|---|---|---|---|---|"
        yield from (_page_row(table, key, field) for key, field in plain.items())
        yield ""
    for key, field in table.model_fields.items():
        inner = table_of(field)
        if inner is None:
            continue
        path = f"{name}.{key}" if name else key
        yield f"## `[[{path}]]`" if is_list(field) else f"## `[{path}]`"
        yield ""
        yield (field.description or "") + (" Required." if field.is_required() else "")
        yield ""
        yield from _page_tables(inner, path)


def _page_row(table: type[Table], key: str, field: FieldInfo) -> str:
    described = table.model_json_schema(schema_generator=_Schema)["properties"][key]
    default = "required" if field.is_required() else "–" if field.default is None else f"`{written(field.default)}`"
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{key}` | {_type(described)} | {default} | {_unit(field)} | {meaning} |"


def _type(described: dict[str, Any]) -> str:
    """Put a property's JSON Schema into few words."""
    options = [option for option in described.get("anyOf", [described]) if option.get("type") != "null"]
    kind = options[0]
    if "enum" in kind:
        return " or ".join(f"`{word}`" for word in kind["enum"])
    if kind["type"] == "array":
        return f"list of {_type(kind['items'])}"
    words = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}
    low, high = kind.get("minimum"), kind.get("maximum")
    limits = "" if low is None else f" ≥ {_plain(low)}" if high is None else f" {_plain(low)}–{_plain(high)}"
    pattern = f" `{kind['pattern']}`" if "pattern" in kind else ""
    return words[kind["type"]] + limits + pattern


def _plain(limit: float) -> str:
    """Write a limit in full: nobody types 1.67772e+07."""
    return str(int(limit)) if limit == int(limit) else str(limit)


def _page_rules() -> Iterator[str]:
    keys = [field.name for field in dataclasses.fields(next(iter(DEFAULTS.values())))]
    yield "## Defaults of each rule"
    yield ""
    yield f"| rule | {' | '.join(f'`{key}`' for key in keys)} |"
    yield "|---" * (len(keys) + 1) + "|"
    for rule, usual in DEFAULTS.items():
        yield f"| `{rule}` | {' | '.join(_rule_default(getattr(usual, key)) for key in keys)} |"


def _rule_default(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return str(getattr(value, "value", value))
