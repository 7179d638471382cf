"""Where a process has the things that its bitcode names.

In: the bytes of `struct halo_resolved` entries (protocol.h), whose layout ROW mirrors. Out:
addresses by (module id, ordinal). A name that stands for two addresses is dropped: a source file
that was compiled and linked twice has two sets of statics under one digest, and nobody can say
which of them a function means.
"""

from __future__ import annotations

import enum
import struct

from halojit.model.function import Key

ROW = struct.Struct("<QIIQ")
KIND_SHIFT = 28
ORDINAL_MASK = (1 << KIND_SHIFT) - 1
STATIC_TLS = 1
ELSEWHERE = 2


class Kind(enum.IntEnum):
    """enum halo_symbol_kind of image.h."""

    DEFINITION = 0
    PATCHABLE = 1
    GOT = 2
    TLS = 3


KINDS = {int(kind): kind.name.lower() for kind in Kind}


class SymbolTable:
    """The resolved symbol table of one image in one process."""

    def __init__(self, data: bytes) -> None:
        if len(data) % ROW.size:
            raise ValueError(f"the symbol table has {len(data)} bytes, no multiple of {ROW.size}")
        entries, definitions, bound = _Addresses(), _Addresses(), _Addresses()
        static_tls, accessors = _Addresses(), _Addresses()
        self.statistics = dict.fromkeys(KINDS.values(), 0)
        for module, kind_ordinal, flags, address in ROW.iter_unpack(data):
            kind, key = kind_ordinal >> KIND_SHIFT, (module, kind_ordinal & ORDINAL_MASK)
            if kind not in KINDS:
                continue
            self.statistics[KINDS[kind]] += 1
            if kind == Kind.GOT:
                bound.add(key, address)
            elif kind == Kind.TLS:
                (static_tls if flags & STATIC_TLS else accessors).add(key, address)
            elif address:
                definitions.add(key, address)
                if kind == Kind.PATCHABLE:
                    entries.add(key, address)
        self.entries = entries.known()
        """Entries of patchable functions."""
        self.tls_offsets = {
            key: offset - (1 << 64) if offset >> 63 else offset
            for key, offset in static_tls.known().items()
        }
        """Thread-local variables by their offset from the thread pointer."""
        self._definitions = definitions.known()
        self._bound = bound.known()
        self._accessors = accessors.known()
        self._data = data

    def listed(self, text_low: int, text_high: int) -> bytes:
        """What the table has, wherever it is: the same bytes for every process of a build that
        binds the image's names alike. The image's code is at [text_low, text_high)."""
        plain = set()
        for module, kind_ordinal, _, address in ROW.iter_unpack(self._data):
            is_bound = kind_ordinal >> KIND_SHIFT == Kind.GOT and address != 0
            is_elsewhere = is_bound and not text_low <= address < text_high
            plain.add((module, kind_ordinal, ELSEWHERE if is_elsewhere else 0))
        return b"".join(ROW.pack(*row, 0) for row in sorted(plain))

    def address(self, key: Key) -> int | None:
        """The address of a variable, constant or function as the program itself binds it; 0 for
        a weak one that the program lacks."""
        for table in (self._bound, self._definitions, self._accessors):
            if key in table:
                return table[key]
        return None

    def function(self, key: Key) -> int | None:
        """Where the image's own copy of a function starts; None for functions of others."""
        return self._definitions.get(key)


class _Addresses:
    """By (module, ordinal), without the names that stand for several."""

    def __init__(self) -> None:
        self._found: dict[Key, int] = {}
        self._ambiguous: set[Key] = set()

    def add(self, key: Key, address: int) -> None:
        if self._found.setdefault(key, address) != address:
            self._ambiguous.add(key)

    def known(self) -> dict[Key, int]:
        for key in self._ambiguous:
            self._found.pop(key, None)
        return self._found
