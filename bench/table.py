"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.goals import Goal, Results
from bench.statistics import Ratio

GOAL_COLUMNS = ("measured", "95 %", "goal", "")
MISSED = "missed"


def show(results: Results, found: list[Goal], console: Console) -> None:
    """Programs first, then the goals."""
    if results.costs:
        console.print(_costs(results))
    if results.speedups:
        console.print(_speedups(results))
    if results.footprints:
        console.print(_footprints(results))
    show_goals(found, console)


def show_goals(found: Sequence[Goal], console: Console) -> None:
    """What was measured, what it should be."""
    table = _table("Goals", "", *GOAL_COLUMNS)
    for cells in _goal_cells(found):
        table.add_row(*cells, style="red" if cells[-1] == MISSED else "")
    console.print(table)


def goals_markdown(found: Sequence[Goal]) -> str:
    """The same for docs."""
    lines = [f"| {' | '.join(cells)} |\n" for cells in _goal_cells(found)]
    return f"| figure | {' | '.join(GOAL_COLUMNS)} |\n|---|---|---|---|---|\n{''.join(lines)}"


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.value:.3f} ({ratio.low:.3f}-{ratio.high:.3f})"


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _costs(results: Results) -> Table:
    title = f"Cost at -{results.level}: time against plain clang, median of pairs (95 %)"
    table = _table(title, "program", "no server, CPU", "wall", "sampled, CPU", "wall")
    by_program: dict[str, list[str]] = {}
    for cost in results.costs:
        by_program.setdefault(cost.program, []).extend([_ratio(cost.cpu), f"{cost.wall.value:.3f}"])
    for program, cells in by_program.items():
        table.add_row(program, *cells)
    return table


def _speedups(results: Results) -> Table:
    title = f"Speed-up under `once` at -{results.level} against plain clang (95 %)"
    table = _table(title, "program", "whole run", "once patched", "patched")
    for speedup in results.speedups:
        patch = speedup.first_patch_s
        table.add_row(
            speedup.program,
            _ratio(speedup.whole),
            _ratio(speedup.steady),
            "-" if patch is None else f"{patch:.2f} s",
        )
    return table


def _footprints(results: Results) -> Table:
    table = _table("Bytes added", "program", "file", "resident, no server", "sampled", "libraries")
    for footprint in results.footprints:
        table.add_row(
            footprint.program,
            f"{footprint.file_bytes / 1024:.0f} KB",
            f"{footprint.no_server_kb} KB",
            f"{footprint.sampled_kb} KB",
            f"{footprint.libraries_kb} KB",
        )
    return table


def _goal_cells(found: Sequence[Goal]) -> list[list[str]]:
    cells = []
    for goal in found:
        interval = goal.interval
        sign = "at least " if goal.is_least else ""
        cells.append(
            [
                f"{goal.name}: {goal.where}" if goal.where else goal.name,
                f"{goal.value:.3f} {goal.unit}",
                f"{interval.low:.3f}-{interval.high:.3f}" if interval else "",
                "" if goal.limit is None else f"{sign}{goal.limit:g} {goal.unit}",
                "" if goal.limit is None else ("met" if goal.is_met else MISSED),
            ]
        )
    return cells
