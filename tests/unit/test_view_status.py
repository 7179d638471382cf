"""The status line at a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from halojit.model import events
from halojit.view.report import Report
from halojit.view.status import StatusLine

QUIET_S = 0.05


class Terminal:
    """A pseudo-terminal of 10 rows, and what was written to it."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.file: TextIO = os.fdopen(slave, "w")
        self.resize(10)

    def resize(self, rows: int, columns: int = 40) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def read_keys(self) -> None:
        """As a full-screen program does."""
        modes = termios.tcgetattr(self.file)
        modes[3] &= ~termios.ICANON
        termios.tcsetattr(self.file, termios.TCSANOW, modes)

    def written(self) -> str:
        """What came since the last time: the terminal hands it over piece by piece."""
        found = b""
        while select.select([self._master], [], [], QUIET_S)[0]:
            found += os.read(self._master, 65536)
        return found.decode()

    def close(self) -> None:
        self.file.close()
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def line(terminal: Terminal) -> StatusLine:
    report = Report()
    report.hear(events.ProgramSeen(7, 0.0, "/bin/program", 1, 2))
    return StatusLine(report, terminal.file)


def test_the_last_row_is_taken_once_and_given_back(terminal: Terminal) -> None:
    status = line(terminal)
    status.draw(1.0)
    first = terminal.written()
    status.draw(1.25)
    second = terminal.written()
    status.clear()
    cleared = terminal.written()
    status.clear()
    assert "\x1b[1;9r" in first
    assert "\x1b[10;1H" in first
    assert "1.0 s · sampling" in first
    assert "\x1b[1;" not in second.replace("\x1b[1;36m", "")
    assert "\x1b[10;1H\x1b[2K\x1b[r" in cleared
    assert terminal.written() == ""


def test_a_terminal_that_changes_its_size(terminal: Terminal) -> None:
    status = line(terminal)
    status.draw(1.0)
    terminal.resize(20)
    terminal.written()
    status.draw(1.25)
    assert terminal.written().index("\x1b[10;1H\x1b[2K\x1b[r") == 2
    terminal.resize(2)
    status.draw(1.5)
    assert terminal.written().endswith("\x1b[20;1H\x1b[2K\x1b[r\x1b8")


def test_a_long_line_ends_before_the_margin(terminal: Terminal) -> None:
    terminal.resize(10, 20)
    line(terminal).draw(1.0)
    text = terminal.written().partition("\x1b[1;36m")[2]
    for code in ("\x1b[0;2m", "\x1b[0m", "\x1b8"):
        text = text.replace(code, "")
    assert text == "halo   1.0 s · sam…"


def test_a_program_that_reads_keys_has_the_whole_terminal(terminal: Terminal) -> None:
    status = line(terminal)
    status.draw(1.0)
    terminal.written()
    terminal.read_keys()
    status.draw(1.25)
    assert "\x1b[r" in terminal.written()
    status.draw(1.5)
    assert terminal.written() == ""
