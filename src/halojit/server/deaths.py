"""How a process that is nobody's child here ended: its status, its signal, its farewell.

In: a pid or a pidfd. Out: an Ending. The kernel tells the exit status of any process to whoever
holds its pidfd (PIDFD_GET_INFO, Linux 6.15); before that only a zombie's /proc/PID/stat does, for
the moment until its parent takes notice. Where neither says it, the runtime's farewell still tells
an end in order (exit, return from main) from any other: a word in memory that outlives the process
(runtime/monitor/farewell.h). `_exit`, exec and signals leave none.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LIMIT_S = 2.0
"""A connection may end before its process does, by exec for one."""
RETRY_S = 0.005
RETRIES = 20
CRASHES = frozenset(
    (
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    )
)
MONITOR = "halo-monitor"
FAREWELL = "/memfd:halo-farewell"

# struct pidfd_info of linux/pidfd.h, as of its first version.
_INFO = struct.Struct("<QQ11Ii")
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11
_INFO_EXIT = 1 << 3


@dataclass(frozen=True, slots=True)
class Ending:
    """At most one of `status` and `signal` is known; neither if nobody can tell, or if the process
    goes on (`is_over` is false)."""

    status: int | None = None
    signal: int | None = None
    is_over: bool = True
    has_farewell: bool = False
    """Did it begin to exit in order? It may still have crashed on the way."""

    @property
    def is_crash(self) -> bool:
        """Did a signal end it that faults and aborts raise? Not so if somebody killed it."""
        return self.signal in CRASHES

    def __str__(self) -> str:
        if not self.is_over:
            return "it goes on without Halo"
        if self.signal is not None:
            return f"killed by {_name(self.signal)}"
        if self.status is not None:
            return f"exit status {self.status}"
        return "ended in order" if self.has_farewell else "nobody knows how it ended"


class Witness:
    """Holds on to a process from when it connects until somebody asks how it ended."""

    def __init__(self, pid: int) -> None:
        """`pid` as this process's kernel counts (SO_PEERCRED tells it; what a program in a
        container calls its pid may be another's here). Raises ProcessLookupError if there is no
        such process, OSError if the kernel refuses."""
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        self._farewell = _open_farewell(pid)

    async def ending(self, limit_s: float = LIMIT_S) -> Ending:
        """Waits for the end for so long."""
        return await _ending(self._pidfd, self.pid, self._farewell, limit_s)

    def close(self) -> None:
        """Idempotent."""
        for descriptor in (self._pidfd, self._farewell):
            if descriptor >= 0:
                os.close(descriptor)
        self._pidfd = self._farewell = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


async def ending(
    pid: int | None = None, *, pidfd: int | None = None, limit_s: float = LIMIT_S
) -> Ending:
    """How the process ended, by its pid or a borrowed pidfd. By a pid that is gone: unknown."""
    if pidfd is not None:
        return await _ending(pidfd, _pid_of(pidfd), -1, limit_s)
    if pid is None:
        raise TypeError("a pid or a pidfd")
    try:
        witness = Witness(pid)
    except ProcessLookupError:
        return Ending()
    with witness:
        return await witness.ending(limit_s)


async def _ending(pidfd: int, pid: int, farewell: int, limit_s: float) -> Ending:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(pidfd, over.set)
    try:
        async with asyncio.timeout(limit_s):
            await over.wait()
    except TimeoutError:
        return Ending(is_over=False, has_farewell=_has_farewell(farewell))
    finally:
        loop.remove_reader(pidfd)
    code = _exit_code(pidfd, pid)
    for _ in range(RETRIES):
        if code is not None:
            break
        await asyncio.sleep(RETRY_S)  # between zombie and gone neither source may know it
        code = _exit_code(pidfd, pid)
    has_farewell = _has_farewell(farewell)
    if code is None:
        return Ending(has_farewell=has_farewell)
    number = code & 0x7F
    if number:
        return Ending(signal=number, has_farewell=has_farewell)
    return Ending(status=code >> 8 & 0xFF, has_farewell=has_farewell)


def _exit_code(pidfd: int, pid: int) -> int | None:
    """As waitpid gives it."""
    code = _exit_code_of_reaped(pidfd)
    return code if code is not None else _exit_code_of_zombie(pidfd, pid)


def _exit_code_of_reaped(pidfd: int) -> int | None:
    info = bytearray(_INFO.pack(_INFO_EXIT, *[0] * 13))
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return None
    fields = _INFO.unpack(info)
    return fields[-1] if fields[0] & _INFO_EXIT else None


def _exit_code_of_zombie(pidfd: int, pid: int) -> int | None:
    if pid <= 0:
        return None
    try:
        # The command's name may hold anything; it ends at the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        signal.pidfd_send_signal(pidfd, 0)  # the pid still was this process's
    except OSError:
        return None
    return int(fields[-1]) if fields[0] == "Z" else None


def _pid_of(pidfd: int) -> int:
    """-1 once it was waited for."""
    try:
        text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    except OSError:
        return -1
    return next((int(line[4:]) for line in text.splitlines() if line.startswith("Pid:")), -1)


def _open_farewell(pid: int) -> int:
    """The monitor has it among descriptors of its own; -1: there is none that we may see."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            if (task / "comm").read_text().rstrip("\n") != MONITOR:
                continue
            for descriptor in (task / "fd").iterdir():
                if str(descriptor.readlink()).startswith(FAREWELL):
                    return os.open(descriptor, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        pass
    return -1


def _has_farewell(descriptor: int) -> bool:
    return descriptor >= 0 and any(os.pread(descriptor, 8, 0))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
