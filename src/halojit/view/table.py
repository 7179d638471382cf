"""The report as a table for people."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from halojit.model.evidence import Decision
from halojit.server.journal import count, digits, duration
from halojit.view.report import Report, Row

PLAIN_WIDTH = 140
"""Of files and pipes, which have none of their own."""
REASONS = 3
"""Of failures that are told."""


def show(report: Report, wall_s: float, file: TextIO, has_story: bool = False) -> None:
    """Writes the report."""
    from rich.console import Console
    from rich.text import Text

    width = None if file.isatty() else PLAIN_WIDTH
    console = Console(file=file, highlight=False, width=width)

    def say(text: str, what: str = "halo") -> None:
        console.print(Text.assemble((what, "bold"), text), soft_wrap=True)

    if has_story:
        for at_s, line in report.story:
            console.print(Text.assemble((f"{at_s:8.2f} s  ", "dim"), line), soft_wrap=True)
    rows = [row for row in report.rows if row.patched_after_s is not None]
    if rows:
        say(f": {count(len(rows), 'region')} in {wall_s:.1f} s")
        console.print(_table(rows))
    if report.decisions or report.exploration.total_s:
        say(f": {cost(report)}")
    if report.failures:
        say(f": {failures(report.failures)}")
    for done in report.stress:
        say(
            f": {done.swaps:,} swaps among {done.variants} variants of {done.built} functions; "
            f"{done.unbuildable} of {done.functions} cannot be built",
            "halo stress",
        )
    for message in report.messages:
        say(f": {message}")


def cost(report: Report) -> str:
    """What was tried, and what that has cost."""
    decisions = report.decisions
    said = ", ".join(
        f"{decisions[one]} {word}"
        for one, word in (
            (Decision.WON, "won"),
            (Decision.LOST, "lost"),
            (Decision.TIED, "tied"),
            (Decision.UNDECIDED, "undecided"),
        )
        if decisions[one]
    )
    trials = decisions.total()
    text = count(trials, "trial") + (f" ({said})" if said else "")
    spent = report.exploration
    if not spent.total_s:
        return text
    parts = ", ".join(
        f"{name} {duration(seconds * 1e9)}"
        for name, seconds in spent.spent_s.items()
        if seconds > 0
    )
    share, allowed = 100 * spent.share, 100 * spent.budget_share
    return (
        f"{text}; exploring cost {duration(spent.total_s * 1e9)} of {spent.cpu_s:.1f} s processor "
        f"time, {share:.2g}% where {allowed:.3g}% are allowed ({parts})"
    )


def failures(reasons: Counter[str]) -> str:
    """How many recipes gave no code, and why."""
    total = reasons.total()
    told = ", ".join(f"{times} x {reason}" for reason, times in reasons.most_common(REASONS))
    more = len(reasons) - REASONS
    rest = f" and {more} other reasons" if more > 0 else ""
    return f"{count(total, 'recipe')} gave no code: {told}{rest}"


def _table(rows: list[Row]) -> object:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("region", overflow="ellipsis", no_wrap=True, max_width=40)
    for name in ("share", "before", "after", "speed-up", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what runs", overflow="fold")
    for name in ("trials", "patched", "settled"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    for column in list(table.columns):
        if all(cell in ("", "-") for cell in column.cells):
            table.columns.remove(column)
    return table


def _cells(row: Row) -> list[str]:
    def time(ns: float | None) -> str:
        return "-" if ns is None else duration(ns)

    def after(seconds: float | None) -> str:
        return "-" if seconds is None else f"{seconds:.2f} s"

    state = row.state
    return [
        state.name,
        f"{row.share:.0%}" if row.share else "-",
        time(state.before_ns),
        time(state.after_ns),
        "-" if state.speedup is None else f"{state.speedup:.2f}x",
        _interval(state.low, state.high),
        state.recipe,
        str(row.trials),
        after(row.patched_after_s),
        after(row.converged_after_s),
        state.note,
    ]


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "-"
    few = digits(low, high)
    return f"{low:.{few}f} to {high:.{few}f}"
