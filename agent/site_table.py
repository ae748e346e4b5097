"""What a table of site.toml is made of: strict types, described keys, and the values people may write."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from agent import site_values as values
from agent.rules.settings import DEFAULTS

_ID_SCHEMA = WithJsonSchema({"type": "string", "pattern": values.ID_PATTERN})
Id = Annotated[str, AfterValidator(values.check_id), _ID_SCHEMA]
BoxId = Annotated[str, AfterValidator(values.check_box_id), _ID_SCHEMA]
Text = Annotated[str, AfterValidator(values.check_text)]
Host = Annotated[str, AfterValidator(values.check_host)]
Outline = Annotated[list[list[float]], AfterValidator(values.check_polygon)]
WeeklyWindow = Annotated[str, AfterValidator(values.check_window)]
Share = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
RuleId = Annotated[str, AfterValidator(values.check_rule), WithJsonSchema({"type": "string", "enum": list(DEFAULTS)})]


def key(meaning: str, default: Any = ..., *, example: object = None, unit: str = "", **limits: Any) -> Any:
    """Describe one key: what it means and why its default is what it is.

    Args:
        meaning: for the reference and for the comment in a fresh site.toml.
        default: in force where the key is absent; left out: the key must be written.
        example: what a fresh site.toml shows, where that is not the default.
        unit: of a number.
        limits: passed on to pydantic (``ge``, ``le``, ``min_length`` …).
    """
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    examples = None if example is None else [example]
    return Field(default, description=meaning, examples=examples, json_schema_extra=extra, **limits)


class Table(BaseModel):
    """A table of site.toml: strict types, no unknown key."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
