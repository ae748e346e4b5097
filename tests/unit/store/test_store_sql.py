"""Where the store's statements stand, and how the tables are read."""

import re
from pathlib import Path

import agent.store

FILES = sorted(Path(agent.store.__file__).parent.glob("*.py"))


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
