"""What the plugin and the linker put into an ELF file, decoded from its bytes.

In: a path. Out: Image, with the note, the bitcode frames and the table of image.h (runtime). An
independent reading of that contract: nothing of Halo's own is used.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DEFINITION, PATCHABLE, GOT, TLS = range(4)
PLAIN_ENTRY = bytes.fromhex("85ee")
TRACKED_ENTRY = bytes.fromhex("f30f1efa85ea")
_FRAME = struct.Struct("<8sIIIIQQII16s")
_ROW = struct.Struct("<QIi")


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One module's bitcode frame; `stored` is the payload as it stands in the file."""

    digest: bytes
    compression: int
    llvm: tuple[int, int]
    options: dict[str, str]
    stored: bytes
    raw_bytes: int

    def raw(self) -> bytes:
        """The bitcode. LLVM itself links against libzstd: it is there."""
        if self.compression == 0:
            return self.stored
        raw = ctypes.create_string_buffer(self.raw_bytes)
        zstd = ctypes.CDLL("libzstd.so.1").ZSTD_decompress
        zstd.restype = ctypes.c_size_t
        sizes = ctypes.c_size_t(self.raw_bytes), ctypes.c_size_t(len(self.stored))
        assert zstd(raw, sizes[0], self.stored, sizes[1]) == self.raw_bytes
        return raw.raw

    @property
    def module(self) -> int:
        return int.from_bytes(self.digest[:8], "little")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the table; `address` is what `where` leads to."""

    module: int
    kind: int
    ordinal: int
    address: int


class Image:
    """A linked 64-bit little-endian ELF file."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        assert self.data[:6] == b"\x7fELF\x02\x01", f"{path} is no 64-bit ELF file"

    @cached_property
    def sections(self) -> list[Section]:
        (table,) = struct.unpack_from("<Q", self.data, 40)
        size, count, names = struct.unpack_from("<HHH", self.data, 58)
        raw = [struct.unpack_from("<IIQQQQI", self.data, table + i * size) for i in range(count)]
        strings = raw[names][4]
        return [
            Section(self._string(strings + name), kind, flags, address, offset, bytes_, link)
            for name, kind, flags, address, offset, bytes_, link in raw
        ]

    def _string(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode()

    def section(self, name: str) -> Section:
        """The one section of that name."""
        (found,) = (section for section in self.sections if section.name == name)
        return found

    def has(self, name: str) -> bool:
        return any(section.name == name for section in self.sections)

    def at(self, address: int, size: int) -> bytes:
        """The file's bytes at an address that a section with contents covers."""
        for section in self.sections:
            if section.kind != 8 and section.address <= address < section.address + section.size:
                start = section.offset + address - section.address
                return self.data[start : start + size]
        raise AssertionError(f"no section has contents at {address:#x}")

    def section_at(self, address: int) -> str:
        """Name of the allocated section that covers an address."""
        for section in self.sections:
            if section.flags & 2 and section.address <= address < section.address + section.size:
                return section.name
        raise AssertionError(f"no section at {address:#x}")

    @cached_property
    def symbols(self) -> dict[str, list[int]]:
        """Name -> addresses of the defined symbols; locals of several files share a name."""
        result: dict[str, list[int]] = {}
        table = self.section(".symtab")
        strings = self.sections[table.link].offset
        for offset in range(table.offset, table.offset + table.size, 24):
            name, _, _, index, value, _ = struct.unpack_from("<IBBHQQ", self.data, offset)
            if name and index:
                result.setdefault(self._string(strings + name), []).append(value)
        return result

    @cached_property
    def frames(self) -> list[Frame]:
        section = self.section("halo_bitcode")
        data = self.data[section.offset : section.offset + section.size]
        frames = []
        at = 0
        while at < len(data):
            (magic, form, compression, major, minor, stored, raw, options, reserved, digest) = (
                _FRAME.unpack_from(data, at)
            )
            assert (magic, form, reserved) == (b"HALOBC\r\n", 1, 0)
            text = data[at + _FRAME.size : at + _FRAME.size + options].decode()
            start = at + _FRAME.size + options
            pairs = dict(line.split("=", 1) for line in text.splitlines())
            payload = data[start : start + stored]
            frames.append(Frame(digest, compression, (major, minor), pairs, payload, raw))
            end = start + stored
            at = (end + 7) & ~7
            assert not any(data[end:at]), "padding between frames is zero"
        return frames

    @cached_property
    def rows(self) -> list[Row]:
        section = self.section("halo_symbols")
        data = self.data[section.offset : section.offset + section.size]
        rows = []
        for at in range(0, section.size, _ROW.size):
            module, kind_ordinal, where = _ROW.unpack_from(data, at)
            address = section.address + at + 12 + where
            rows.append(Row(module, kind_ordinal >> 28, kind_ordinal & 0xFFFFFFF, address))
        return rows

    def named(self, name: str, kind: int) -> list[Row]:
        """The rows of a kind that lead to a symbol of that name."""
        addresses = set(self.symbols.get(name, ()))
        return [row for row in self.rows if row.kind == kind and row.address in addresses]

    @cached_property
    def note(self) -> tuple[int, int, int, int]:
        """Begin and end of the bitcode and of the table, as addresses."""
        section = self.section(".note.halo")
        words = struct.unpack_from("<III8sIiiii", self.data, section.offset)
        assert words[:5] == (5, 20, 1, b"Halo\0\0\0\0", 1)
        field = section.address + 24
        first, second, third, fourth = (field + 4 * i + words[5 + i] for i in range(4))
        return first, second, third, fourth
