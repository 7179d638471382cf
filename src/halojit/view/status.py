"""The live status line of `halo run`, on a terminal's stderr.

One line, redrawn in place; the cursor waits at its start, so that what the program prints comes
over it and not after it.
"""

from __future__ import annotations

from typing import TextIO

from halojit.server.journal import count
from halojit.view.report import Report

SHOWN = 3
"""Regions whose gain fits into a line."""


class StatusLine:
    """Draws the state of a report."""

    def __init__(self, report: Report, file: TextIO) -> None:
        from rich.console import Console

        self._report = report
        self._file = file
        self._console = Console(file=file, force_terminal=True, highlight=False)
        self._drawn = ""

    def text(self, at_s: float) -> str:
        """The line, without colours."""
        report = self._report
        parts = [f"{at_s:5.1f} s", report.doing]
        rows = report.rows
        trials = sum(row.trials for row in rows)
        if trials:
            parts.append(count(trials, "trial"))
        elif report.samples:
            parts.append(f"{report.samples:,} samples")
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
        from rich.text import Text

        line = Text.assemble(("halo ", "bold cyan"), (self.text(at_s), "dim"))
        line.truncate(max(self._console.width - 1, 10), overflow="ellipsis")
        with self._console.capture() as capture:
            self._console.print(line, end="")
        self._file.write(f"\x1b[2K{capture.get()}\r")
        self._file.flush()
        self._drawn = line.plain

    def clear(self) -> None:
        """Takes the line away."""
        if self._drawn:
            self._file.write("\x1b[2K\r")
            self._file.flush()
            self._drawn = ""
