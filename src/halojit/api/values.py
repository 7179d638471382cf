"""Values of C++ in Python: what a session answers, decoded.

In: a node of bytes (interpreter/support/give.h). Out: Python objects, which hold no reference to
anything in the session: they are copies.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_FORMATS = {
    "b1": "?", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q",
    "u8": "Q", "f4": "f", "f8": "d", "c8": "ff", "c16": "dd",
}  # fmt: skip
"""Codes of numbers, with their bytes, as struct has them."""
_ENCODINGS = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""For what is beyond Unicode's last code point."""


class Pointer(int):
    """An address in the worker's memory, which is not this process's. `type`: as "int *"."""

    type: str

    def __new__(cls, type: str, address: int) -> Pointer:
        """Of a type in C++."""
        self = super().__new__(cls, address)
        self.type = type
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type, int(self))

    def __repr__(self) -> str:
        return f"<({self.type}) {hex(self) if self else 'nullptr'}>"


class Enumerator(int):
    """A value of an enumeration. `type`: as "Color"; `name`: "" where it has none."""

    type: str
    name: str

    def __new__(cls, type: str, name: str, value: int) -> Enumerator:
        """Of a type in C++."""
        self = super().__new__(cls, value)
        self.type = type
        self.name = name
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type, self.name, int(self))

    def __repr__(self) -> str:
        return f"<{self.type}{'::' + self.name if self.name else ''}: {int(self)}>"


class Opaque:
    """A value that has no form in Python. `type` and `text`: as the console shows it."""

    __slots__ = ("text", "type")

    def __init__(self, type: str, text: str) -> None:
        self.type = type
        self.text = text

    def __repr__(self) -> str:
        return f"<({self.type}) {self.text}>"


def numpy() -> ModuleType | None:
    """NumPy, if it is installed."""
    if "numpy" in sys.modules or find_spec("numpy"):
        import numpy

        return numpy
    return None


def decode(node: bytes, is_unsigned: Callable[[str], bool]) -> Any:
    """The value. `is_unsigned`: whether those of an enumeration are, by its type; asked where it
    matters."""
    return _Reader(node, is_unsigned).value()


def encode_text(text: str, width: int) -> bytes:
    """As C++ has it in characters of so many bytes; bytes that were no UTF-8 as they were.

    Raises UnicodeEncodeError.
    """
    return text.encode(_ENCODINGS[width], "surrogateescape" if width == 1 else "surrogatepass")


def _decode_text(raw: bytes, width: int) -> str:
    if width == 4:
        return "".join(
            chr(each) if each <= sys.maxunicode else _REPLACEMENT
            for (each,) in struct.iter_unpack("<I", raw)
        )
    return raw.decode(_ENCODINGS[width], "surrogateescape" if width == 1 else "surrogatepass")


class _Reader:
    def __init__(self, node: bytes, is_unsigned: Callable[[str], bool]) -> None:
        self._node = memoryview(node)
        self._is_unsigned = cache(is_unsigned)
        self._at = 0

    def value(self) -> Any:
        match chr(self._take(1)[0]):
            case "N":
                return None
            case "A":
                return self._numbers()
            case "C":
                width = self._take(1)[0]
                return _decode_text(bytes(self._take(width)), width)
            case "S":
                width = self._take(1)[0]
                return _decode_text(bytes(self._take(self._size())), width)
            case "L":
                return [self.value() for _ in range(self._size())]
            case "T":
                return tuple(self.value() for _ in range(self._size()))
            case "M":
                return self._map()
            case "R":
                self._text()
                return {self._text(): self.value() for _ in range(self._size())}
            case "E":
                return self._enumerator()
            case "P":
                return Pointer(self._text(), self._size())
            case "X":
                return Opaque(self._text(), self._text())
            case kind:
                raise ValueError(f"a value of an unknown kind {kind!r} at byte {self._at - 1}")

    def _numbers(self) -> Any:
        code, width, rank = chr(self._take(1)[0]), self._take(1)[0], self._take(1)[0]
        dims = [self._size() for _ in range(rank)]
        count = 1
        for dim in dims:
            count *= dim
        raw = self._take(count * width)
        form = _FORMATS.get(f"{code}{width}")
        if rank and form and (np := numpy()):
            return np.frombuffer(raw, f"<{code}{width}").reshape(dims).copy()
        flat: list[Any]
        if not form:  # integers that only Python has
            pieces = [raw[at : at + width] for at in range(0, len(raw), width)]
            flat = [int.from_bytes(each, "little", signed=code == "i") for each in pieces]
        elif code == "c":
            flat = [complex(*each) for each in struct.iter_unpack(f"<{form}", raw)]
        else:
            flat = [each[0] for each in struct.iter_unpack(f"<{form}", raw)]
        return _shaped(flat, dims) if rank else flat[0]

    def _enumerator(self) -> Enumerator:
        type, name = self._text(), self._text()
        (value,) = struct.unpack("<q", self._take(8))
        if value < 0 and self._is_unsigned(type):
            value += 1 << 64
        return Enumerator(type, name, value)

    def _map(self) -> Any:
        pairs = [(self.value(), self.value()) for _ in range(self._size())]
        try:
            found = dict(pairs)
        except TypeError:  # keys that Python cannot hash
            return pairs
        return found if len(found) == len(pairs) else pairs

    def _text(self) -> str:
        return _decode_text(bytes(self._take(self._size())), 1)

    def _size(self) -> int:
        size: int = struct.unpack("<Q", self._take(8))[0]
        return size

    def _take(self, count: int) -> memoryview:
        self._at += count
        if self._at > len(self._node):
            raise ValueError(f"a value of {len(self._node)} bytes is cut at byte {self._at}")
        return self._node[self._at - count : self._at]


def _shaped(flat: list[Any], dims: list[int]) -> list[Any]:
    if len(dims) == 1:
        return flat
    each = len(flat) // dims[0] if dims[0] else 0
    return [_shaped(flat[at * each : (at + 1) * each], dims[1:]) for at in range(dims[0])]
