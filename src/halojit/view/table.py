"""The report as a table for people."""

from __future__ import annotations

from typing import TextIO

from halojit.server.journal import duration
from halojit.view.report import Report, Row

PLAIN_WIDTH = 120
"""Of files and pipes, which have none of their own."""


def show(report: Report, wall_s: float, file: TextIO) -> None:
    """Writes the report."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if file.isatty() else PLAIN_WIDTH
    console = Console(file=file, highlight=False, width=width)
    rows = [row for row in report.sorted_rows() if row.patched_after_s is not None]
    if rows:
        table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        table.add_column("region", overflow="ellipsis", no_wrap=True, max_width=40)
        for name in ("share", "before", "after", "speed-up", "95 % interval", "patched"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for row in rows:
            table.add_row(*_cells(row))
        console.print(f"[bold]halo[/]: {len(rows)} regions patched in {wall_s:.1f} s")
        console.print(table)
    for count in report.stress.values():
        console.print(
            f"[bold]halo[/] stress: {count.swaps} swaps among {count.variants} variants of "
            f"{count.built} functions; {count.unbuildable} of {count.functions} cannot be built"
        )
    for message in report.messages:
        console.print(Text.assemble(("halo", "bold"), f": {message}"), soft_wrap=True)


def _cells(row: Row) -> list[str]:
    def time(ns: float | None) -> str:
        return "-" if ns is None else duration(ns)

    is_timed = row.speedup is not None
    return [
        row.name,
        f"{row.share:.0%}",
        time(row.before_ns),
        time(row.after_ns),
        f"{row.speedup:.2f}x" if is_timed else "-",
        f"{row.speedup_low:.3f} to {row.speedup_high:.3f}" if is_timed else "-",
        f"{row.patched_after_s:.2f} s",
        row.note,
    ]
