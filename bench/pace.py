"""What the laps of a run tell: how fast it was as a whole and at a moment, and when work was done.

Pure. Times are seconds since `main`; speeds are rounds a second, by the clock (`wall`) or by
processor time of the thread that works, which other processes disturb less.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure import Lap
from bench.observe import steps

EARLY_S = 0.5
"""A second run is to be steady this long after main."""
EARLY_UNTIL_S = 1.3


def early(laps: Sequence[Lap]) -> float | None:
    """Speed by processor time of the laps that begin 0.5 s after main or soon after it; None where
    no lap does."""
    begins = [0.0, *(lap.at_s for lap in laps[:-1])]
    found = [
        step
        for begin_s, lap, step in zip(begins, laps, steps(laps), strict=True)
        if begin_s >= EARLY_S and lap.at_s <= EARLY_UNTIL_S
    ]
    return _rate(found) if found else None


def cpu_rate(laps: Sequence[Lap]) -> float:
    """Rounds a second of processor time, of the whole run."""
    return _rate(steps(laps))


def _rate(found: Sequence[tuple[int, float]]) -> float:
    return sum(rounds for rounds, _ in found) / sum(spent_s for _, spent_s in found)


def wall_rate(laps: Sequence[Lap]) -> float:
    """Rounds a second by the clock, of the whole run."""
    return laps[-1].rounds / laps[-1].at_s


def when_done(laps: Sequence[Lap], rounds: float) -> float | None:
    """Seconds after main when that many rounds were done; None if they never were."""
    before = Lap(0.0, 0, 0.0, 0.0)
    for lap in laps:
        if lap.rounds >= rounds:
            share = (rounds - before.rounds) / (lap.rounds - before.rounds)
            return before.at_s + share * (lap.at_s - before.at_s)
        before = lap
    return None


def whole(laps: Sequence[Lap], plain_per_s: float, seconds: float) -> float | None:
    """A run of the plain program of that many seconds against the same work in this run: above 1,
    this one was done earlier. Up to 5 % less work is taken as it is; with still less, None."""
    rounds = plain_per_s * seconds
    done = when_done(laps, rounds)
    if done is not None:
        return seconds / done
    last = laps[-1]
    if last.rounds < 0.95 * rounds:
        return None
    return last.rounds / plain_per_s / last.at_s
