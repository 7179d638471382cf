"""What a trial's pairs of slices come to: sums that a pair is added to in O(1).

In: calls and ticks of both sides of a pair. Out: totals, and the moments of a pair's difference.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

KEPT_PAIRS = 2048
"""The last ones, whose order tells how their calls scatter."""

Work = tuple[int, int]
"""Calls, and their ticks."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Means, and centred sums of squares and products."""

    old: float
    new: float
    old2: float
    new2: float
    cross: float


class Sums:
    """Of incumbent and challenger, in this order."""

    def __init__(self) -> None:
        self.pairs = 0
        self.timed = 0
        """Pairs with calls on both sides."""
        self.calls = [0, 0]
        self.ticks = [0, 0]
        self.last: deque[Work] = deque(maxlen=KEPT_PAIRS)
        """Of pairs, both sides together."""
        # Integers: exact however long the trial and however small the noise.
        self._squares = [0, 0, 0]
        """Of incumbent's ticks, challenger's ticks, surplus of the incumbent's calls."""
        self._products = [0, 0, 0]
        """Ticks by ticks, incumbent's ticks by surplus, challenger's ticks by surplus."""

    def add(self, old: Work, new: Work) -> None:
        """A pair; without any calls it is none."""
        (old_calls, old_ticks), (new_calls, new_ticks) = old, new
        if not old_calls + new_calls:
            return
        for side, (calls, ticks) in enumerate((old, new)):
            self.calls[side] += calls
            self.ticks[side] += ticks
        self.pairs += 1
        self.timed += bool(old_calls and new_calls)
        self.last.append((old_calls + new_calls, old_ticks + new_ticks))
        surplus = old_calls - new_calls
        for index, value in enumerate((old_ticks, new_ticks, surplus)):
            self._squares[index] += value * value
        self._products[0] += old_ticks * new_ticks
        self._products[1] += old_ticks * surplus
        self._products[2] += new_ticks * surplus

    @property
    def is_empty(self) -> bool:
        """Is there a side without calls?"""
        return not (all(self.calls) and all(self.ticks))

    def moments(self) -> Moments:
        """Of u and v, where `u - r v` is a pair's difference at the ratio r with the surplus of
        calls on one side paid for at the pooled time per call."""
        old, new = self.ticks
        surplus = self.calls[0] - self.calls[1]
        per_call = [ticks / sum(self.calls) for ticks in self.ticks]
        pairs = self.pairs
        old_sum = old - per_call[0] * surplus
        new_sum = new + per_call[1] * surplus
        old2, new2, surplus2 = self._squares
        both, old_surplus, new_surplus = self._products
        return Moments(
            old_sum / pairs,
            new_sum / pairs,
            old2 - 2 * per_call[0] * old_surplus + per_call[0] ** 2 * surplus2 - old_sum**2 / pairs,
            new2 + 2 * per_call[1] * new_surplus + per_call[1] ** 2 * surplus2 - new_sum**2 / pairs,
            both
            + per_call[1] * old_surplus
            - per_call[0] * new_surplus
            - per_call[0] * per_call[1] * surplus2
            - old_sum * new_sum / pairs,
        )

    def noise(self) -> float:
        """Standard deviation of a pair's logarithm of the ratio."""
        moments = self.moments()
        ratio = moments.old / moments.new
        squares = moments.old2 - 2.0 * ratio * moments.cross + ratio * ratio * moments.new2
        return math.sqrt(max(squares, 0.0) / (self.pairs - 1)) / moments.old

    def ends(self, reach2: float) -> tuple[float, float]:
        """Ratios at the ends of Fieller's interval: where the mean difference leaves the radius,
        whose square is given in units of the sums of squares."""
        if math.isinf(reach2):
            return 0.0, math.inf
        found = self.moments()
        square = found.new**2 - reach2 * found.new2
        if square <= 0.0:
            return 0.0, math.inf
        middle = found.old * found.new - reach2 * found.cross
        rest = found.old**2 - reach2 * found.old2
        root = math.sqrt(max(middle * middle - square * rest, 0.0))
        return max((middle - root) / square, 0.0), (middle + root) / square
