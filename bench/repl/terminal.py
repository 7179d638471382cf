"""A program at a pseudo-terminal, and when what it shows arrives.

In: a command; keys. Out: times. What has arrived is looked at only after its time was taken, and
without the sequences that move a cursor: what appears where is the business of other tests.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

COLUMNS, LINES = 200, 40  # no line that is typed is broken
CURSOR_QUESTION = b"\x1b[6n"
CURSOR_ANSWER = b"\x1b[%d;1R" % LINES  # the last row, where it is after a screenful

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[=>])")


class NoAnswer(Exception):
    """What was waited for did not come; says why. `shown`: what did."""

    def __init__(self, why: str, shown: str = "") -> None:
        super().__init__(why)
        self.shown = shown


def plain(data: bytes) -> str:
    """What was shown, without colours and cursor movements."""
    return _SEQUENCE.sub(b"", data).replace(b"\r", b"").decode(errors="replace")


class Terminal:
    """Runs `command` until the end of the block. `begun_ns`: just before it was started; times are
    those of time.perf_counter_ns."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._data = b""
        self._questions = 0
        self.begun_ns = time.perf_counter_ns()
        # setsid: what Python can do between fork and exec makes it copy itself, which takes longer.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm-256color"},
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.wait()
        os.close(self._end)

    def send(self, keys: str) -> int:
        """Presses keys, `\\r` is Enter; when."""
        at_ns = time.perf_counter_ns()
        try:
            os.write(self._end, keys.encode())
        except OSError as error:
            raise NoAnswer("the program has ended") from error
        return at_ns

    @property
    def shown(self) -> str:
        """What was shown since the last rest."""
        return plain(self._data)

    @property
    def shown_below(self) -> str:
        """The same without its first line, which echoes what was typed."""
        return self.shown.partition("\n")[2]

    def rest(self, quiet_s: float) -> None:
        """Until nothing was shown for that long. What was shown before is forgotten."""
        while self._take(quiet_s):
            pass
        self._data = b""
        self._questions = 0

    def wait(self, *texts: str, limit_s: float) -> int:
        """Until one of these is shown; when it was. NoAnswer."""
        return self._wait(texts, limit_s, lambda: self.shown)

    def wait_below(self, *texts: str, limit_s: float) -> int:
        """The same for what is not the first line. NoAnswer."""
        return self._wait(texts, limit_s, lambda: self.shown_below)

    def _wait(self, texts: Sequence[str], limit_s: float, seen: Callable[[], str]) -> int:
        deadline = time.monotonic() + limit_s
        at_ns = time.perf_counter_ns()
        while not any(text in seen() for text in texts):
            taken_ns = self._take(max(0.0, deadline - time.monotonic()))
            if taken_ns is None:
                what = " or ".join(map(repr, texts))
                raise NoAnswer(f"no {what} within {limit_s:g} s", self.shown)
            at_ns = taken_ns
        return at_ns

    def _take(self, limit_s: float) -> int | None:
        """When something arrived; None: nothing did. Answers what terminals answer."""
        if not select.select([self._end], [], [], limit_s)[0]:
            return None
        data = b""
        with contextlib.suppress(OSError):  # EIO: nobody has the other end open
            data = os.read(self._end, 1 << 16)
        at_ns = time.perf_counter_ns()
        if not data:
            raise NoAnswer("the program has ended", self.shown)
        self._data += data
        while self._data.count(CURSOR_QUESTION) > self._questions:
            self._questions += 1
            os.write(self._end, CURSOR_ANSWER)
        return at_ns
