"""What the deciding table should show, and whether it does."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import alternating
from bench.decide import Row
from bench.goals import Goal
from bench.statistics import Ratio, geometric_mean, median_ratio

ALTERNATING_LEAST = 0.97
Ratios = Callable[[Row], list[float]]


def verdicts(
    rows: Sequence[Row], phases: Mapping[str, Any], offline: Mapping[str, float]
) -> list[Goal]:
    """In the order they are told. `phases`: the part of the alternating program; `offline`: speed
    against -O3 that an offline search found, by program."""
    found = [
        *_several("steady against oracle", rows, lambda row: row.against_oracle_ratios, 1.10, 0.97)
    ]
    for kind, name, least in (
        ("numeric", "own numeric", 1.6),
        ("other", "own other", 1.10),
        ("real", "real", 1.08),
    ):
        chosen = [row for row in rows if row.kind == kind]
        found += _several(
            f"steady against -O3, {name}", chosen, lambda row: row.steady_ratios, least, None
        )
    found += _worst("steady against -O3", rows, lambda row: row.steady_ratios, 0.99)
    found += _several("whole long run", rows, lambda row: row.long, 1.08, 0.98)
    found += _several("whole 10 s run", rows, lambda row: row.short, None, None)
    found += _worst("second run 0.5 s after main / steady", rows, lambda r: r.second_early, 0.95)
    found += _offline(rows, offline)
    found += _output(rows)
    found += _budget(rows)
    found += _time(rows)
    found += _alternating(phases)
    return found


def _several(
    name: str, rows: Sequence[Row], ratios: Ratios, mean: float | None, worst: float | None
) -> list[Goal]:
    chosen = [ratios(row) for row in rows if ratios(row)]
    if not chosen:
        return []
    value = geometric_mean(chosen)
    return [
        Goal(f"{name}, geomean", value.value, mean, "x", value, _count(chosen), is_least=True),
        *_worst(name, rows, ratios, worst),
    ]


def _count(programs: Sequence[object]) -> str:
    return f"{len(programs)} programs"


def _worst(name: str, rows: Sequence[Row], ratios: Ratios, limit: float | None) -> list[Goal]:
    chosen: list[tuple[Row, Ratio]] = [
        (row, median_ratio(ratios(row))) for row in rows if ratios(row)
    ]
    if not chosen:
        return []
    row, value = min(chosen, key=lambda pair: pair[1].value)
    return [Goal(f"{name}, worst", value.value, limit, "x", value, row.program, is_least=True)]


def _offline(rows: Sequence[Row], offline: Mapping[str, float]) -> list[Goal]:
    """Both are speeds against -O3."""
    shared = [row for row in rows if row.steady and row.program in offline]
    if not shared:
        return []
    ratios = [[value / offline[row.program] for value in row.steady_ratios] for row in shared]
    mean = geometric_mean(ratios)
    title = "steady against offline search, geomean"
    return [Goal(title, mean.value, 0.95, "x", mean, _count(shared), is_least=True)]


def _output(rows: Sequence[Row]) -> list[Goal]:
    strange = [row.program for row in rows if not row.is_right]
    if not any(row.steady for row in rows):
        return []
    return [Goal("programs whose output differs", len(strange), 0, where=", ".join(strange))]


def _budget(rows: Sequence[Row]) -> list[Goal]:
    """How much of what it may cost, exploration did cost: the most of all programs."""
    chosen = [row for row in rows if row.spent_share is not None and row.budget_share]
    if not chosen:
        return []
    most = max(chosen, key=_of_budget)
    return [Goal("exploration of its budget, most", _of_budget(most), 1.0, "x", None, most.program)]


def _of_budget(row: Row) -> float:
    return (row.spent_share or 0.0) / (row.budget_share or 1.0)


def _time(rows: Sequence[Row]) -> list[Goal]:
    times = [row.until_gain_s for row in rows if row.until_gain_s is not None]
    if not times:
        return []
    value = statistics.median(times)
    return [Goal("time to 90 % of the gain, median", value, None, "s", None, _count(times))]


def _alternating(phases: Mapping[str, Any]) -> list[Goal]:
    if not phases:
        return []
    return [
        Goal(
            f"alternating program against its best build, {phase} phase",
            one["ratio"].value,
            ALTERNATING_LEAST,
            "x",
            one["ratio"],
            one["best"],
            is_least=True,
        )
        for phase, one in alternating.verdict(phases).items()
    ]
