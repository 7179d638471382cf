"""A figure: the same thing measured of several rivals in turns. Pure.

In: samples, None where a rival gave none. Out: medians with quartiles, ratios of pairs, verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from bench.goals import Goal
from bench.statistics import Ratio, median_ratio, pair_ratios


class Rival(StrEnum):
    """Who is measured."""

    HALO = "halo-repl"
    API = "Session"
    STOCK = "clang-repl"
    OOP = "clang-repl, out of process"


OURS = (Rival.HALO, Rival.API)
STOCKS = (Rival.STOCK, Rival.OOP)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of samples, and the quartiles."""

    median: float
    low: float
    high: float
    count: int


@dataclass
class Figure:
    """The i-th samples of all rivals were taken next to each other. `goal`: the most that ours
    should be. `failures`: why there was no sample, each time one was asked for."""

    name: str
    goal: float | None = None
    unit: str = "ms"
    samples: dict[Rival, list[float | None]] = field(default_factory=dict)
    failures: dict[Rival, list[str]] = field(default_factory=dict)

    def add(self, rival: Rival, value: float | None) -> None:
        """The next sample. None: there is none."""
        self.samples.setdefault(rival, []).append(value)

    def fail(self, rival: Rival, why: str) -> None:
        """There is no next sample, because of that."""
        self.add(rival, None)
        self.failures.setdefault(rival, []).append(why)

    def values(self, rival: Rival) -> list[float]:
        """The samples that there are."""
        return [value for value in self.samples.get(rival, []) if value is not None]

    def spread(self, rival: Rival) -> Spread | None:
        """None without samples."""
        values = self.values(rival)
        if not values:
            return None
        low, median, high = np.percentile(values, [25, 50, 75])
        return Spread(float(median), float(low), float(high), len(values))

    def ratio(self, ours: Rival, other: Rival) -> Ratio | None:
        """How many times ours the other's is, median of pairs. None: no pair has both."""
        pairs = [
            (theirs, mine)
            for theirs, mine in zip(
                self.samples.get(other, []), self.samples.get(ours, []), strict=False
            )
            if theirs is not None and mine
        ]
        return median_ratio(pair_ratios(*zip(*pairs, strict=True))) if pairs else None

    def goals(self) -> list[Goal]:
        """Of each of ours that was measured; without a limit where the figure has none."""
        found = []
        for rival in OURS:
            if spread := self.spread(rival):
                interval = median_ratio(self.values(rival))
                found.append(
                    Goal(self.name, spread.median, self.goal, self.unit, interval, str(rival))
                )
        return found


def together(name: str, figures: Sequence[Figure], goal: float | None) -> Figure:
    """All samples of several figures as one, side by side still."""
    found = Figure(name, goal)
    rivals = dict.fromkeys(rival for figure in figures for rival in figure.samples)
    for figure in figures:
        count = max(map(len, figure.samples.values()), default=0)
        for rival in rivals:
            samples = figure.samples.get(rival, [])
            found.samples.setdefault(rival, []).extend(samples)
            found.samples[rival].extend([None] * (count - len(samples)))
    return found
