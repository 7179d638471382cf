"""What a process says of itself and of the images that are mapped into it.

In: the answers of `halo_describe` and `halo_images` (runtime/include/halo/protocol.h). Out: frozen
values. Addresses are those of the process; times are nanoseconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Process:
    """One run of a program."""

    protocol: int
    pid: int
    main_ns: int
    now_ns: int
    now_ticks: int
    executable: str
    cpu: str
    memory_anchor: int


@dataclass(frozen=True)
class Image:
    """An executable or shared library built with -fhalo, where it is mapped."""

    id: int
    path: str
    build_id: bytes
    base: int
    text_low: int
    text_high: int
    arena: int
    bitcode_bytes: int
    symbols: int
    is_executable: bool
    digests: bytes

    @cached_property
    def build(self) -> str:
        """Names the build: the same modules in the same order give the same bitcode section."""
        digest = hashlib.blake2b(self.digests, digest_size=16)
        digest.update(self.bitcode_bytes.to_bytes(8, "little"))
        return digest.hexdigest()

    def holds(self, address: int) -> bool:
        """Is the address in the image's code?"""
        return self.text_low <= address < self.text_high
