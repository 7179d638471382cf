"""How a trial of a root goes on: which calls are timed, how long sides and slices last.

In: what is known of the root's calls, from the profile first and then from its trials. Out: a plan
for the next trial. Of very short calls only some are timed. The sides take turns that are as short
as they may be: on a machine that is shared, and in a program whose work differs from one
millisecond to the next, adjacent turns differ by as much whether they last 20 us or 16 ms, so that
many short ones tell more. Long calls draw their sides one by one. Where a program goes through the
same works in rounds, turns that hold whole rounds tell more (tune/scatter.py): they are as long as
slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from halojit.model.evidence import Evidence
from halojit.model.region import Region
from halojit.server.services import BY_SLICE
from halojit.tune.trial import Rules, Trial

SLICE_LEAST_NS = 1_000_000
SLICE_MOST_NS = 4e8
SLICE_RANGE = 2
"""The longest slice is as many times as long as the shortest."""
CALLS_PER_SLICE = 4
"""Timed, of the shortest slice."""
TURNS_PER_SLICE = 8
BY_CALL_NS = 20_000.0
"""Calls that long draw their sides themselves."""
TURN_NS = 20_000.0
TURN_CALLS = 8
"""Of shorter ones a turn has so many, and lasts so long: on each side the first finds the caches
and predictors as the other side left them."""
STRETCHED_MOST_NS = 5e7
"""A slice that holds rounds of the program; longer ones would let too few trials end."""
ROUNDS_PAIRS = 150
ROUNDS_S = 1.0
"""A region's first trial without hope goes on for so many, or so long, to see whether calls come in
rounds: then it begins again with slices that hold some."""
TIMED_NS = 30.0
PASSED_NS = 3.0
"""What the gate costs a call that it times, and one that it does not."""
TIMED_SHARE = 0.03
"""Of a call, that timing it may cost; shorter calls are timed now and then."""
STRIDE_MOST = 1024
RECURSIVE_NS = 5000.0
RECURSIVE_BURN_IN = 4
LONG_LEAST_NS = 100_000.0
LONG_CALLS = 8.0
"""A call that takes as many times as long as the mean, and no less than that, may not have run all
the time: hypervisors take processors away for milliseconds and more, and nobody tells."""
LENGTHENED = 4.0
"""At most so much at a time: there may have been a pause."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one trial."""

    stride: int
    """Of so many calls about one is timed."""
    turn_bits: int
    """The logarithm of the timed calls in a turn; or BY_SLICE."""
    slice_ns: tuple[int, int]
    """The shortest and the longest."""
    entries_per_s: float
    longest_ns: float
    """Longer calls are counted with those that lost their processor."""

    @property
    def pair_s(self) -> float:
        """How long a pair lasts: two slices, or one in which the sides take turns."""
        both_s = sum(self.slice_ns) / 1e9
        return both_s if self.turn_bits == BY_SLICE else both_s / 2

    def gate_s(self, passed_s: float) -> float:
        """What the gate costs the program's threads in so much time."""
        calls = self.entries_per_s * passed_s
        return calls * (TIMED_NS / self.stride + PASSED_NS) / 1e9


class Pace:
    """Of one root's trials."""

    def __init__(self, region: Region) -> None:
        self.share = region.share
        self.ns_per_call = max(region.ns_per_call, 1.0)
        if region.is_recursive:
            # Most entries are its own; how long one from outside is, the first trial says.
            self.ns_per_call = max(self.ns_per_call, RECURSIVE_NS)
        self.entries_per_s = max(region.entries_per_s, 1.0)
        self._is_recursive = region.is_recursive
        # The outermost call of the moment has not come through the gate: those inside it seem to be
        # calls of their own.
        self.rules = Rules(burn_in_pairs=RECURSIVE_BURN_IN) if region.is_recursive else Rules()
        self._stretched = 1
        """How many times as long slices are, because calls come in rounds."""
        self._is_settled = False
        """Is that known?"""

    def plan(self) -> Plan:
        """For the next trial."""
        stride = math.ceil(TIMED_NS / (TIMED_SHARE * self.ns_per_call))
        stride = max(1, min(STRIDE_MOST, stride))
        interval_ns = max(self.ns_per_call, 1e9 / self.entries_per_s)
        least = max(SLICE_LEAST_NS, CALLS_PER_SLICE * stride * interval_ns)
        if self._stretched > 1:
            stretched = min(self._stretched * least, STRETCHED_MOST_NS)
            return self._planned(stride, BY_SLICE, max(stretched, least))
        if self.ns_per_call >= BY_CALL_NS:
            return self._planned(stride, 0, least)
        # Of a recursive root those count too that are not timed.
        counted = 1 if self._is_recursive else stride
        calls = max(TURN_CALLS, TURN_NS / self.ns_per_call)
        turn_bits = max(0, math.ceil(math.log2(calls / counted)))
        turn_ns = 2**turn_bits * counted * interval_ns
        return self._planned(stride, turn_bits, max(least, TURNS_PER_SLICE * turn_ns))

    def _planned(self, stride: int, turn_bits: int, least_ns: float) -> Plan:
        least = int(min(least_ns, SLICE_MOST_NS))
        longest_ns = max(LONG_LEAST_NS, LONG_CALLS * self.ns_per_call)
        return Plan(stride, turn_bits, (least, SLICE_RANGE * least), self.entries_per_s, longest_ns)

    def lengthen(self, plan: Plan, calls: int, passed_s: float) -> None:
        """Fewer calls end within a slice than was thought: most are a root's own, or the phase is
        another one."""
        rate = calls * plan.stride / passed_s
        self.entries_per_s = max(rate, self.entries_per_s / LENGTHENED, 1.0)
        self.ns_per_call = max(self.ns_per_call, self.share * 1e9 / self.entries_per_s)

    def stretch(self, plan: Plan, trial: Trial) -> bool:
        """Slices that hold more of what the program goes through again and again, if that helps."""
        longer = trial.stretch() * (2 if plan.turn_bits == BY_SLICE else 1)
        if longer < 2 or 2 * plan.slice_ns[0] > STRETCHED_MOST_NS:
            return False
        self._stretched *= longer
        return True

    def looks_on(self, trial: Trial, passed_s: float) -> bool:
        """Is it too early to say that longer slices do not help?"""
        self._is_settled |= trial.pairs >= ROUNDS_PAIRS or passed_s >= ROUNDS_S
        return not self._is_settled

    def learn(self, plan: Plan, evidence: Evidence, passed_s: float) -> None:
        """From a trial that ended."""
        self.ns_per_call = min(evidence.before_ns, evidence.after_ns)
        self.entries_per_s = max(sum(evidence.calls) * plan.stride / passed_s, 1.0)

    def move(self, entries_per_s: float, ns_per_call: float) -> None:
        """The program does something else now."""
        self.entries_per_s, self.ns_per_call = entries_per_s, ns_per_call
        self._stretched, self._is_settled = 1, False
