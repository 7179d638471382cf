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

Slices in which something happened are not left out: nobody can tell that from rare slow calls. They
widen the interval. Calls during which their thread lost its processor are another matter: the
kernel tells of them, but for those that a hypervisor interrupted, which are told by their length.
They are left out while they are few, hit both sides alike, took as long as the program waited for
processors or a hypervisor kept them, and a winner does not look like a loser with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from halojit.model.evidence import Decision, Evidence, Slice
from halojit.tune.scatter import stretch
from halojit.tune.sequence import mixture, radius2, values_needed
from halojit.tune.sums import Sums, Work

CUT_SHARE = 0.1
"""Of all calls: if more were cut, they count like the others."""
OWN_SHARE = 0.1
"""Of the time of the other calls: what cut ones may have worked themselves. If long calls are cut
more often than short ones, those that are left are not like all."""
LOPSIDED = 4.0
"""Standard deviations. Whoever takes a processor away does not ask whose turn it is: in the same
time both sides have as many cut calls. If not, calls of one side cross the limit by themselves."""
CONTRADICTED = 0.02
"""Of all time: if cut calls have more, a winner must be faster with them too."""


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


class Trial:
    """Collects slices and says what they prove so far. Slices cost O(1), looks cost O(1)."""

    def __init__(self, ns_per_tick: float, rules: Rules = Rules()) -> None:
        self._ns_per_tick = ns_per_tick
        self._rules = rules
        self._rho2_low = mixture(rules.alpha, rules.win_target_pairs)
        self._rho2_high = mixture(rules.alpha, rules.loss_target_pairs)
        self._first: Slice | None = None
        self._burnt: list[tuple[Slice, Slice]] = []
        self._whole = Sums()
        """Of calls that were not cut."""
        self._all = Sums()
        self._counts_cut = False

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
        if old.side == new.side or not _all(old)[0] + _all(new)[0]:
            return
        if len(self._burnt) < self._rules.burn_in_pairs:
            self._burnt.append((old, new))
            return
        self._whole.add(_whole(old), _whole(new))
        self._all.add(_all(old), _all(new))

    @property
    def _sums(self) -> Sums:
        """Those that count: of whole calls, unless too many were cut."""
        is_rare = self._cut_calls <= CUT_SHARE * sum(self._all.calls)
        return self._whole if is_rare and not self._counts_cut else self._all

    @property
    def has_cut(self) -> bool:
        """Was any call cut?"""
        return self._cut_calls > 0

    @property
    def _cut_calls(self) -> int:
        return sum(self._all.calls) - sum(self._whole.calls)

    def explain(self, waited_s: float, stride: int = 1) -> None:
        """So long have the program's threads waited for processors since the trial began, and a
        hypervisor kept them. If cut calls took longer, they have spent time themselves: calls that
        block, or a few that are so long that most are cut. Then they count like the others. With a
        gate that times one call in `stride`, the others are taken to be like it."""
        whole_s, all_s = (
            sum(sums.ticks) * self._ns_per_tick * stride / 1e9 for sums in (self._whole, self._all)
        )
        # How well so few tell of all.
        spread = 1.0 + 2.0 * math.sqrt(stride / max(self._cut_calls, 1))
        is_own_time = all_s - whole_s > spread * waited_s + OWN_SHARE * whole_s
        self._counts_cut = is_own_time or self._is_lopsided

    @property
    def _is_lopsided(self) -> bool:
        cut = [a - b for a, b in zip(self._all.calls, self._whole.calls, strict=True)]
        if not all(self._whole.ticks):
            return any(cut)
        share = self._whole.ticks[1] / sum(self._whole.ticks)
        expected = share * sum(cut)
        return (cut[1] - expected) ** 2 > LOPSIDED**2 * expected * (1.0 - share)

    def evidence(self) -> Evidence | None:
        """None while there is too little to say anything."""
        if not self._has_enough():
            return None
        sums = self._sums
        before, after = (
            ticks / calls * self._ns_per_tick
            for ticks, calls in zip(sums.ticks, sums.calls, strict=True)
        )
        low, _ = sums.ends(self._reach2(self._rho2_low))
        _, high = sums.ends(self._reach2(self._rho2_high))
        if math.isinf(high):
            return None
        calls = (sums.calls[0], sums.calls[1])
        return Evidence(before, after, before / after, low, high, calls, sums.pairs)

    def decision(self) -> Decision:
        """Valid whenever it is asked."""
        rules, evidence = self._rules, self.evidence()
        if evidence is None:
            return Decision.UNDECIDED
        if evidence.is_loss:
            return Decision.LOST
        if self._sums.timed < rules.least_pairs:
            return Decision.UNDECIDED
        if evidence.high < 1.0 + rules.least_effect:
            return Decision.TIED
        is_worth_it = evidence.low > 1.0 and evidence.speedup >= 1.0 + rules.least_effect
        if is_worth_it and min(evidence.calls) >= rules.least_calls and not self._is_contradicted:
            return Decision.WON
        return Decision.UNDECIDED

    @property
    def _is_contradicted(self) -> bool:
        """Do the cut calls speak against a challenger that is faster in the others?"""
        sums = self._all
        if self._sums is sums or sums.is_empty:
            return False
        _, high = sums.ends(radius2(sums.pairs, self._rules.alpha, self._rho2_high))
        cut_share = 1.0 - sum(self._whole.ticks) / sum(sums.ticks)
        per_call = [ticks / calls for ticks, calls in zip(sums.ticks, sums.calls, strict=True)]
        return high < 1.0 or (cut_share > CONTRADICTED and per_call[1] > per_call[0])

    @property
    def pairs(self) -> int:
        """Seen so far, the burn-in left out."""
        return self._sums.pairs

    @property
    def noise(self) -> float | None:
        """Standard deviation of a pair's logarithm of the ratio; None before there are enough."""
        if not self._has_enough():
            return None
        return self._sums.noise()

    def pairs_needed(self) -> float | None:
        """How many pairs the trial will have had when it is decided, from the effect and the noise
        seen so far: half of the trials need fewer, one in ten needs more than twice as many.
        Infinite if there is no hope. None before it may win or tie: the noise of a few pairs with
        one interruption among them says nothing."""
        if self.decision() is not Decision.UNDECIDED:
            return float(self.pairs)
        noise, sums = self.noise, self._sums
        if noise is None or sums.timed < self._rules.least_pairs:
            return None
        moments = sums.moments()
        effect = math.log(moments.old / moments.new)
        found = predicted_pairs(effect, noise, self._rules)
        enough = self._rules.least_calls * sums.pairs / min(sums.calls)
        return max(found, enough) if effect > 0.0 else found

    def stretch(self) -> int:
        """How many pairs should be one slice, for a trial to end sooner; 0: none."""
        noise = self.noise
        return stretch(self._sums.last, noise) if noise is not None else 0

    def lost_s(self, stride: int = 1) -> float:
        """Seconds that the challenger's calls took longer than they would have taken on the
        incumbent's side, the burn-in included; negative where it is faster. With a gate that times
        one call in `stride`, the others are taken to be like it."""
        sums = self._sums
        of = _whole if sums is self._whole else _all
        calls, ticks = list(sums.calls), list(sums.ticks)
        for pair in self._burnt:
            for side, (some_calls, some_ticks) in enumerate(map(of, pair)):
                calls[side] += some_calls
                ticks[side] += some_ticks
        if not all(calls):
            return 0.0
        longer = ticks[1] - calls[1] * ticks[0] / calls[0]
        return longer * self._ns_per_tick * stride / 1e9

    def _has_enough(self) -> bool:
        sums = self._sums
        return sums.timed >= self._rules.loss_pairs and not sums.is_empty

    def _reach2(self, rho2: float) -> float:
        return radius2(self._sums.pairs, self._rules.alpha, rho2)


def _whole(found: Slice) -> Work:
    return found.calls, found.ticks


def _all(found: Slice) -> Work:
    return found.calls + found.cut_calls, found.ticks + found.cut_ticks


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
