"""A shared library whose functions all return 0, written byte by byte: no compiler is needed.

NVIDIA's Python bindings want three libraries of hundreds of megabytes beside them. To look at what they offer,
libraries that know nothing are enough. ELF for x86-64 (System V ABI, chapters 4 and 5), two pages long.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

_CODE = b"\x31\xc0\xc3"  # xor eax, eax; ret
_PAGE = 0x1000
_LOAD, _DYNAMIC, _GNU_STACK = 1, 2, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1
_HASH, _STRTAB, _SYMTAB, _STRSZ, _SYMENT, _SONAME = 4, 5, 6, 10, 11, 14


def write_stub(path: Path, functions: Sequence[str]) -> None:
    """Write a library named like the file, with these functions."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (path.name, *functions))
    count = len(functions) + 1
    at = 64 + 4 * 56
    places = {}
    for part, size in (("code", 16), ("names", len(names)), ("symbols", 24 * count), ("hash", 4 * (3 + count))):
        at = (at + 7) & ~7
        places[part] = at
        at += size
    assert at < _PAGE
    symbols = bytes(24)
    for name in functions:
        offset = names.index(b"\0" + name.encode() + b"\0") + 1
        symbols += struct.pack("<IBBHQQ", offset, 0x12, 0, 1, places["code"], len(_CODE))
    chain = [0, *range(2, count), 0]  # one bucket: all names in a row
    table = struct.pack(f"<{3 + count}I", 1, count, 1, *chain)
    tags = [
        (_SONAME, 1), (_HASH, places["hash"]), (_STRTAB, places["names"]), (_SYMTAB, places["symbols"]),
        (_STRSZ, len(names)), (_SYMENT, 24), (0, 0),
    ]  # fmt: skip
    dynamic = b"".join(struct.pack("<qQ", *tag) for tag in tags)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 64, 0, 0, 64, 56, 4, 64, 0, 0
    )  # fmt: skip
    segments = (
        (_LOAD, _READ | _EXECUTE, 0, at),
        (_LOAD, _READ | _WRITE, _PAGE, len(dynamic)),
        (_DYNAMIC, _READ | _WRITE, _PAGE, len(dynamic)),
        (_GNU_STACK, _READ | _WRITE, 0, 0),
    )
    for kind, flags, place, size in segments:
        head += struct.pack("<IIQQQQQQ", kind, flags, place, place, place, size, size, _PAGE if kind == _LOAD else 8)
    page = bytearray(2 * _PAGE)
    page[: len(head)] = head
    parts = {"code": _CODE, "names": names, "symbols": symbols, "hash": table}
    for part, content in parts.items():
        page[places[part] : places[part] + len(content)] = content
    page[_PAGE : _PAGE + len(dynamic)] = dynamic
    path.write_bytes(bytes(page[: _PAGE + len(dynamic)]))
