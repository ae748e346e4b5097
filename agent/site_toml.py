"""TOML text -> its values, and the line on which each of them stands; the standard parser tells no lines."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys, and 0-based positions in lists."""

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY_PART = re.compile(r'[ \t]*("(?:\\.|[^"\\])*"|\'[^\']*\'|[A-Za-z0-9_-]+)[ \t]*')
_BARE = re.compile(r"[^,\]}\s#]+(?: [0-9:.]+(?:Z|[+-][0-9:]+)?)?")  # the blank may part a date from its time
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL)
_POSITION = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")

_HINTS = (
    ("Unescaped '\\'", "a backslash starts an escape inside double quotes; write the text in 'single quotes'"),
    ("Invalid value", 'text stands in "double quotes"; true and false are written small; decimals take a point'),
    ("Expected newline or end of document", "one key a line; a comment starts with #"),
    ("Cannot overwrite a value", "the key stands twice; keep one"),
    ("Cannot declare", "the table stands twice; a second camera, zone, mask or rule takes [[double brackets]]"),
    ("Cannot mutate", "the table was already closed; put the key where the table is first written"),
    ("Invalid initial character for a key part", "a key is made of letters, digits, - and _"),
    ("Expected '=' after a key", "write key = value"),
    ("Unclosed array", "close the list with ]"),
    ("Unterminated string", "close the text with the quote that opened it"),
    ("Illegal character", "close the text with a quote on the same line"),
    ("Expected ']'", "close the table's name with ] (or ]] for a camera, zone, mask or rule)"),
)


class Broken(Exception):
    """The text is no TOML.

    Attributes:
        line: 1-based line at which the parser gave up.
        problem: in the parser's words.
        hint: what usually mends it.
    """

    def __init__(self, line: int, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem
        self.hint = hint


class Document(NamedTuple):
    """A parsed file.

    Attributes:
        values: as the standard parser gives them.
        lines: the 1-based line of every table, key and list item.
    """

    values: dict[str, Any]
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """Give the line of ``path``, or of the nearest thing around it that is there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def parse(text: str) -> Document:
    """Read TOML 1.0.

    Raises:
        Broken: it is none.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _broken(str(error), text) from error
    return Document(values, _Locator(text).lines)


def written(value: object) -> str:
    """Write a value as TOML does, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML takes JSON's escapes, and DEL
    return str(value)


def _broken(message: str, text: str) -> Broken:
    found = _POSITION.search(message)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    problem = _POSITION.sub("", message).strip()
    hint = next((hint for words, hint in _HINTS if words in problem), "compare with: commune-agent init")
    return Broken(line, problem, hint)


class _Locator:
    """Walks over text that the standard parser has accepted, so it need not look for faults."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._sizes: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        while self._skip() < len(text):
            if text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self) -> int:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _mark(self, path: KeyPath) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines.setdefault(path, self._line)

    def _key(self) -> tuple[str, ...]:
        parts = []
        while found := _KEY_PART.match(self._text, self._at):
            parts.append(found[1] if found[1][0] not in "\"'" else str(tomllib.loads(f"k = {found[1]}")["k"]))
            self._at = found.end()
            if self._text[self._at] != ".":
                break
            self._at += 1
        return tuple(parts)

    def _header(self) -> KeyPath:
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        path: KeyPath = ()
        parts = self._key()
        for position, part in enumerate(parts, 1):
            path += (part,)
            if position == len(parts) and brackets == 2:
                self._sizes[path] = self._sizes.get(path, 0) + 1
            if path in self._sizes:
                path += (self._sizes[path] - 1,)
        self._mark(path)
        self._at += brackets
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table
        for part in self._key():
            path += (part,)
            end, self._at = self._at, start
            self._mark(path)
            self._at = end
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip()
        self._mark(path)
        opening = self._text[self._at]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._inline(path)
        elif found := (_STRING if opening in "\"'" else _BARE).match(self._text, self._at):
            self._at = found.end()

    def _items(self, path: KeyPath) -> None:
        self._at += 1
        position = 0
        while self._text[self._skip()] != "]":
            self._value((*path, position))
            position += 1
            if self._text[self._skip()] == ",":
                self._at += 1
        self._at += 1

    def _inline(self, path: KeyPath) -> None:
        self._at += 1
        while self._text[self._skip()] != "}":
            self._pair(path)
            if self._text[self._skip()] == ",":
                self._at += 1
        self._at += 1
