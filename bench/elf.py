"""Sizes of a 64-bit little-endian ELF file, read from its program headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

PT_LOAD = 1
PF_X = 1


@dataclass(frozen=True)
class Sizes:
    """Bytes on disk, bytes mapped, bytes mapped executable."""

    file_bytes: int
    mapped_bytes: int
    code_bytes: int


def sizes(path: Path) -> Sizes:
    """ValueError if it is no such file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is no 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, 32)
    entry_bytes, count = struct.unpack_from("<HH", data, 54)
    mapped = code = 0
    for i in range(count):
        kind, flags, *_, memory, _ = struct.unpack_from("<IIQQQQQQ", data, table + i * entry_bytes)
        if kind == PT_LOAD:
            mapped += memory
            code += memory if flags & PF_X else 0
    return Sizes(len(data), mapped, code)
