"""The generated reference pages are what the code says, and the schema judges as the code does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest

from agent import site_reference, site_toml

REF = Path(__file__).resolve().parents[2] / "docs/ref"
_SPEC = importlib.util.spec_from_file_location("reference_pages", REF / "make.py")
assert _SPEC is not None
assert _SPEC.loader is not None
make = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(make)


@pytest.mark.parametrize("name", sorted(make.PAGES))
def test_a_page_is_what_the_code_says(name: str) -> None:
    fresh = make.PAGES[name]()
    assert (REF / name).read_text("utf-8") == fresh, "write it anew: python docs/ref/make.py"


def test_the_schema_is_one_and_takes_the_sample() -> None:
    schema = json.loads(site_reference.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    sample = site_toml.parse(site_reference.sample()).values
    jsonschema.validate(sample, schema)
    sample["camera"][0]["fps"] = 60
    sample["camera"][0]["ulr"] = "x"
    faults = {fault.validator for fault in jsonschema.Draft202012Validator(schema).iter_errors(sample)}
    assert faults == {"maximum", "additionalProperties"}
