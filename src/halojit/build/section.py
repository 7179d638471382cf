"""A `halo_bitcode` section, by digest.

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
    """The bytes of an image's bitcode section, whole."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.digest = hashlib.blake2b(data, digest_size=16).hexdigest()

    @cached_property
    def modules(self) -> _native.Image:
        """The section's modules, linked. Raises `_native.BitcodeError`."""
        from halojit import _native

        return _native.Image(self.data)

    def __reduce__(self) -> tuple[type[Section], tuple[bytes]]:
        return Section, (self.data,)
