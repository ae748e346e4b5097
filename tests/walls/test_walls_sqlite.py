"""The oldest box has SQLite 3.37 (JetPack 6): no statement needs a later one, nor what a later Python refuses."""

from __future__ import annotations

import ast
import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.store_world import World

from agent.store import schema, statements
from hq import sql
from hq.store import HqStore

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("agent/store", "hq")
"""Where SQL may stand; another wall sees to it that it stands nowhere else."""

_AGGREGATES = r"(?:group_concat|json_group_array|json_group_object|string_agg|sum|count|total|avg|min|max)"
LATER = {
    "-> and ->> (3.38)": (r"->>?", "SELECT body ->> 'kind' FROM log_a"),
    "unixepoch() (3.38)": (r"\bunixepoch\s*\(", "SELECT unixepoch('now')"),
    "format() (3.38)": (r"(?<![.\w])format\s*\(", "SELECT format('%d', seq) FROM log_a"),
    "modifier auto (3.38)": (r"'auto'", "SELECT date(utc_us, 'auto')"),
    "RIGHT and FULL JOIN (3.39)": (r"\b(?:FULL|RIGHT)\s+(?:OUTER\s+)?JOIN\b", "SELECT 1 FROM a FULL OUTER JOIN b"),
    "IS DISTINCT FROM (3.39)": (r"\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b", "SELECT a IS NOT DISTINCT FROM b"),
    "unhex() (3.41)": (r"\bunhex\s*\(", "SELECT unhex('00ff')"),
    "modifier subsec (3.42)": (r"'subsec(?:ond)?'", "SELECT strftime('%s', 'now', 'subsec')"),
    "timediff(), octet_length() (3.43)": (r"\b(?:timediff|octet_length)\s*\(", "SELECT octet_length(body)"),
    "concat(), concat_ws(), string_agg() (3.44)": (r"\b(?:concat(?:_ws)?|string_agg)\s*\(", "SELECT concat(a, b)"),
    "ORDER BY in an aggregate (3.44)": (
        rf"\b{_AGGREGATES}\s*\([^()]*\bORDER\s+BY\b",
        "SELECT group_concat(kind, ',' ORDER BY seq)",
    ),
    "jsonb (3.45)": (r"\bjsonb", "SELECT jsonb_extract(body, '$.kind')"),
    "json_pretty() (3.46)": (r"\bjson_pretty\s*\(", "SELECT json_pretty(body)"),
    "1_000 (3.46)": (r"(?<![\w?:@])\d+_\d+", "DELETE FROM log_a WHERE seq < 1_000"),
    "if(), iif() of two (3.48)": (r"\bif\s*\(|\biif\s*\([^(),]+,[^(),]+\)", "SELECT iif(seq > 1, 'late')"),
    "unistr() (3.50)": (r"\bunistr(?:_quote)?\s*\(", r"SELECT unistr('\00e1')"),
    "a number beside positional values (Python 3.14 refuses it)": (r"\?\d", "SELECT 1 FROM log_a WHERE seq = ?1"),
}
"""What came after 3.37: how it looks in a statement, and a statement that has it."""


def texts(source: str) -> Iterator[str]:
    """Give every string of a program but those that stand alone, which are documentation."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def too_new(feature: str, folders: list[Path]) -> list[str]:
    pattern = re.compile(LATER[feature][0], re.IGNORECASE)
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert files
    return [f"{path.name}: {text}" for path in files for text in texts(path.read_text("utf-8")) if pattern.search(text)]


@pytest.mark.parametrize("feature", LATER)
def test_no_statement_needs_a_later_sqlite_or_what_a_later_python_refuses(feature: str) -> None:
    assert too_new(feature, [ROOT / room for room in ROOMS]) == []


@pytest.mark.parametrize("feature", LATER)
def test_the_wall_sees_such_a_statement(feature: str, tmp_path: Path) -> None:
    program = f'def ask(db):\n    """Ask."""\n    return db.execute(f"""{LATER[feature][1]} -- {{db}}""")\n'
    (tmp_path / "reader.py").write_text(program, "utf-8")
    assert len(too_new(feature, [tmp_path])) == 1


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("SELECT unixepoch('now')", (3, 38, 0)),
        ("SELECT octet_length('x')", (3, 43, 0)),
        ("SELECT iif(1, 2)", (3, 48, 0)),
    ],
)
def test_preparing_tells_what_this_sqlite_lacks(statement: str, first: tuple[int, int, int]) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        assert (refusal(db, statement) == "") is (sqlite3.sqlite_version_info >= first)


NAMED = {name: text for name, text in vars(statements).items() if name.isupper() and not name.startswith("_")}
AT_HQ = {name: text for name, text in vars(sql).items() if name.isupper() and isinstance(text, str)}


@pytest.fixture(scope="module")
def box_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, sqlite3.Connection]]:
    """One box's four database files, open."""
    world = World(tmp_path_factory.mktemp("box"))
    files = {file.name: sqlite3.connect(world.settings.state_dir / file.name) for file in schema.FILES}
    yield files
    for file in files.values():
        file.close()


@pytest.mark.parametrize("name", NAMED)
def test_this_sqlite_prepares_every_statement_of_a_box(name: str, box_files: dict[str, sqlite3.Connection]) -> None:
    refusals = {
        f"{file.name} {stream}": refusal(box_files[file.name], statements.of(NAMED[name], stream))
        for file in schema.FILES
        for stream in file.streams
    }
    assert "" in refusals.values(), refusals
    elsewhere = re.compile("|no such (table|column): .*|table .* has no column named .*")
    assert [text for text in refusals.values() if not elsewhere.fullmatch(text)] == []


@pytest.mark.parametrize("name", AT_HQ)
def test_this_sqlite_prepares_every_statement_of_hq(name: str, tmp_path: Path) -> None:
    HqStore(tmp_path, "area").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "hq.db")) as db:
        assert refusal(db, AT_HQ[name]) == ""


def refusal(db: sqlite3.Connection, statement: str) -> str:
    """Let SQLite prepare a statement without running it, and give what it has against it; empty: nothing."""
    names = re.findall(r":(\w+)", statement)
    try:
        db.execute(f"EXPLAIN {statement}", dict.fromkeys(names) if names else [None] * statement.count("?"))
    except sqlite3.Error as error:
        return str(error)
    return ""
