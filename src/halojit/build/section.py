"""A `halo_bitcode` section, and what the image's symbol table has, by digest.

It is read by whoever builds: `modules` links them once and keeps the result for as long as the
section lives. A worker pool sends each worker a section once (pool.py).
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halojit import _native


class Section:
    """The bytes of an image's bitcode section, whole; `listed` is from `SymbolTable.listed`,
    empty when it is not known."""

    def __init__(self, data: bytes, listed: bytes = b"") -> None:
        self.data = data
        self.listed = listed
        both = hashlib.blake2b(len(data).to_bytes(8), digest_size=16)
        both.update(data)
        both.update(listed)
        self.digest = both.hexdigest()

    @cached_property
    def modules(self) -> _native.Image:
        """The section's modules, linked. Raises `_native.BitcodeError`."""
        from halojit import _native

        modules = _native.Image(self.data)
        if self.listed:
            modules.know(self.listed)
        return modules

    def __reduce__(self) -> tuple[type[Section], tuple[bytes, bytes]]:
        return Section, (self.data, self.listed)
