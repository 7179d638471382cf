"""The deciding table for a terminal, for docs (Markdown) and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, ScalarFormatter
from rich.console import Console
from rich.table import Table

from bench.arms import ARMS, BASELINE, BOLT, MEANINGS
from bench.decide import Row
from bench.statistics import Ratio

COLUMNS = ("program", "kind", *(a for a in (*ARMS, BOLT) if a != BASELINE), "oracle")
HALO_COLUMNS = (
    "program",
    "oracle",
    "steady",
    "/ oracle",
    "10 s",
    "long run",
    "2nd, 0.5 s",
    "to 90 %",
    "spent",
    "trials",
    "before",
    "recipe of the largest region",
)
REGRESSION = 0.97
"""Steady state below that share of the last recorded one is marked."""


def arm_cells(rows: Sequence[Row]) -> list[list[str]]:
    """What is known ahead of time, a line a program."""
    return [
        [
            row.program,
            row.kind,
            *(_value(row.arms.get(arm)) for arm in (*ARMS, BOLT) if arm != BASELINE),
            row.oracle_arm or "",
        ]
        for row in rows
        if row.arms
    ]


def halo_cells(rows: Sequence[Row], before: Mapping[str, float]) -> list[list[str]]:
    """What Halo did, a line a program. `before`: steady states of the last recorded run."""
    found = []
    for row in rows:
        if row.steady is None:
            continue
        last = before.get(row.program)
        is_worse = last is not None and row.steady.value < REGRESSION * last
        spent = row.spent_share
        found.append(
            [
                row.program,
                _value(row.oracle),
                _interval(row.steady),
                _value(row.against_oracle),
                _mean(row.short),
                _mean(row.long),
                _mean(row.second_early),
                "" if row.until_gain_s is None else f"{row.until_gain_s:.1f} s",
                ""
                if spent is None
                else f"{100 * spent:.1f} of {100 * (row.budget_share or 0):.0f} %",
                "" if row.trials is None else str(row.trials),
                "" if last is None else f"{last:.2f}{' worse' if is_worse else ''}",
                row.recipe,
            ]
        )
    return found


def show(rows: Sequence[Row], before: Mapping[str, float], console: Console) -> None:
    """Both tables, and what they leave out."""
    for title, columns, lines in _tables(rows, before):
        table = Table(title=title)
        for column in columns:
            is_text = column in ("program", "kind", "oracle", HALO_COLUMNS[-1])
            table.add_column(
                column,
                justify="left" if is_text else "right",
                overflow="fold",
                no_wrap=column != HALO_COLUMNS[-1],
            )
        for line in lines:
            table.add_row(*line)
        if lines:
            console.print(table)
    for row in rows:
        for note in row.notes:
            console.print(f"{row.program}, {note}")


def markdown(rows: Sequence[Row], before: Mapping[str, float]) -> str:
    """The same for docs/measurements.md."""
    text = ""
    for title, columns, lines in _tables(rows, before):
        if lines:
            text += f"{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
            text += "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
    arms = "; ".join(f"`{name}`: {meaning}" for name, meaning in MEANINGS.items())
    notes = "".join(f"- {row.program}, {note}\n" for row in rows for note in row.notes)
    return f"{text}{arms}. All with `-ffp-contract=off`.\n\n{notes}"


def _tables(
    rows: Sequence[Row], before: Mapping[str, float]
) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    return [
        ("Ahead of time: speed against clang -O3", COLUMNS, arm_cells(rows)),
        ("Halo: speed against clang -O3 (95 %)", HALO_COLUMNS, halo_cells(rows, before)),
    ]


def _value(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.value:.2f}"


def _interval(ratio: Ratio) -> str:
    return f"{ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else ""


def draw(
    rows: Sequence[Row],
    kept: Mapping[str, Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    path: Path,
) -> None:
    """A PNG: speeds by program, speed over time, and the recorded means."""
    figure, panes = pyplot.subplots(1, 3, figsize=(22, 9), layout="constrained")
    _speeds(panes[0], rows)
    _courses(panes[1], rows, kept)
    _history(panes[2], history)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _speeds(pane: Axes, rows: Sequence[Row]) -> None:
    names = [row.program for row in rows]
    for label, marker, values in (
        ("oracle", "s", [row.oracle for row in rows]),
        ("Halo, steady", "o", [row.steady for row in rows]),
    ):
        points = [(v.value, i) for i, v in enumerate(values) if v is not None]
        pane.plot([x for x, _ in points], [y for _, y in points], marker, label=label)
    whole = [(sum(row.long) / len(row.long), i) for i, row in enumerate(rows) if row.long]
    pane.plot(
        [x for x, _ in whole],
        [y for _, y in whole],
        "|",
        markersize=12,
        label="Halo, whole long run",
    )
    pane.set_yticks(range(len(names)), names)
    pane.set_xscale("log", base=2)
    pane.xaxis.set_major_formatter(ScalarFormatter())
    pane.xaxis.set_minor_formatter(ScalarFormatter())
    pane.xaxis.set_minor_locator(LogLocator(base=2, subs=(1.25, 1.5, 1.75)))
    pane.axvline(1.0, color="gray", linewidth=0.8)
    pane.invert_yaxis()
    pane.set_title("speed against clang -O3")
    pane.grid(axis="x", alpha=0.3, which="both")
    pane.legend()


def _courses(pane: Axes, rows: Sequence[Row], kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Speed of the long run over time, against plain."""
    for row in rows:
        rounds = kept.get(row.program, {}).get("adapt", {}).get("rounds", [])
        if not rounds:
            continue
        plain = [run["per_cpu_s"] for run in rounds[-1]["plain"]]
        base = sum(plain) / len(plain)
        laps = rounds[-1]["laps"]
        smooth = [
            sum(lap[2] for lap in laps[max(0, i - 3) : i + 1]) / len(laps[max(0, i - 3) : i + 1])
            for i in range(len(laps))
        ]
        pane.plot(
            [lap[0] for lap in laps], [s / base for s in smooth], linewidth=1, label=row.program
        )
    pane.axhline(1.0, color="gray", linewidth=0.8)
    pane.set_yscale("log", base=2)
    pane.yaxis.set_major_formatter(ScalarFormatter())
    pane.yaxis.set_minor_formatter(ScalarFormatter())
    pane.yaxis.set_minor_locator(LogLocator(base=2, subs=(1.25, 1.5, 1.75)))
    pane.set_xlabel("seconds after main")
    pane.set_title("speed over a run under Halo")
    pane.grid(alpha=0.3)
    if pane.get_lines()[1:]:
        pane.legend(fontsize="x-small", ncols=2)


def _history(pane: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    names = sorted({name for one in history for name in one["goals"] if "geomean" in name})
    for name in names:
        points = [(i, one["goals"][name]) for i, one in enumerate(history) if name in one["goals"]]
        pane.plot([i for i, _ in points], [value for _, value in points], "o-", label=name)
    pane.set_xticks(range(len(history)), [str(one["commit"]) for one in history], rotation=60)
    pane.set_title("geometric means, recorded runs")
    if names:
        pane.legend(fontsize="small")
    pane.grid(alpha=0.3)
