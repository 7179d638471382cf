"""The live status line of `halo run`, on a terminal's stderr.

It has the terminal's last row to itself: the program scrolls in the rows above it (DECSTBM, as apt
does), so that neither writes over the other. It is not drawn while the program reads single keys
(a full-screen program, or one with a prompt that can be edited), nor in the background.
"""

from __future__ import annotations

import os
import termios
from typing import TextIO

from halojit.server.journal import count
from halojit.view.report import Report

SHOWN = 3
"""Regions whose gain fits into a line."""
LEAST_ROWS = 4
SAVE, RESTORE = "\x1b7", "\x1b8"
MAKE_ROOM = "\x1bD\x1bM"
"""One row down, scrolling if need be, and up again: the cursor is not in the last row then."""


class StatusLine:
    """Draws the state of a report."""

    def __init__(self, report: Report, file: TextIO) -> None:
        self._report = report
        self._file = file
        self._rows = 0
        """Of the terminal when its last row was taken; 0: it is not taken."""

    def text(self, at_s: float) -> str:
        """The line, without colours."""
        report = self._report
        parts = [f"{at_s:5.1f} s", report.doing]
        rows = report.rows
        trials = sum(row.trials for row in rows)
        if trials:
            parts.append(count(trials, "trial"))
        elif report.samples:
            parts.append(count(report.samples, "sample"))
        gains = [
            f"{row.state.name} {row.state.speedup:.2f}x"
            for row in rows
            if row.state.speedup is not None and row.state.is_kept
        ]
        if gains:
            parts.append(", ".join(gains[:SHOWN]))
        return " · ".join(parts)

    def draw(self, at_s: float) -> None:
        """Redraws."""
        columns, rows = os.get_terminal_size(self._file.fileno())
        if rows < LEAST_ROWS or not _is_ours(self._file.fileno()):
            self.clear()
            return
        if self._rows not in (0, rows):
            self.clear()
        line = f"halo {self.text(at_s)}"
        line = line if len(line) < columns else line[: columns - 2] + "…"
        taken = "" if self._rows else f"{MAKE_ROOM}{SAVE}\x1b[1;{rows - 1}r{RESTORE}"
        self._rows = rows
        self._write(
            f"{taken}{SAVE}\x1b[{rows};1H\x1b[2K\x1b[1;36m{line[:4]}\x1b[0;2m{line[4:]}\x1b[0m{RESTORE}"
        )

    def clear(self) -> None:
        """Takes the line away and gives the row back."""
        if self._rows:
            self._write(f"{SAVE}\x1b[{self._rows};1H\x1b[2K\x1b[r{RESTORE}")
            self._rows = 0

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def _is_ours(descriptor: int) -> bool:
    """Does the terminal hand over whole lines, and are we in its foreground?"""
    if not termios.tcgetattr(descriptor)[3] & termios.ICANON:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return True  # not our controlling terminal: there is no job control
