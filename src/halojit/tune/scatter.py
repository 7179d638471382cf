"""How long the slices of a trial should be, from how the times of its calls scatter.

In: totals of a trial's pairs, both sides together, in the order in which they ran. Out: how many
times as long slices would tell most in the same time.

Short slices are right where the machine is what scatters: its speed wanders at every scale, so
that adjacent slices differ as much if they are long. Where the calls are what scatters, a program
often goes through the same works again and again (documents, rows, frames): slices that hold whole
rounds of it then differ much less. The variance between adjacent windows, by their length, tells
the two apart (Allan 1966, "Statistics of atomic frequency standards").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

WORTH_IT = {12: 0.4, 6: 0.2}
"""How much of the time needed now may be needed with longer slices, by how many windows there are
at least: a variance of a few says little."""


def stretch(pairs: Sequence[tuple[int, int]], noise: float) -> int:
    """How many pairs, (calls, ticks) each, a window should hold that becomes a slice; 0: slices
    are best as they are. `noise` is the standard deviation of the difference within a pair,
    relative."""
    calls = [0, *accumulate(calls for calls, _ in pairs)]
    ticks = [0, *accumulate(ticks for _, ticks in pairs)]
    if not calls[-1] or not ticks[-1]:
        return 0
    per_call = ticks[-1] / calls[-1]
    best, least = 0, noise * noise
    length = 1
    while (share := _worth_it(len(pairs) // length)) > 0.0:
        # A pair of windows takes twice as long as all the pairs in one of them.
        needed = 2 * length * _variance(calls, ticks, length, per_call)
        if needed < min(least, share * noise * noise):
            best, least = length, needed
        length *= 2
    return best


def _worth_it(windows: int) -> float:
    return max((share for least, share in WORTH_IT.items() if windows >= least), default=0.0)


def _variance(calls: list[int], ticks: list[int], length: int, per_call: float) -> float:
    """Of the relative difference between two adjacent windows, at every place."""
    squares = 0.0
    places = len(calls) - 2 * length
    for begin in range(places):
        middle, end = begin + length, begin + 2 * length
        first = calls[middle] - calls[begin]
        second = calls[end] - calls[middle]
        if not first or not second:
            return float("inf")
        difference = (ticks[end] - ticks[middle]) / second - (ticks[middle] - ticks[begin]) / first
        squares += difference * difference
    return squares / places / (per_call * per_call)
