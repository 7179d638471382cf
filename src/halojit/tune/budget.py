"""What exploration may cost a process, and what it has cost.

In: the processor time of the process so far, and what was spent on which kind of exploration. Out:
whether the next step may begin. The account knows no trials and no clock; all seconds are processor
seconds that the program would have had for itself.

Spending stays below `share` of the program's processor time. A program that has just begun has
earned nothing, and its first trial is the one most worth having: so there is an advance, which
counts as long as it is more than what was earned. With the defaults that is the first 10 s: a
program that ends before then may have lost up to 0.3 s, a longer one no more than its share.
"""

from __future__ import annotations

import math
from enum import StrEnum

SHARE = 0.03
CREDIT_S = 0.3
PRIOR_LOSS = 0.1
"""By how much an untried challenger is expected to be slower: a guess on the safe side, for most
are faster or as fast, and trials of the very bad ones end after a few slices."""


class Kind(StrEnum):
    """What seconds were spent on."""

    CHALLENGERS = "challengers"
    """Calls that took longer than they would have taken in the incumbent."""
    GATES = "gates"
    """The trials' own work: time-stamps, switches, counted entries."""
    COMPILERS = "compilers"
    """Compiling on processors that the program wanted."""
    INSTRUMENTED = "instrumented"
    """Lost to variants that count for the profile-guided ones."""


def expected_s(seconds: float, cpus: float = 1.0, loss: float = PRIOR_LOSS) -> float:
    """What a trial of so many seconds is expected to cost in a region that uses `cpus` processors:
    the challenger has half of the calls, and takes `loss` longer for them."""
    return 0.5 * loss * seconds * cpus


class Account:
    """One process's."""

    def __init__(self, share: float = SHARE, credit_s: float = CREDIT_S) -> None:
        self._share = share
        self._credit_s = credit_s if share > 0.0 else 0.0
        self._cpu_s = 0.0
        self._spent_s = dict.fromkeys(Kind, 0.0)

    def earn(self, cpu_s_total: float) -> None:
        """The process has used so much processor time in all."""
        self._cpu_s = max(self._cpu_s, cpu_s_total)

    def spend(self, kind: Kind, seconds: float) -> None:
        """It is spent, whether there was enough left or not. What a faster challenger gains does
        not pay for others: nothing is booked for it."""
        self._spent_s[kind] += max(seconds, 0.0)

    @property
    def spent_s(self) -> dict[Kind, float]:
        """So far, by kind."""
        return dict(self._spent_s)

    @property
    def left_s(self) -> float:
        """Negative when a step cost more than was expected."""
        return max(self._credit_s, self._share * self._cpu_s) - sum(self._spent_s.values())

    def may_spend(self, expected: float) -> bool:
        """Is there enough left for a step that is expected to cost so many seconds?"""
        return self._share > 0.0 and self.left_s >= expected

    def wait_cpu_s(self, expected: float) -> float:
        """How much more processor time the process must use until it may spend that."""
        if self.may_spend(expected):
            return 0.0
        if self._share <= 0.0:
            return math.inf
        return (sum(self._spent_s.values()) + expected) / self._share - self._cpu_s
