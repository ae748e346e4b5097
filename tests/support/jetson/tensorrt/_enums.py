"""Enums as pybind11 makes them: ``str`` gives ``Class.MEMBER``, ``int`` the number."""

from __future__ import annotations

import enum

from ._bench import bench


class _Enum(enum.Enum):
    def __int__(self) -> int:
        return int(self.value)

    __index__ = __int__


class DataType(_Enum):
    FLOAT = 0
    HALF = 1
    INT8 = 2
    INT32 = 3
    UINT8 = 5
    INT64 = 8


class TensorIOMode(_Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class MemoryPoolType(_Enum):
    WORKSPACE = 0


class Severity(_Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class _Flag10(_Enum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class _Flag11(_Enum):
    STRONGLY_TYPED = 0


def creation_flag() -> type[_Enum]:
    """NetworkDefinitionCreationFlag: its numbers were changed in 11.0."""
    return _Flag11 if int(bench.version.split(".")[0]) >= 11 else _Flag10
