"""One trial in a live process: a challenger against what the entry leads to now.

In: two contenders for one root, and the account that pays. Out: a result; the entry leads to the
winner, and to the incumbent when in doubt. Of very short calls only some are timed. The sides take
turns that are as short as they may be: on a machine that is shared, and in a program whose work
differs from one millisecond to the next, adjacent turns differ by as much whether they last 20 us
or 16 ms, so that many short ones tell more. Long calls draw their sides one by one: which call is
the first of a turn depends on how long the one before took, and so on its side, which matters where
a turn has few calls. Where a program goes through the same works in rounds, turns that hold whole
rounds tell more (tune/scatter.py).

Where the challenger has no gate (its root looks at its own frame, say), `sampled.py` does the same
by longer turns and by samples.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from halojit.model.evidence import Decision, Evidence
from halojit.model.region import Recipe, Region, Variant
from halojit.server.channel import ChannelError, GoneError
from halojit.server.live import Live, Refused
from halojit.server.services import BY_SLICE
from halojit.server.waited import Waited
from halojit.tune.budget import Account, Kind
from halojit.tune.space import Host
from halojit.tune.trial import Rules, Trial

SLICE_LEAST_NS = 1_000_000
SLICE_MOST_NS = 4e8
STRETCHED_MOST_NS = 1e8
"""A slice that holds rounds of the program; longer ones would let too few trials end."""
CALLS_PER_SLICE = 4
"""Timed, of the shortest slice."""
BY_CALL_NS = 50_000.0
"""Calls that long draw their sides themselves."""
TURN_NS = 20_000.0
TURN_CALLS = 16
"""Of shorter ones a turn has so many, and lasts so long: on each side the first finds the caches
and predictors as the other side left them."""
SLICE_RANGE = 2
"""The longest slice is as many times as long."""
FIRST_READ_S = 0.02
READ_S = 0.1
LIMIT_S = 5.0
"""A trial that would take longer is not worth the time of the trials behind it."""
PROMISING = 1.04
"""A challenger that costs nothing while it seems that much faster."""
FEW_LIMIT_S = 4.0
"""Without enough calls for any evidence."""
LEADER_LIMIT_S = 30.0
"""For a challenger that is ahead beyond doubt and has too few calls to be trusted."""
TIMED_NS = 30.0
PASSED_NS = 3.0
"""What the gate costs a call that it times, and one that it does not."""
TIMED_SHARE = 0.03
"""Of a call, that timing it may cost; shorter calls are timed now and then."""
RECURSIVE_NS = 5000.0
RECURSIVE_BURN_IN = 4
RESTARTS = 3
LENGTHENED = 4.0
"""At most so much at a time: there may have been a pause."""
LOOK_SLICES = 12
LOOK_PAIRS = 24
"""Before so many, a prediction says little."""
ROUNDS_PAIRS = 150
ROUNDS_S = 1.0
"""A region's first trial without hope goes on for so many, or so long, to see whether calls come in
rounds: then it begins again with slices that hold some."""
ENDED = "the program ended"
CUT_S = 0.02
TOO_FEW_CALLS = "too few calls"
FEW_PAIRS = 7
SCATTER = "the times scatter too much"
SLICES = 1 << 20


@dataclass(frozen=True, eq=False)
class Contender:
    """Code that an entry may lead to; `entry` 0 is the original."""

    name: str
    recipe: Recipe
    variant: Variant | None = None
    entry: int = 0
    gate: tuple[int, int] | None = None
    """(gate, control block); None: no gate."""


ORIGINAL = Contender("original", Recipe(Host.any_cpu, ""))


@dataclass(frozen=True)
class Result:
    """What a trial came to."""

    decision: Decision
    evidence: Evidence | None
    reason: str
    cost_s: float

    @property
    def gain(self) -> float:
        """Logarithm of the speed-up, as it was measured; 0 if nothing was."""
        return math.log(self.evidence.speedup) if self.evidence else 0.0

    @property
    def sure_gain(self) -> float:
        """What may be claimed: of an undecided trial no more than its interval does."""
        if self.evidence is None or self.decision is not Decision.UNDECIDED:
            return self.gain
        return self.evidence.sure_gain


class Tryout:
    """Trials of one region."""

    def __init__(
        self, live: Live, region: Region, account: Account, is_held: Callable[[], bool]
    ) -> None:
        """`is_held`: has a person said that nothing is to be tried?"""
        self.unfinished: Result | None = None
        """Of a trial whose program ended under it."""
        self._is_held = is_held
        self._live = live
        self._root = region.root
        self._account = account
        self.share = region.share
        self.ns_per_call = max(region.ns_per_call, 1.0)
        if region.is_recursive:
            # Most entries are its own; how long one from outside is, the first trial says.
            self.ns_per_call = max(self.ns_per_call, RECURSIVE_NS)
        self.entries_per_s = max(region.entries_per_s, 1.0)
        # The outermost call of the moment has not come through the gate: those inside it seem to be
        # calls of their own.
        self._rules = Rules(burn_in_pairs=RECURSIVE_BURN_IN) if region.is_recursive else Rules()
        self._stretched = 1
        """How many times as long slices are, because calls come in rounds."""
        self._is_settled = False
        """Is that known?"""

    @property
    def stride(self) -> int:
        """Of how many calls one is timed."""
        return max(1, min(1024, math.ceil(TIMED_NS / (TIMED_SHARE * self.ns_per_call))))

    @property
    def turn_bits(self) -> int:
        """How long the sides' turns are: the logarithm of so many ticks, or BY_SLICE."""
        if self._stretched > 1:
            return BY_SLICE
        if self.ns_per_call >= BY_CALL_NS:
            return 0
        turn_ns = max(TURN_NS, TURN_CALLS * self.ns_per_call)
        return max(1, math.ceil(math.log2(turn_ns / self._live.ns_per_tick)))

    def slice_ns(self) -> tuple[int, int]:
        """The shortest and the longest slice."""
        call_ns = max(self.ns_per_call, self.stride * 1e9 / self.entries_per_s)
        least = self._stretched * max(SLICE_LEAST_NS, CALLS_PER_SLICE * call_ns)
        least = min(least, SLICE_MOST_NS)
        return int(least), int(SLICE_RANGE * least)

    @property
    def _pair_s(self) -> float:
        """How long a pair lasts: two slices, or one in which the sides take turns."""
        both_s = sum(self.slice_ns()) / 1e9
        return both_s if self.turn_bits == BY_SLICE else both_s / 2

    @property
    def expected_s(self) -> float:
        """What the next trial will cost if nothing is known of the challenger."""
        trial_s = 30 * self._pair_s
        return trial_s * self.share * 0.05 + self._gate_s(trial_s)

    def _gate_s(self, passed_s: float) -> float:
        calls = self.entries_per_s * passed_s
        return calls * (TIMED_NS / self.stride + PASSED_NS) / 1e9

    async def run(
        self, challenger: Contender, incumbent: Contender, limit_s: float = LIMIT_S
    ) -> Result:
        """Raises Refused if the entry cannot be patched. Whatever happens, the entry does not
        stay at the gate."""
        for _ in range(RESTARTS):
            try:
                return await self._run(challenger, incumbent, limit_s)
            except _WrongSlices:
                continue
        return await self._run(challenger, incumbent, limit_s, is_last=True)

    async def _run(
        self, challenger: Contender, incumbent: Contender, limit_s: float, is_last: bool = False
    ) -> Result:
        live = self._live
        entry = live.entry(self._root)
        if entry is None:
            raise Refused("its image was unloaded")
        if challenger.gate is None:
            raise Refused("it has no gate")
        gate, control = challenger.gate
        number = await self._start(control, entry, incumbent)
        trial = Trial(live.ns_per_tick, self._rules)
        waited, stride = Waited(live.pid), self.stride
        waited.read()
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        winner = incumbent
        try:
            await live.patch(self._root, gate)
            try:
                decision, reason = await self._measure(number, trial, waited, limit_s, is_last)
            except (ChannelError, asyncio.CancelledError):
                passed_s = loop.time() - begin_s
                self.unfinished = self._result(Decision.UNDECIDED, ENDED, trial, passed_s, stride)
                raise
            except _WrongSlices:
                self._charge(trial, loop.time() - begin_s, stride)
                raise
            if decision is Decision.WON:
                winner = challenger
        finally:
            if not live.is_gone:
                await live.patch(self._root, winner.entry)
                await live.services.trial_stop(number)
        return self._result(decision, reason, trial, loop.time() - begin_s, stride)

    async def _start(self, control: int, entry: int, incumbent: Contender) -> int:
        """The control block knows both sides before anything enters the gate."""
        live = self._live
        try:
            return await live.services.trial_start(
                control,
                entry,
                incumbent.entry,
                self.slice_ns(),
                SLICES,
                live.draw_seed(),
                self.stride,
                self.turn_bits,
            )
        except GoneError:
            raise
        except ChannelError as error:
            # A call that the program's end cut off may fail before the connection does.
            await asyncio.sleep(CUT_S)
            if live.is_gone:
                raise GoneError(str(error)) from None
            raise Refused(f"its trial cannot begin: {error}") from None

    async def _measure(
        self, number: int, trial: Trial, waited: Waited, limit_s: float, is_last: bool
    ) -> tuple[Decision, str]:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        pause_s = FIRST_READ_S
        pair_s = self._pair_s
        seen_calls = seen_slices = 0
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(READ_S, 1.2 * pause_s)
            is_done, slices = await self._live.services.trial_read(number)
            trial.add(slices)
            seen_calls += sum(one.calls + one.cut_calls for one in slices)
            seen_slices += len(slices)
            waited.read()
            trial.explain(waited.sum_s, self.stride)
            decision = trial.decision()
            if decision is not Decision.UNDECIDED:
                return decision, ""
            if self._is_held():
                return decision, "frozen"
            passed_s = loop.time() - begin_s
            if not is_last and seen_slices >= LOOK_SLICES and seen_calls < seen_slices:
                self._lengthen(seen_calls, passed_s)
                raise _WrongSlices
            evidence = trial.evidence()
            if evidence is not None and evidence.low > 1.0:
                limit_s = max(limit_s, LEADER_LIMIT_S)  # time well spent
            elif evidence is not None and evidence.speedup > PROMISING:
                limit_s = max(limit_s, self.share * LEADER_LIMIT_S)
            needed = trial.pairs_needed()
            if needed is not None and trial.pairs >= LOOK_PAIRS and needed * pair_s > limit_s:
                if not is_last and self._stretch(trial):
                    raise _WrongSlices
                if self._looks_on(trial, passed_s):
                    continue
                needed_s = needed * pair_s
                if needed_s < 3600:
                    return decision, f"it would have taken {needed_s:.0f} s"
                return decision, SCATTER
            if is_done or passed_s >= (limit_s if evidence else min(limit_s, FEW_LIMIT_S)):
                if evidence is None:
                    return decision, TOO_FEW_CALLS if trial.pairs < FEW_PAIRS else SCATTER
                return decision, f"not decided after {passed_s:.1f} s"

    def _lengthen(self, calls: int, passed_s: float) -> None:
        """Fewer calls end within a slice than was thought: most are a root's own, or the phase is
        another one."""
        rate = calls * self.stride / passed_s
        self.entries_per_s = max(rate, self.entries_per_s / LENGTHENED, 1.0)
        self.ns_per_call = max(self.ns_per_call, self.share * 1e9 / self.entries_per_s)

    def _looks_on(self, trial: Trial, passed_s: float) -> bool:
        """Is it too early to say that longer slices do not help?"""
        self._is_settled |= trial.pairs >= ROUNDS_PAIRS or passed_s >= ROUNDS_S
        return not self._is_settled

    def _stretch(self, trial: Trial) -> bool:
        """Slices that hold more of what the program goes through again and again, if that helps."""
        longer = trial.stretch() * (2 if self.turn_bits == BY_SLICE else 1)
        longest = int(STRETCHED_MOST_NS / self.slice_ns()[0])
        if longer < 2 or longest < 2:
            return False
        self._stretched *= min(longer, longest)
        return True

    def _result(
        self, decision: Decision, reason: str, trial: Trial, passed_s: float, stride: int
    ) -> Result:
        evidence = trial.evidence()
        cost_s = self._charge(trial, passed_s, stride)
        if evidence is not None:
            self.ns_per_call = min(evidence.before_ns, evidence.after_ns)
            calls = sum(evidence.calls) * stride / passed_s
            self.entries_per_s = max(calls, 1.0)
        return Result(decision, evidence, reason, cost_s)

    def _charge(self, trial: Trial, passed_s: float, stride: int) -> float:
        gate_s = self._gate_s(passed_s)
        lost_s = max(0.0, trial.lost_s(stride))
        self._account.spend(Kind.GATES, gate_s)
        self._account.spend(Kind.CHALLENGERS, lost_s)
        return gate_s + lost_s


class _WrongSlices(Exception):
    """Begin again with longer ones."""
