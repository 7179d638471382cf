"""The part's results for a terminal, for docs (Markdown) and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, ScalarFormatter
from rich.console import Console
from rich.table import Table

from bench.repl.figures import OURS, Figure, Rival
from bench.repl.memory import INPUT_GOAL_BYTES, MAPPINGS_GOAL, Growth
from bench.table import MISSED

COLUMNS = ("figure", "goal", *Rival, "the last / halo-repl")
TRACED = ("Enter to result: all", "inputs on", "start", "first", "crash", "completion", "bytes")
"""Beginnings of the figures whose history is drawn."""
GROWTH_COLUMNS = ("session", "inputs", "ms each", "bytes each", "new mappings", "")
GROWTH_GOALS = ("goal", "", "", f"{INPUT_GOAL_BYTES:g}", f"{MAPPINGS_GOAL:g}", "")


def show(figures: Sequence[Figure], growths: Sequence[Growth], console: Console) -> None:
    """What misses its goal is red."""
    _print("Interactive C++: medians (quartiles)", COLUMNS, figure_cells(figures), console)
    rows = [list(GROWTH_GOALS), *growth_cells(growths)]
    _print("Long sessions", GROWTH_COLUMNS, rows, console)
    for note in notes(figures):
        console.print(note)


def markdown(figures: Sequence[Figure], growths: Sequence[Growth]) -> str:
    """The same for docs."""
    rows = [list(GROWTH_GOALS), *growth_cells(growths)]
    told = _markdown(COLUMNS, figure_cells(figures)) + "\n" + _markdown(GROWTH_COLUMNS, rows)
    return told + "".join(f"\n{note}.\n" for note in notes(figures))


def figure_cells(figures: Sequence[Figure]) -> list[list[str]]:
    """A line a figure."""
    found = []
    for figure in figures:
        ratio = figure.ratio(Rival.HALO, Rival.OOP)
        found.append(
            [
                figure.name,
                "" if figure.goal is None else f"{figure.goal:g} {figure.unit}",
                *(_cell(figure, rival) for rival in Rival),
                f"{ratio.value:.1f} ({ratio.low:.1f}-{ratio.high:.1f})" if ratio else "",
            ]
        )
    return found


def _cell(figure: Figure, rival: Rival) -> str:
    spread = figure.spread(rival)
    if not spread:
        return "none" if figure.samples.get(rival) else ""
    told = f"{spread.median:.{_digits(spread.median)}f}"
    if spread.count > 1:
        digits = _digits(spread.high)
        told += f" ({spread.low:.{digits}f}-{spread.high:.{digits}f})"
    is_missed = rival in OURS and figure.goal is not None and spread.median > figure.goal
    return f"{told} {MISSED}" if is_missed else told


def _digits(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0


def growth_cells(growths: Sequence[Growth]) -> list[list[str]]:
    """A line a process."""
    found = []
    for growth in growths:
        last = growth.points[-1] if growth.points else None
        for process in growth.processes() or [""]:
            each = growth.input_bytes(process)
            mappings = growth.new_mappings(process) if last else None
            is_ours = growth.rival in OURS
            found.append(
                [
                    f"{growth.rival}, {process}" if process else str(growth.rival),
                    str(last.inputs) if last else "0",
                    f"{last.input_ms:.2f}" if last and last.inputs else "",
                    _limited(each, INPUT_GOAL_BYTES if is_ours else None),
                    _limited(mappings, MAPPINGS_GOAL if is_ours else None),
                    growth.ended,
                ]
            )
    return found


def _limited(value: float | None, limit: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" + (f" {MISSED}" if limit is not None and value > limit else "")


def notes(figures: Sequence[Figure]) -> list[str]:
    """A line for each rival that did not always answer."""
    found = []
    for figure in figures:
        for rival, failures in figure.failures.items():
            asked = len(figure.values(rival)) + len(failures)
            told = f"{len(failures)} of {asked} times that it was asked: {failures[-1]}"
            found.append(f"{figure.name}, {rival}: no answer {told}")
    return found


def _print(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], console: Console
) -> None:
    table = Table(title=title)
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for cells in rows:
        table.add_row(*cells, style="red" if any(c.endswith(MISSED) for c in cells) else "")
    console.print(table)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def draw(
    figures: Sequence[Figure],
    growths: Sequence[Growth],
    history: Sequence[dict[str, Any]],
    path: Path,
) -> None:
    """Writes a PNG."""
    figure, panes = pyplot.subplots(1, 3, figsize=(20, 8), layout="constrained")
    _times([one for one in figures if one.unit == "ms"], panes[0])
    _growths(growths, panes[1])
    _history(history, panes[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _times(figures: Sequence[Figure], pane: Axes) -> None:
    for number, rival in enumerate(Rival):
        rows, spreads = [], []
        for row, one in enumerate(figures):
            if spread := one.spread(rival):
                rows.append(row + 0.15 * (number - 1.5))
                spreads.append(spread)
        ends = [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
        pane.errorbar([s.median for s in spreads], rows, xerr=ends, fmt="o", label=str(rival))
    goals = [(row, one.goal) for row, one in enumerate(figures) if one.goal is not None]
    pane.plot([goal for _, goal in goals], [row for row, _ in goals], "k|", ms=16, label="goal")
    pane.set_yticks(range(len(figures)), [one.name for one in figures])
    pane.invert_yaxis()
    pane.set_xscale("log")
    pane.xaxis.set_major_formatter(ScalarFormatter())
    pane.xaxis.set_minor_formatter(NullFormatter())
    pane.set_xlabel("ms, median and quartiles")
    pane.grid(alpha=0.3)
    pane.legend(fontsize="small")


def _growths(growths: Sequence[Growth], pane: Axes) -> None:
    for growth in growths:
        for process in growth.processes():
            kb = [one.memory[process].anonymous_kb for one in growth.points]
            grown_mb = [(each - kb[0]) / 1024 for each in kb]
            inputs = [one.inputs for one in growth.points]
            pane.plot(inputs, grown_mb, "o-", ms=3, label=f"{growth.rival}, {process}")
    pane.set_title("Anonymous memory added, MB")
    pane.set_xlabel("inputs")
    pane.grid(alpha=0.3)
    pane.legend(fontsize="small")


def _history(history: Sequence[dict[str, Any]], pane: Axes) -> None:
    names = dict.fromkeys(
        name for one in history for name in one["of_goal"] if name.startswith(TRACED)
    )
    for name in names:
        points = [(i, one["of_goal"].get(name)) for i, one in enumerate(history)]
        known = [(i, share) for i, share in points if share is not None]
        pane.plot([i for i, _ in known], [share for _, share in known], "o-", ms=3, label=name)
    pane.set_xticks(
        range(len(history)), [str(one["commit"]) for one in history], rotation=60, fontsize="small"
    )
    pane.set_yscale("log")
    pane.axhline(1.0, color="gray", linewidth=0.8)
    pane.set_title("Share of the goal, recorded runs and this one")
    pane.grid(alpha=0.3)
    if names:
        pane.legend(fontsize="x-small")
