"""LLVM's Simple Packed Serialization, as far as Halo's services use it.

Little-endian integers, u64 counts before strings, bytes and sequences, tuples without padding
(llvm/ExecutionEngine/Orc/Shared/SimplePackedSerialization.h). A reader checks every length against
what is left: the peer may be anybody's process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable


class MalformedError(ValueError):
    """Bytes that are not what the service promises."""


class Reader:
    """Reads a result from its start."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def _take(self, size: int) -> memoryview:
        if size > self.left:
            raise MalformedError(f"a result ends {size - self.left} bytes early")
        self._at += size
        return self._data[self._at - size : self._at]

    def u8(self) -> int:
        return self._take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def i32(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def u64(self) -> int:
        return int.from_bytes(self._take(8), "little")

    def bytes(self) -> bytes:
        return bytes(self._take(self.u64()))

    def string(self) -> str:
        return self.bytes().decode("utf-8", errors="replace")

    def count(self, least_bytes: int) -> int:
        """The length of a sequence whose elements take at least `least_bytes` each."""
        count = self.u64()
        if count * least_bytes > self.left:
            raise MalformedError(f"a sequence of {count} elements does not fit its result")
        return count

    def u64s(self) -> list[int]:
        """A sequence."""
        return unpacked("Q", self._take(8 * self.count(8)))

    def i32s(self) -> list[int]:
        """A sequence."""
        return unpacked("i", self._take(4 * self.count(4)))


def unpacked(code: str, data: bytes | bytearray | memoryview) -> list[int]:
    """All numbers of the kind that `code` stands for in the struct module."""
    return list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def string(text: str) -> bytes:
    data = text.encode()
    return u64(len(data)) + data


def u64s(values: Iterable[int]) -> bytes:
    """A sequence of u64."""
    numbers = list(values)
    return struct.pack(f"<{1 + len(numbers)}Q", len(numbers), *numbers)


def sequence(elements: Iterable[bytes]) -> bytes:
    """A sequence of elements that are serialized already."""
    parts = list(elements)
    return u64(len(parts)) + b"".join(parts)
