"""Ratios of paired measurements, with bootstrap confidence intervals. Pure; randomness is seeded.

The machine may be shared and noisy: runs of two builds alternate, the two of a pair lie next to
each other in time, and the estimate is the median of the pairs' ratios, which a few disturbed
pairs do not move. With fewer than about ten pairs the intervals are somewhat narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """An estimate and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def pair_ratios(measured: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """measured / baseline, pair by pair. The i-th of each ran next to each other."""
    if len(measured) != len(baseline) or not measured:
        raise ValueError(f"{len(measured)} and {len(baseline)} runs are no pairs")
    return [a / b for a, b in zip(measured, baseline, strict=True)]


def median_ratio(ratios: Sequence[float]) -> Ratio:
    """The median of the pairs' ratios; the interval by resampling pairs (Efron's percentile)."""
    return _interval(_medians(ratios, np.random.default_rng(1)), float(np.median(ratios)))


def geometric_mean(programs: Sequence[Sequence[float]]) -> Ratio:
    """Of the programs' median ratios; pairs are resampled within each program."""
    if not programs:
        raise ValueError("no programs to take a mean of")
    rng = np.random.default_rng(2)
    logs = np.log([_medians(ratios, rng) for ratios in programs])
    value = float(np.exp(np.mean([np.log(np.median(ratios)) for ratios in programs])))
    return _interval(np.exp(logs.mean(axis=0)), value)


def _medians(ratios: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    values = np.asarray(ratios, dtype=float)
    chosen = rng.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: np.ndarray = np.median(values[chosen], axis=1)
    return medians


def _interval(resampled: np.ndarray, value: float) -> Ratio:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Ratio(value, float(low), float(high))
