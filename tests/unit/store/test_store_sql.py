"""The box's SQLite may be 3.37 (JetPack 6): what came later must not slip into a statement."""

import re
from pathlib import Path

import pytest

import agent.store

LATER = {
    "->> and -> (3.38)": r"->>?\s*'",
    "unixepoch() (3.38)": r"\bunixepoch\s*\(",
    "format() (3.38)": r"(?<![.\w])format\s*\(",
    "FULL or RIGHT JOIN (3.39)": r"\b(FULL|RIGHT)\s+(OUTER\s+)?JOIN\b",
    "IS DISTINCT FROM (3.39)": r"\bIS\s+(NOT\s+)?DISTINCT\s+FROM\b",
    "timediff, octet_length (3.43)": r"\b(timediff|octet_length)\s*\(",
    "concat, concat_ws, string_agg (3.44)": r"\b(concat|concat_ws|string_agg)\s*\(",
    "jsonb (3.45)": r"\bjsonb",
}
FILES = sorted(Path(agent.store.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("feature", LATER)
def test_no_statement_needs_a_newer_sqlite(feature):
    found = [path.name for path in FILES if re.search(LATER[feature], path.read_text("utf-8"), re.IGNORECASE)]
    assert found == []


def test_queries_live_in_one_place():
    allowed = {"statements.py", "schema.py", "salvage.py", "wreck.py"}
    verb = re.compile(r"\"(SELECT|INSERT|UPDATE|DELETE|CREATE) ")
    found = {path.name for path in FILES if verb.search(path.read_text("utf-8"))}
    assert found <= allowed


def test_log_is_read_by_its_key_not_scanned(tmp_path):
    from support.store_world import World, sql

    from agent.store import statements

    world = World(tmp_path)
    for statement in (statements.ROWS, statements.NEWEST_ROWS, statements.OLDEST_IN_RANGE, statements.SEQ_OF_EVENT):
        text = statements.of(statement, "a")
        plan = str(sql(world.settings.watch_db, f"EXPLAIN QUERY PLAN {text}", *[1] * text.count("?")))
        assert "SEARCH" in plan or "LIMIT" in text, plan
        assert "TEMP B-TREE" not in plan
