"""Where a process has the things that its bitcode names.

In: the bytes of `struct halo_resolved` entries (protocol.h), whose layout RESOLVED mirrors. Out:
addresses by (module id, ordinal). A name that stands for two addresses is dropped: a source file
that was compiled and linked twice has two sets of statics under one digest, and nobody can say
which of them a function means.
"""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from halojit.model.function import Key

RESOLVED = np.dtype(
    [("module", "<u8"), ("kind_ordinal", "<u4"), ("flags", "<u4"), ("address", "<u8")]
)
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


class SymbolTable:
    """The resolved symbol table of one image in one process."""

    def __init__(self, data: bytes) -> None:
        if len(data) % RESOLVED.itemsize:
            raise ValueError(
                f"the symbol table has {len(data)} bytes, no multiple of {RESOLVED.itemsize}"
            )
        rows = np.frombuffer(data, dtype=RESOLVED)
        kinds = rows["kind_ordinal"] >> KIND_SHIFT
        is_static_tls = (rows["flags"] & STATIC_TLS) != 0
        is_tls = kinds == Kind.TLS
        is_there = rows["address"] != 0
        self.entries = _unambiguous(rows[(kinds == Kind.PATCHABLE) & is_there])
        """Entries of patchable functions."""
        self.tls_offsets = {
            key: offset - (1 << 64) if offset >> 63 else offset
            for key, offset in _unambiguous(rows[is_tls & is_static_tls]).items()
        }
        """Thread-local variables by their offset from the thread pointer."""
        self._definitions = _unambiguous(rows[(kinds <= Kind.PATCHABLE) & is_there])
        self._bound = _unambiguous(rows[kinds == Kind.GOT])
        self._accessors = _unambiguous(rows[is_tls & ~is_static_tls])
        self._rows = rows
        self.statistics = {kind.name.lower(): int((kinds == kind).sum()) for kind in Kind}

    def listed(self, text_low: int, text_high: int) -> bytes:
        """What the table has, wherever it is: the same bytes for every process of a build that
        binds the image's names alike. The image's code is at [text_low, text_high)."""
        plain = self._rows.copy()
        address = plain["address"]
        is_elsewhere = (plain["kind_ordinal"] >> KIND_SHIFT == Kind.GOT) & (address != 0)
        is_elsewhere &= (address < text_low) | (address >= text_high)
        plain["flags"] = np.where(is_elsewhere, ELSEWHERE, 0)
        plain["address"] = 0
        return np.unique(plain).tobytes()

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


def _unambiguous(rows: npt.NDArray[np.void]) -> dict[Key, int]:
    """Addresses by (module, ordinal), without the names that stand for several."""
    plain = np.empty(len(rows), dtype=[("module", "<u8"), ("ordinal", "<u8"), ("address", "<u8")])
    plain["module"] = rows["module"]
    plain["ordinal"] = rows["kind_ordinal"] & ORDINAL_MASK
    plain["address"] = rows["address"]
    plain = np.unique(plain)
    same = (plain["module"][1:] == plain["module"][:-1]) & (
        plain["ordinal"][1:] == plain["ordinal"][:-1]
    )
    is_unique = np.ones(len(plain), dtype=bool)
    is_unique[1:] &= ~same
    is_unique[:-1] &= ~same
    kept = plain[is_unique]
    return {
        (module, ordinal): address
        for module, ordinal, address in zip(
            kept["module"].tolist(),
            kept["ordinal"].tolist(),
            kept["address"].tolist(),
            strict=True,
        )
    }
