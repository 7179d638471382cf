"""From a trial's slices to evidence and a decision.

In: slices in the order in which they ran, in balanced adjacent pairs (one slice of each side, in
random order), and the rate of the time-stamp counter. Out: the ratio of the time per call, an
interval that holds at every look, and whether that decides.

The estimator is the ratio of total times, not the mean of log times: a change that makes nearly
all calls a little faster and a few very slow is a loss, and must look like one. A ratio r is inside
the interval when the pair differences `incumbent - r * challenger` (at equal calls) may have mean
zero: Fieller's interval, with the boundary of tune/sequence.py. The usual delta method on the
logarithm was tried: after one slice with a long interruption it believes in the wrong ratio.
Differences of pairs in random order are symmetric where both sides are equal, whatever the noise,
the drift or the program's phases are, so that false winners need no model of the noise.

Interrupted slices are not left out: nobody can tell them from rare slow calls. They widen the
interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from halojit.model.evidence import Decision, Evidence, Slice
from halojit.tune.sequence import mixture, radius2, values_needed


@dataclass(frozen=True, slots=True)
class Rules:
    """When a trial is decided."""

    alpha: float = 0.05
    """Of false winners and false losers together, over all looks."""
    least_effect: float = 0.01
    """A win by less is not worth having."""
    burn_in_pairs: int = 1
    """Left out: caches and predictors meet the challenger for the first time."""
    loss_pairs: int = 6
    """Before the challenger may lose."""
    least_pairs: int = 20
    """Before it may win or tie."""
    least_calls: int = 200
    """Of each side, before it may win: what happens once in 66 calls has been seen by then (95 %).
    At 100 calls, rare inputs 100 times as long that the challenger doubles went unseen in 9 % of
    simulated trials with four calls a slice; at 200 in 2.5 %."""
    win_target_pairs: float = 60.0
    """Where the interval's lower end is narrowest."""
    loss_target_pairs: float = 16.0
    """Where its upper end is: a bad challenger is to end soon."""


@dataclass(frozen=True, slots=True)
class _Moments:
    """Means, and centred sums of squares and products."""

    old: float
    new: float
    old2: float
    new2: float
    cross: float


