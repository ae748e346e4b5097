"""Read a table of a scene script strictly: every fault names its dotted key, what it found and what it wants."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.errors import ConfigError
from agent.stage.scene import Colour

_REQUIRED = object()


class Table:
    """One table; each value is taken once, and ``done`` refuses what nobody took."""

    def __init__(self, key: str, fields: object) -> None:
        if not isinstance(fields, Mapping):
            raise ConfigError(key, f"must be a table, got {fields!r}")
        self.key = key
        self._fields = dict(fields)
        self._known: list[str] = []

    def at(self, name: str) -> str:
        """Dotted path of a key of this table."""
        return f"{self.key}.{name}" if self.key else name

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._fields))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def take(self, name: str, default: object = _REQUIRED) -> Any:
        """Give a raw value; ``default`` where the key is absent."""
        self._known.append(name)
        if name in self._fields:
            return self._fields.pop(name)
        if default is _REQUIRED:
            raise ConfigError(self.at(name), "is missing")
        return default

    def number(self, name: str, low: float, high: float, default: object = _REQUIRED) -> float:
        """Give a number within ``low`` .. ``high``."""
        return number(self.at(name), self.take(name, default), low, high)

    def whole(self, name: str, low: int, high: int, default: object = _REQUIRED) -> int:
        """Give a whole number within ``low`` .. ``high``."""
        value = self.number(name, low, high, default)
        if value != int(value):
            raise ConfigError(self.at(name), f"must be a whole number, got {value}")
        return int(value)

    def text(self, name: str, default: object = _REQUIRED) -> str:
        """Give a non-empty text."""
        value = self.take(name, default)
        if not isinstance(value, str) or not value:
            raise ConfigError(self.at(name), f"must be a text, got {value!r}")
        return value

    def choice(self, name: str, allowed: Sequence[str], default: object = _REQUIRED) -> str:
        """Give one of the ``allowed`` words."""
        value = self.text(name, default)
        if value not in allowed:
            raise ConfigError(
                self.at(name), f"must be one of {', '.join(allowed)}; got {value!r}{_nearest(value, allowed)}"
            )
        return value

    def colour(self, name: str, default: Colour) -> Colour:
        """Give a colour written ``#rrggbb``."""
        value = self.take(name, None)
        if value is None:
            return default
        try:
            red, green, blue = bytes.fromhex(str(value).removeprefix("#"))
        except ValueError:
            raise ConfigError(self.at(name), f'must be a colour like "#b03030", got {value!r}') from None
        return (float(blue), float(green), float(red))

    def pair(self, name: str, default: object = _REQUIRED) -> tuple[float, float]:
        """Give two numbers, e.g. a place on the ground."""
        first, second = numbers(self.at(name), self.take(name, default), 2)
        return (first, second)

    def tables(self, name: str) -> list[Table]:
        """Give an array of tables; empty where absent."""
        found = self.take(name, [])
        if not isinstance(found, list):
            raise ConfigError(self.at(name), f"must be written as [[{name}]] tables, got {found!r}")
        return [Table(f"{self.at(name)}[{i}]", one) for i, one in enumerate(found)]

    def done(self) -> None:
        """Refuse keys that nobody took."""
        for name in self._fields:
            raise ConfigError(self.at(name), f"is not a known key{_nearest(name, self._known)}")


def number(key: str, value: object, low: float, high: float) -> float:
    """Check one number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(key, f"must be a number, got {value!r}")
    if not low <= value <= high:
        raise ConfigError(key, f"must be between {low:g} and {high:g}, got {value:g}")
    return float(value)


def numbers(key: str, value: object, count: int) -> tuple[float, ...]:
    """Check a list of exactly ``count`` numbers; metres and seconds of a scene never exceed 10 000."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise ConfigError(key, f"must be a list of {count} numbers, got {value!r}")
    return tuple(number(f"{key}[{i}]", one, -1e4, 1e4) for i, one in enumerate(value))


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
