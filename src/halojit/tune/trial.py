"""From a trial's slices to evidence.

In: slices in the order in which they ran, in balanced adjacent pairs (one slice of each side), and
the rate of the time-stamp counter. Out: the ratio of the time per call and its 95 % interval.

The estimator is the ratio of total times, not the mean of log times: a change that makes nearly
all calls a little faster and a few very slow is a loss, and must look like one. Its variance comes
from the delta method over pairs (each pair's influence on the logarithm of the ratio; see e.g.
Deng, Knoblich & Lu, "Applying the Delta Method in Metric Analytics", KDD 2018), so that inputs,
phases and noise which last longer than a pair cancel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from halojit.model.evidence import Evidence, Slice

BURN_IN_PAIRS = 1
"""Caches and predictors meet the variant for the first time in the first pair."""
LEAST_PAIRS = 8
CONFIDENCE = 0.95


class Trial:
    """Collects slices and says what they prove so far."""

    def __init__(self, ns_per_tick: float) -> None:
        self._ns_per_tick = ns_per_tick
        self._slices: list[Slice] = []

    def add(self, slices: Sequence[Slice]) -> None:
        """Slices that follow those added before."""
        self._slices.extend(slices)

    def pairs(self) -> list[tuple[Slice, Slice]]:
        """(incumbent, challenger) slices side by side, where there was any call at all."""
        pairs: list[tuple[Slice, Slice]] = []
        for first, second in zip(self._slices[::2], self._slices[1::2], strict=False):
            if first.side == second.side or not first.calls + second.calls:
                continue
            pairs.append((first, second) if first.side == 0 else (second, first))
        return pairs[BURN_IN_PAIRS:]

    def evidence(self) -> Evidence | None:
        """None while there is too little to say anything."""
        pairs = self.pairs()
        timed = sum(1 for old, new in pairs if old.calls and new.calls)
        calls = (sum(old.calls for old, _ in pairs), sum(new.calls for _, new in pairs))
        ticks = (sum(old.ticks for old, _ in pairs), sum(new.ticks for _, new in pairs))
        if timed < LEAST_PAIRS or not all(calls) or not all(ticks):
            return None
        before, after = (ticks[side] / calls[side] * self._ns_per_tick for side in (0, 1))
        influence = [
            old.ticks / ticks[0]
            - old.calls / calls[0]
            - new.ticks / ticks[1]
            + new.calls / calls[1]
            for old, new in pairs
        ]
        count = len(influence)
        mean = sum(influence) / count
        squares = sum((value - mean) ** 2 for value in influence)
        error = math.sqrt(squares * count / (count - 1))
        speedup = before / after
        reach = math.exp(_quantile(timed - 1) * error)
        return Evidence(before, after, speedup, speedup / reach, speedup * reach, calls, count)


def _quantile(degrees: int) -> float:
    """Student's t at the two-sided confidence level."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))