class Trial:
    """Collects slices and says what they prove so far. Slices cost O(1), looks cost O(1)."""

    def __init__(self, ns_per_tick: float, rules: Rules = Rules()) -> None:
        self._ns_per_tick = ns_per_tick
        self._rules = rules
        self._rho2_low = mixture(rules.alpha, rules.win_target_pairs)
        self._rho2_high = mixture(rules.alpha, rules.loss_target_pairs)
        self._first: Slice | None = None
        self._burnt = 0
        self._pairs = 0
        self._timed = 0
        self._calls = [0, 0]
        self._ticks = [0, 0]
        # Integers: exact however long the trial and however small the noise.
        self._squares = [0, 0, 0]
        """Of incumbent's ticks, challenger's ticks, surplus of the incumbent's calls."""
        self._products = [0, 0, 0]
        """Ticks by ticks, incumbent's ticks by surplus, challenger's ticks by surplus."""
        self._burnt_calls = [0, 0]
        self._burnt_ticks = [0, 0]

    def add(self, slices: Sequence[Slice]) -> None:
        """Slices that follow those added before."""
        for found in slices:
            if self._first is None:
                self._first = found
            else:
                self._add_pair(self._first, found)
                self._first = None

    def _add_pair(self, first: Slice, second: Slice) -> None:
        old, new = (first, second) if first.side == 0 else (second, first)
        if old.side == new.side or not old.calls + new.calls:
            return
        is_burnt = self._burnt < self._rules.burn_in_pairs
        calls = self._burnt_calls if is_burnt else self._calls
        ticks = self._burnt_ticks if is_burnt else self._ticks
        for side, found in enumerate((old, new)):
            calls[side] += found.calls
            ticks[side] += found.ticks
        if is_burnt:
            self._burnt += 1
            return
        self._pairs += 1
        self._timed += bool(old.calls and new.calls)
        surplus = old.calls - new.calls
        for index, value in enumerate((old.ticks, new.ticks, surplus)):
            self._squares[index] += value * value
        self._products[0] += old.ticks * new.ticks
        self._products[1] += old.ticks * surplus
        self._products[2] += new.ticks * surplus

    def evidence(self) -> Evidence | None:
        """None while there is too little to say anything."""
        if not self._has_enough():
            return None
        before, after = (
            ticks / calls * self._ns_per_tick
            for ticks, calls in zip(self._ticks, self._calls, strict=True)
        )
        low, _ = self._ends(self._rho2_low)
        _, high = self._ends(self._rho2_high)
        if math.isinf(high):
            return None
        calls = (self._calls[0], self._calls[1])
        return Evidence(before, after, before / after, low, high, calls, self._pairs)

    def decision(self) -> Decision:
        """Valid whenever it is asked."""
        rules, evidence = self._rules, self.evidence()
        if evidence is None:
            return Decision.UNDECIDED
        if evidence.is_loss:
            return Decision.LOST
        if self._timed < rules.least_pairs:
            return Decision.UNDECIDED
        if evidence.high < 1.0 + rules.least_effect:
            return Decision.TIED
        is_worth_it = evidence.low > 1.0 and evidence.speedup >= 1.0 + rules.least_effect
        if is_worth_it and min(evidence.calls) >= rules.least_calls:
            return Decision.WON
        return Decision.UNDECIDED

    @property
    def pairs(self) -> int:
        """Seen so far, the burn-in left out."""
        return self._pairs

    @property
    def noise(self) -> float | None:
        """Standard deviation of a pair's logarithm of the ratio; None before there are enough."""
        if not self._has_enough():
            return None
        moments = self._moments()
        ratio = moments.old / moments.new
        squares = moments.old2 - 2.0 * ratio * moments.cross + ratio * ratio * moments.new2
        return math.sqrt(max(squares, 0.0) / (self._pairs - 1)) / moments.old

    def pairs_needed(self) -> float | None:
        """How many pairs the trial will have had when it is decided, from the effect and the noise
        seen so far: half of the trials need fewer, one in ten needs more than twice as many.
        Infinite if there is no hope. None before it may win or tie: the noise of a few pairs with
        one interruption among them says nothing."""
        if self.decision() is not Decision.UNDECIDED:
            return float(self._pairs)
        noise = self.noise
        if noise is None or self._timed < self._rules.least_pairs:
            return None
        moments = self._moments()
        effect = math.log(moments.old / moments.new)
        found = predicted_pairs(effect, noise, self._rules)
        enough = self._rules.least_calls * self._pairs / min(self._calls)
        return max(found, enough) if effect > 0.0 else found

    def lost_s(self, stride: int = 1) -> float:
        """Seconds that the challenger's calls took longer than they would have taken on the
        incumbent's side, the burn-in included; negative where it is faster. With a gate that times
        one call in `stride`, the others are taken to be like it."""
        calls, ticks = (
            [kept + burnt for kept, burnt in zip(*both, strict=True)]
            for both in ((self._calls, self._burnt_calls), (self._ticks, self._burnt_ticks))
        )
        if not all(calls):
            return 0.0
        longer = ticks[1] - calls[1] * ticks[0] / calls[0]
        return longer * self._ns_per_tick * stride / 1e9

    def _has_enough(self) -> bool:
        return self._timed >= self._rules.loss_pairs and all(self._calls) and all(self._ticks)

    def _moments(self) -> _Moments:
        """Of u and v, where `u - r v` is a pair's difference at the ratio r with the surplus of
        calls on one side paid for at the pooled time per call."""
        old, new = self._ticks
        surplus = self._calls[0] - self._calls[1]
        per_call = [ticks / sum(self._calls) for ticks in self._ticks]
        pairs = self._pairs
        old_sum = old - per_call[0] * surplus
        new_sum = new + per_call[1] * surplus
        old2, new2, surplus2 = self._squares
        both, old_surplus, new_surplus = self._products
        return _Moments(
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

    def _ends(self, rho2: float) -> tuple[float, float]:
        """Ratios at the ends of Fieller's interval: where the mean difference leaves the radius."""
        reach2 = radius2(self._pairs, self._rules.alpha, rho2)
        if math.isinf(reach2):
            return 0.0, math.inf
        found = self._moments()
        square = found.new**2 - reach2 * found.new2
        if square <= 0.0:
            return 0.0, math.inf
        middle = found.old * found.new - reach2 * found.cross
        rest = found.old**2 - reach2 * found.old2
        root = math.sqrt(max(middle * middle - square * rest, 0.0))
        return max((middle - root) / square, 0.0), (middle + root) / square


def predicted_pairs(effect: float, noise: float, rules: Rules = Rules()) -> float:
    """How many pairs decide a trial whose challenger is faster by `effect` (logarithm of the
    speed-up) where pairs vary by `noise` (standard deviation of the logarithm); infinite above a
    million. Between "faster" and "by enough" nothing is ever decided: there the prediction is that
    for half of the least effect. What a region's last trial saw tells whether to begin the next."""
    least = math.log1p(rules.least_effect)
    if effect >= least:
        rho2 = mixture(rules.alpha, rules.win_target_pairs)
        pairs = values_needed(effect, noise, rules.alpha, rho2)
        return max(pairs, rules.least_pairs)
    rho2 = mixture(rules.alpha, rules.loss_target_pairs)
    loses = max(values_needed(-effect, noise, rules.alpha, rho2), rules.loss_pairs)
    ties = values_needed(max(least - effect, least / 2.0), noise, rules.alpha, rho2)
    return min(loses, max(ties, rules.least_pairs))
