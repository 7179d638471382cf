"""A program at a terminal: a pseudo-terminal with an emulated screen behind it.

In: a command; keys. Out: what a person would see. Nothing here sleeps: everything waits for what is
to appear, and fails with the whole screen when it does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import pyte

LIMIT_S = 60.0
COLUMNS, LINES = 100, 400  # so high that nothing scrolls away


class _Screen(pyte.Screen):
    """A screen that answers when it is asked where its cursor is."""

    def __init__(self, lines: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(COLUMNS, lines)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class Terminal:
    """Runs `command` until the end of the block. `end`: ours of the pseudo-terminal."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], lines: int = LINES
    ) -> None:
        self.end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, COLUMNS, 0, 0))
        self._screen = _Screen(lines, lambda data: os.write(self.end, data))
        self._stream = pyte.ByteStream(self._screen)
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm-256color", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self.end)

    def send(self, keys: str) -> None:
        """Presses keys; `\\r` is Enter, `\\x03` Ctrl-C."""
        os.write(self.end, keys.encode())

    def kill(self, number: int) -> None:
        """A signal from elsewhere."""
        self._process.send_signal(number)

    def is_on(self, flag: int) -> bool:
        """Whether a local mode is on, as ICANON."""
        return bool(termios.tcgetattr(self.end)[3] & flag)

    @property
    def row(self) -> int:
        """Where the cursor is, from 0."""
        return int(self._screen.cursor.y)

    @property
    def line(self) -> str:
        """The cursor's line."""
        return self.lines()[self.row]

    def lines(self, first: int = 0) -> list[str]:
        """The screen, without trailing blanks."""
        return [each.rstrip() for each in self._screen.display[first:]]

    def colour(self, row: int, column: int) -> str:
        """A character's."""
        return str(self.cell(row, column).fg)

    def cell(self, row: int, column: int) -> pyte.screens.Char:
        """A character with its colours."""
        return self._screen.buffer[row][column]

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Takes output until something is so."""
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            left = deadline - time.monotonic()
            assert left > 0, f"waited for {what}; the screen:\n{self._seen()}"
            assert self._take(left), f"ended while {what} was waited for:\n{self._seen()}"

    def wait_for(self, text: str, first: int = 0) -> None:
        """Until a text is on the screen, at or below a row."""
        self.wait_until(lambda: any(text in each for each in self.lines(first)), repr(text))

    def wait_end(self) -> int:
        """The exit status."""
        deadline = time.monotonic() + LIMIT_S
        while self._take(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"waited for its end:\n{self._seen()}"
        return self._process.wait(LIMIT_S)

    def _seen(self) -> str:
        return "\n".join(self.lines()).strip()

    def _take(self, limit_s: float) -> bool:
        ready, _, _ = select.select([self.end], [], [], limit_s)
        data = b""
        if ready:
            with contextlib.suppress(OSError):  # EIO: nobody has the other end open
                data = os.read(self.end, 1 << 16)
            self._stream.feed(data)
        return bool(data) or not ready
