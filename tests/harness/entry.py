"""Where an entry of a running program leads, read from outside: its bytes in /proc/PID/mem.

In: a process, its executable, a function. Out: is the original entered? Nothing of Halo's own is
asked: the layout is that of runtime/include/halo/image.h.
"""

from __future__ import annotations

import os
import select
import struct
import time
from pathlib import Path

from harness.elf import PLAIN_ENTRY, Image
from harness.processes import wait_until

ARMED = b"\xeb"
PREFIX_BYTES = 16
WAIT_S = 60.0
LOOK_S = 0.001


class Entry:
    """One function of one process."""

    def __init__(self, pid: int, executable: Path, function: str) -> None:
        (address,) = Image(executable).symbols[function]
        self._memory = Path(f"/proc/{pid}/mem")
        self._address = address + _base(pid, executable)
        self._ended = os.pidfd_open(pid)

    def __del__(self) -> None:
        if hasattr(self, "_ended"):
            os.close(self._ended)

    def _read(self, address: int, size: int) -> bytes:
        with self._memory.open("rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(size)

    @property
    def is_armed(self) -> bool:
        """Was it ever patched?"""
        return self._read(self._address, 1) == ARMED

    @property
    def is_original(self) -> bool:
        """Does a call reach the program's own code?"""
        if not self.is_armed:
            return True
        opcode, distance = struct.unpack("<Hi", self._read(self._address - PREFIX_BYTES, 6))
        assert opcode == 0x25FF
        slot = self._address - PREFIX_BYTES + 6 + distance
        (target,) = struct.unpack("<Q", self._read(slot, 8))
        return bool(target == self._address + len(PLAIN_ENTRY))

    def wait_original(self, is_original: bool, limit_s: float = WAIT_S) -> float:
        """Until it leads there, or elsewhere; the seconds that it took."""
        begin = time.monotonic()
        while self.is_original != is_original:
            assert time.monotonic() - begin < limit_s, f"is_original stays {not is_original}"
            assert not select.select([self._ended], [], [], LOOK_S)[0], "the process has ended"
        return time.monotonic() - begin


def _base(pid: int, executable: Path) -> int:
    """A process that has just been started may have nothing mapped yet."""
    path = str(executable.resolve())

    def mapped() -> list[str]:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return [line for line in lines if line.endswith(path)]

    wait_until(lambda: bool(mapped()), f"{path} to be mapped in {pid}")
    return int(mapped()[0].partition("-")[0], 16)
