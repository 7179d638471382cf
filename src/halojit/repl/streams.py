"""The pipes that inputs have as standard input, output and error.

In: what a person typed. Out: what inputs printed, as text; whether a process that this one started
waits for input. It does not know who reads or shows any of it.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

READ_BYTES = 1 << 16


class Output:
    """What is printed on one stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ours, self.theirs = os.pipe()
        os.set_blocking(self._ours, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def fileno(self) -> int:
        """Readable when something was printed."""
        return self._ours

    def read(self) -> str:
        """What was printed and not read yet, or a piece of it; "": nothing."""
        with contextlib.suppress(BlockingIOError):
            return self._decoder.decode(os.read(self._ours, READ_BYTES))
        return ""

    def read_all(self) -> Iterator[str]:
        """In pieces, all that was printed before the call."""
        left = _unread_bytes(self._ours)
        while left > 0:
            left -= READ_BYTES
            yield self.read()

    def close(self) -> None:
        """Both ends."""
        os.close(self._ours)
        os.close(self.theirs)


class Input:
    """What a person types. It can end, and begin again: inputs keep the same descriptor."""

    def __init__(self) -> None:
        self.theirs, ours = os.pipe()
        self._ours: int | None = ours
        self._rest = b""
        os.set_blocking(ours, False)
        state = os.fstat(self.theirs)
        self._identity = state.st_dev, state.st_ino

    def write(self, text: str) -> None:
        """Never waits: what does not fit is kept for `is_awaited`."""
        self._rest += text.encode()
        self._push()

    def end(self) -> None:
        """Who reads is told that the input has ended, until `begin`."""
        self._rest = b""
        if self._ours is not None:
            os.close(self._ours)
            self._ours = None

    def begin(self) -> None:
        """After `end`: reading waits again."""
        if self._ours is None:
            self._ours = os.open(f"/proc/self/fd/{self.theirs}", os.O_WRONLY | os.O_NONBLOCK)

    def forget(self) -> None:
        """Nobody shall read what is unread."""
        self._rest = b""
        if left := _unread_bytes(self.theirs):
            os.read(self.theirs, left)

    def is_awaited(self) -> bool:
        """Whether a process that descends from this one waits for input, and there is none."""
        self._push()
        if self._rest or self._ours is None or _unread_bytes(self.theirs):
            return False
        # Who is woken by a write counts as running at once: so this cannot be true of one for whom
        # there is something, if there is nothing left afterwards.
        is_waiting = any(self._is_read_by(pid) for pid in _descendants(os.getpid()))
        return is_waiting and not _unread_bytes(self.theirs)

    def close(self) -> None:
        """Both ends."""
        self.end()
        os.close(self.theirs)

    def _push(self) -> None:
        if self._rest and self._ours is not None:
            with contextlib.suppress(BlockingIOError):
                self._rest = self._rest[os.write(self._ours, self._rest) :]

    def _is_read_by(self, pid: int) -> bool:
        with contextlib.suppress(OSError, ValueError):  # it may end at any moment
            for task in Path(f"/proc/{pid}/task").iterdir():
                # "NUMBER ARGUMENT..." of the call it waits in, in hexadecimal; or "running".
                call = (task / "syscall").read_text().split()
                if len(call) < 2 or int(call[0]) not in _READS:
                    continue
                state = Path(f"/proc/{pid}/fd/{int(call[1], 16)}").stat()
                if (state.st_dev, state.st_ino) == self._identity:
                    return True
        return False


_READS = {"x86_64": (0, 19), "aarch64": (63, 65)}.get(os.uname().machine, ())
"""Of read and readv."""


def can_see_waiting() -> bool:
    """Whether this system tells what a process waits for: without, `is_awaited` is never true."""
    try:
        Path("/proc/self/syscall").read_text()
    except OSError:
        return False
    return bool(_READS)


def _unread_bytes(fd: int) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
    return count


def _descendants(ancestor: int) -> Iterator[int]:
    """All processes under one. A keeper's live process is its child or its former child's."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # PID (NAME) STATE PARENT …; a name may contain anything.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    wanted = [ancestor]
    while wanted:
        below = children.get(wanted.pop(), [])
        wanted += below
        yield from below
