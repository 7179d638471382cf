"""What a trial measured: one incumbent, one challenger, alternating in slices of time.

In: slices as the monitor's trial clock reports them. Out: the ratio of the time per call, which is
the ratio of total times at equal work, with an interval that holds at every look, and what a trial
decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Slice(NamedTuple):
    """One slice of a trial: side 0 is the incumbent, 1 the challenger. Calls that were cut, because
    the scheduler took the processor away, are not among the others."""

    side: int
    calls: int
    ticks: int
    ns: int
    cut_calls: int = 0
    cut_ticks: int = 0


class Decision(StrEnum):
    """What a trial says of its challenger."""

    WON = "won"
    """Faster beyond doubt, and by enough to matter."""
    LOST = "lost"
    """Slower beyond doubt."""
    TIED = "tied"
    """Not faster by enough to matter, beyond doubt."""
    UNDECIDED = "undecided"
    """The incumbent stays."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Times are nanoseconds a call; the interval is a confidence sequence: at 95 %, all intervals
    that a trial ever showed hold the true speed-up."""

    before_ns: float
    after_ns: float
    speedup: float
    low: float
    high: float
    calls: tuple[int, int]
    pairs: int

    @property
    def is_loss(self) -> bool:
        """Is the challenger slower beyond doubt?"""
        return self.high < 1.0

    @property
    def width(self) -> float:
        """Half the interval, relative to the speed-up."""
        return (self.high - self.low) / (2.0 * self.speedup)

    @property
    def sure_gain(self) -> float:
        """Logarithm of the speed-up, as near to none as the interval allows: what a trial without a
        decision may claim."""
        return math.log(min(max(1.0, self.low), self.high))
