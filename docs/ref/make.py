"""Write the generated reference pages anew: python docs/ref/make.py (a contract test compares them)."""

from __future__ import annotations

from pathlib import Path

from agent import site_reference
from agent.cli.reference import cli_reference

PAGES = {
    "site.md": site_reference.reference,
    "site.schema.json": site_reference.schema,
    "cli.md": cli_reference,
}

if __name__ == "__main__":
    for name, write in PAGES.items():
        Path(__file__).with_name(name).write_text(write(), "utf-8")
