"""From what the parts kept to the table that decides: a row a program.

Pure. Speeds are relative to `clang -O3` of the same rounds; above 1 is faster. None is what was not
measured. Halo's steady state is compared with the oracle's slices right next to its own, not with
the runs by which the oracle was chosen: the best of several noisy figures flatters itself.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import oracle, pace
from bench.adapt import PART, SHORT_S
from bench.measure import Lap
from bench.oracle import speeds
from bench.statistics import Ratio, median_ratio, pair_ratios

GAIN_SHARE = 0.9
LEAST_GAIN = 0.03
"""A smaller gain has no moment at which 90 % of it was reached: laps are too noisy to tell."""
SMOOTH_LAPS = 5


@dataclass(frozen=True)
class Row:
    """A program of the table."""

    program: str
    kind: str
    arms: dict[str, Ratio]
    oracle_arm: str | None
    oracle: Ratio | None
    """As measured beside Halo where it was, else by the static arms."""
    steady_ratios: list[float] = field(default_factory=list)
    """Halo against plain, pairs of slices."""
    against_oracle_ratios: list[float] = field(default_factory=list)
    short: list[float] = field(default_factory=list)
    long: list[float] = field(default_factory=list)
    """Whole runs of 10 s and of the full length, a round each."""
    second_early: list[float] = field(default_factory=list)
    """Second runs half a second after main, each against the plain run next to it, as a share of
    the steady state against plain."""
    until_gain_s: float | None = None
    spent_share: float | None = None
    """Of the program's processor time, that exploration cost."""
    budget_share: float | None = None
    trials: int | None = None
    recipe: str = ""
    """Of the region that holds the most time."""
    is_right: bool = True
    """Did it print under Halo what the plain build prints?"""
    notes: tuple[str, ...] = ()

    @property
    def steady(self) -> Ratio | None:
        return median_ratio(self.steady_ratios) if self.steady_ratios else None

    @property
    def against_oracle(self) -> Ratio | None:
        found = self.against_oracle_ratios
        return median_ratio(found) if found else None


def row(kept: Mapping[str, Any]) -> Row:
    """Of one program's file."""
    static: Mapping[str, Any] = kept.get(oracle.PART, {})
    adapt: Mapping[str, Any] = kept.get(PART, {})
    arms = speeds(static)
    chosen = oracle.best(arms)
    rounds: Sequence[Mapping[str, Any]] = adapt.get("rounds", [])
    name = str(kept["program"])
    kind = str(adapt.get("kind") or static.get("kind", "other"))
    notes = tuple(f"{arm}: {note}" for arm, note in static.get("notes", {}).items())
    if not rounds:
        best = chosen or (None, None)
        return Row(name, kind, arms, best[0], best[1], notes=notes)
    steady, against, beside = [], [], []
    for one in rounds:
        turns: Mapping[str, Sequence[float]] = one["turns"]
        rival = turns.get("oracle", turns["plain"])
        steady += pair_ratios(turns["halo"], turns["plain"])
        against += pair_ratios(turns["halo"], rival)
        beside += pair_ratios(rival, turns["plain"])
    report = rounds[-1].get("report") or {}
    regions = report.get("regions", [])
    exploration = report.get("exploration") or {}
    return Row(
        name,
        kind,
        arms,
        rounds[-1]["oracle_arm"],
        median_ratio(beside),
        steady,
        against,
        _whole(rounds, SHORT_S) if adapt["seconds"] > SHORT_S else [],
        _whole(rounds, adapt["seconds"]),
        _second(rounds),
        _median(until_gain_s(_laps(one), _plain_speed(one), _steady(one)) for one in rounds),
        _median(_spent_share(one) for one in rounds),
        exploration.get("budget_share"),
        exploration.get("trials"),
        _recipe(regions),
        all(one.get("is_same_output", True) for one in rounds),
        notes,
    )


def until_gain_s(laps: Sequence[Lap], plain_speed: float, steady: float) -> float | None:
    """When the smoothed speed first reached 90 % of the final gain; None where that is little."""
    gain = (steady - 1.0) * plain_speed
    if gain < LEAST_GAIN * plain_speed:
        return None
    wanted = plain_speed + GAIN_SHARE * gain
    for i in range(len(laps)):
        around = laps[max(0, i - SMOOTH_LAPS // 2) : i + SMOOTH_LAPS // 2 + 1]
        if statistics.median(lap.per_cpu_s for lap in around) >= wanted:
            return laps[i].at_s
    return None


def _laps(one: Mapping[str, Any]) -> list[Lap]:
    return [Lap(at_s, rounds, 0.0, per_cpu_s) for at_s, rounds, per_cpu_s in one["laps"]]


def _plain_speed(one: Mapping[str, Any]) -> float:
    return statistics.fmean(run["per_cpu_s"] for run in one["plain"])


def _steady(one: Mapping[str, Any]) -> float:
    return statistics.median(pair_ratios(one["turns"]["halo"], one["turns"]["plain"]))


def _whole(rounds: Iterable[Mapping[str, Any]], seconds: float) -> list[float]:
    found = []
    for one in rounds:
        plain_per_s = statistics.fmean(run["per_s"] for run in one["plain"])
        value = pace.whole(_laps(one), plain_per_s, seconds)
        if value is not None:
            found.append(value)
    return found


def _second(rounds: Iterable[Mapping[str, Any]]) -> list[float]:
    return [
        run["early"] / run["plain"] / _steady(one)
        for one in rounds
        for run in one["second"]
        if run["early"] is not None
    ]


def _spent_share(one: Mapping[str, Any]) -> float | None:
    exploration = (one.get("report") or {}).get("exploration") or {}
    spent = exploration.get("spent_s")
    if not isinstance(spent, Mapping) or not exploration.get("cpu_s"):
        return None
    return float(sum(spent.values())) / float(exploration["cpu_s"])


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def _recipe(regions: Sequence[Mapping[str, Any]]) -> str:
    kept = [region for region in regions if region.get("is_kept", True)]
    if not kept:
        return "original" if regions else ""
    most = max(kept, key=lambda region: float(region.get("share") or 0.0))
    return str(most.get("recipe") or "")
