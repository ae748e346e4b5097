"""Read a table of a hand-written file strictly: every fault names its place, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from agent.errors import ModelError

_T = TypeVar("_T")
_REQUIRED: Any = object()
_TYPE_NAMES: dict[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list in brackets",
    dict: "a table",
}


class Table:
    """One table of a card; every key that is there must be asked for, and have the type asked for."""

    def __init__(self, subject: str, values: Mapping[str, object], prefix: str = "") -> None:
        self._subject = subject
        self._values = values
        self._prefix = prefix
        self._known: list[str] = []

    def take(self, key: str, kind: type[_T] | tuple[type[_T], ...], default: _T | None = _REQUIRED) -> _T:
        """Give the value at ``key``, which must be of ``kind``; ``default`` makes it optional."""
        self._known.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                self.refuse(key, f"is missing; a card needs it{self._misspelt(key)}")
            return default  # type: ignore[return-value]
        value = self._values[key]
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, kind):
            names = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(_TYPE_NAMES[name] for name in names)
            self.refuse(key, f"must be {wanted}, got {value!r}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = _REQUIRED) -> float:
        """Give a number from ``low`` to ``high``."""
        value = float(self.take(key, (int, float), default))
        if not low <= value <= high:
            self.refuse(key, f"must lie between {low:g} and {high:g}, got {value:g}")
        return value

    def maybe_share(self, key: str) -> float | None:
        """Give a number from 0 to 1, or None where there is none."""
        self._known.append(key)
        return self.number(key, 0, 1) if key in self._values else None

    def whole(self, key: str, low: int, high: int, default: int | None = _REQUIRED) -> int:
        """Give a whole number from ``low`` to ``high``."""
        value = self.take(key, int, default)
        if not low <= value <= high:
            self.refuse(key, f"must lie between {low} and {high}, got {value}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = _REQUIRED) -> str:
        """Give one of the ``allowed`` words."""
        value = self.take(key, str, default)
        if value not in allowed:
            self.refuse(key, f"must be one of {', '.join(allowed)}; got {value!r}{_nearest(value, allowed)}")
        return value

    def listed(self, key: str, kind: type[_T] | tuple[type[_T], ...], default: list[_T] = _REQUIRED) -> tuple[_T, ...]:
        """Give a list whose items are all of ``kind``."""
        values = self.take(key, list, default)
        if any(isinstance(item, bool) or not isinstance(item, kind) for item in values):
            self.refuse(key, f"has an item of the wrong type: {values!r}")
        return tuple(values)

    def table(self, key: str) -> Table:
        """Give the table at ``key``."""
        return Table(self._subject, self.take(key, dict), f"{self._prefix}{key}.")

    def close(self) -> None:
        """Refuse keys nobody asked for."""
        for key in self._values:
            if key not in self._known:
                self.refuse(key, f"is no key of a card{_nearest(key, self._known) or f'; known: {self._listing()}'}")

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise the error that names the card, the key and the problem."""
        raise ModelError(self._subject, f"{self._prefix}{key} {problem}")

    def _listing(self) -> str:
        return ", ".join(sorted(self._known))

    def _misspelt(self, key: str) -> str:
        near = difflib.get_close_matches(key, self._values, 1)
        return f" (is {near[0]!r} a slip for it?)" if near else ""


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
