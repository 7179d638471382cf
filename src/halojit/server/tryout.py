"""One trial in a live process: a challenger against what the entry leads to now.

In: two contenders for one root, and the account that pays. Out: a result; the entry leads to the
winner, and to the incumbent when in doubt. How the sides take turns: pace.py.

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
from halojit.server.pace import Pace, Plan
from halojit.server.waited import Withheld
from halojit.tune.budget import Account, Kind
from halojit.tune.space import Host
from halojit.tune.trial import Trial

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
RESTARTS = 3
LOOK_SLICES = 12
LOOK_PAIRS = 24
"""Before so many, a prediction says little."""
LEAST_PAIRS = 25
"""A trial may always have so many: less, and none is ever decided."""
EXPECTED_LOSS = 0.05
"""What a challenger of which nothing is known may lose."""
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
        self.pace = Pace(region)

    @property
    def expected_s(self) -> float:
        """What the next trial will cost if nothing is known of the challenger."""
        plan = self.pace.plan()
        trial_s = LOOK_PAIRS * plan.pair_s
        return trial_s * self.pace.share * EXPECTED_LOSS + plan.gate_s(trial_s)

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
        plan = self.pace.plan()
        number = await self._start(plan, control, entry, incumbent)
        trial = Trial(live.ns_per_tick, self.pace.rules)
        limit_s = max(limit_s, LEAST_PAIRS * plan.pair_s)
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        winner = incumbent
        try:
            await live.patch(self._root, gate)
            try:
                decision, reason = await self._measure(number, plan, trial, limit_s, is_last)
            except (ChannelError, asyncio.CancelledError):
                passed_s = loop.time() - begin_s
                self.unfinished = self._result(Decision.UNDECIDED, ENDED, plan, trial, passed_s)
                raise
            except _WrongSlices:
                self._charge(plan, trial, loop.time() - begin_s)
                raise
            if decision is Decision.WON:
                winner = challenger
        finally:
            await live.put_back(self._root, winner.entry)
            if not live.is_gone:
                await live.services.trial_stop(number)
        return self._result(decision, reason, plan, trial, loop.time() - begin_s)

    async def _start(self, plan: Plan, control: int, entry: int, incumbent: Contender) -> int:
        """The control block knows both sides before anything enters the gate."""
        live = self._live
        try:
            return await live.services.trial_start(
                control,
                entry,
                incumbent.entry,
                plan.slice_ns,
                SLICES,
                live.draw_seed(),
                plan.stride,
                plan.turn_bits,
                round(plan.longest_ns / live.ns_per_tick),
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
        self, number: int, plan: Plan, trial: Trial, limit_s: float, is_last: bool
    ) -> tuple[Decision, str]:
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        pause_s = FIRST_READ_S
        withheld = Withheld(self._live.pid)
        seen_calls = seen_slices = 0
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(READ_S, 1.2 * pause_s)
            is_done, slices = await self._live.services.trial_read(number)
            trial.add(slices)
            seen_calls += sum(one.calls + one.cut_calls for one in slices)
            seen_slices += len(slices)
            if trial.has_cut:
                trial.explain(withheld.read_s(), plan.stride)
            decision = trial.decision()
            if decision is not Decision.UNDECIDED:
                return decision, ""
            if self._is_held():
                return decision, "frozen"
            passed_s = loop.time() - begin_s
            if not is_last and seen_slices >= LOOK_SLICES and seen_calls < seen_slices:
                self.pace.lengthen(plan, seen_calls, passed_s)
                raise _WrongSlices
            evidence = trial.evidence()
            if evidence is not None and evidence.low > 1.0:
                limit_s = max(limit_s, LEADER_LIMIT_S)  # time well spent
            elif evidence is not None and evidence.speedup > PROMISING:
                limit_s = max(limit_s, self.pace.share * LEADER_LIMIT_S)
            needed = trial.pairs_needed()
            needed_s = needed * plan.pair_s if needed is not None else 0.0
            if needed_s > limit_s and trial.pairs >= LOOK_PAIRS:
                if not is_last and self.pace.stretch(plan, trial):
                    raise _WrongSlices
                if self.pace.looks_on(trial, passed_s):
                    continue
                if needed_s < 3600:
                    return decision, f"it would have taken {needed_s:.0f} s"
                return decision, SCATTER
            if is_done or passed_s >= (limit_s if evidence else min(limit_s, FEW_LIMIT_S)):
                if evidence is None:
                    return decision, TOO_FEW_CALLS if trial.pairs < FEW_PAIRS else SCATTER
                return decision, f"not decided after {passed_s:.1f} s"

    def _result(
        self, decision: Decision, reason: str, plan: Plan, trial: Trial, passed_s: float
    ) -> Result:
        evidence = trial.evidence()
        cost_s = self._charge(plan, trial, passed_s)
        if evidence is not None:
            self.pace.learn(plan, evidence, passed_s)
        return Result(decision, evidence, reason, cost_s)

    def _charge(self, plan: Plan, trial: Trial, passed_s: float) -> float:
        gate_s = plan.gate_s(passed_s)
        lost_s = max(0.0, trial.lost_s(plan.stride))
        self._account.spend(Kind.GATES, gate_s)
        self._account.spend(Kind.CHALLENGERS, lost_s)
        return gate_s + lost_s


class _WrongSlices(Exception):
    """Begin again with longer ones."""
