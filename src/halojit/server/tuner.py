"""One region of one process: tries recipes on live calls, keeps the best, and watches it.

In: a region, proposals (tune/search.py), and leave to spend. Out: the entry leads to the fastest
version that was proved; trials are told and remembered. The next variant is compiled while one is
on trial.

A version that won on other inputs may lose on these. Where the calls of a trial take much longer
than those of the trial before, or much shorter, and when nothing more is worth trying and the rate
of entries, which is looked at now and then, has moved: the versions that ever won are tried again,
the original among them; then the search goes on where it was on such inputs (tune/quests.py).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NoReturn

from halojit.model import events
from halojit.model.evidence import Decision
from halojit.model.function import Place
from halojit.model.region import FunctionProfile, Recipe, Region, Variant
from halojit.server import instrument
from halojit.server.contest import RETRY_LIMIT_S, Contest
from halojit.server.exploration import Exploration
from halojit.server.live import Live, Refused
from halojit.server.memory import RegionMemory
from halojit.server.tryout import ORIGINAL, TOO_FEW_CALLS, Contender, Result
from halojit.tune.budget import Kind
from halojit.tune.inputs import Usual
from halojit.tune.quests import Quest, Quests
from halojit.tune.search import Proposal, Search

LOOK_S = 0.25
LOOK_MOST_S = 4.0
LOOK_GROWTH = 1.05
MOVED = 0.2
"""A change of the entry rate, relative, that is no noise."""
NOISY_GROWTH = 1.4
NOISY_MOVED = 1.0
NEW_SEARCHES = 3
NEW_PROPOSALS = 12


LEAST_RATE = 20.0
HELD_SHARE = 0.02
"""Of the program's time, that calls which a trial could see must take to be worth a region."""


class Unsuitable(RuntimeError):
    """The root is none, as a trial found; says why."""


class Tuner:
    """See the module."""

    def __init__(
        self,
        live: Live,
        region: Region,
        exploration: Exploration,
        memory: RegionMemory,
        contest: Contest,
        new_search: Callable[[list[tuple[Recipe, float]], int | None], Search],
        built: Callable[[frozenset[str]], None],
    ) -> None:
        """`built` hears which functions the region has, once that is known."""
        self.contest = contest
        self.build_name = memory.build
        self._live = live
        self._region = region
        self._root: Place = region.root
        self._exploration = exploration
        self._memory = memory
        self._new_search = new_search
        self._built = built
        self._turns: dict[tuple[Contender, bool], Contender] = {}
        self._is_built = False
        """Could any variant be had?"""
        self._searches = NEW_SEARCHES
        """That may still begin anew."""
        self._usual = Usual()

    async def run(self) -> None:
        """Until the process ends. Raises Refused if the region cannot be had, Unsuitable."""
        quests = Quests(self._new_quest(await self._memory.tried(), None))
        await self._explore(quests, None)
        await self.contest.verify()
        self._converged("nothing more to try")
        await self._watch(quests)

    async def _explore(self, quests: Quests, limit: int | None) -> None:
        """Until nothing more is worth trying on the inputs of now. `limit`: of proposals."""
        while (turn := await self._search(quests.now)) is not None:
            await self._follow(quests, turn, limit)

    def _new_quest(self, known: list[tuple[Recipe, float]], limit: int | None) -> Quest:
        return Quest(self._new_search(known, limit))

    async def _follow(
        self, quests: Quests, turn: tuple[Contender, bool], limit: int | None
    ) -> None:
        """What lost on other inputs may win on these, and what was counted may not be true."""
        is_known = await self._turn(turn)
        self._usual = Usual()
        quest = quests.beyond(turn[1])
        is_over = quest is None or (quest.is_done and not is_known)
        if is_over and self._searches:
            self._searches -= 1
            winners = [(one.contender.recipe, one.gain) for one in self.contest.winners]
            quest = self._new_quest(winners, limit)
        if quest is not None:
            quests.turn(turn[1], quest)

    async def _search(self, quest: Quest) -> tuple[Contender, bool] | None:
        """Until nothing more is worth trying, or the inputs are others: what was the best on the
        old ones, and are calls shorter on these?"""
        search = quest.search
        coming = asyncio.create_task(self._prepare(quest))
        try:
            while (prepared := await coming) is not None:
                coming = asyncio.create_task(self._prepare(quest))
                proposal, contender = prepared
                before = self.contest.best
                result = await self.contest.meet(contender)
                if self.contest.trials == 1:
                    await self._check(result)
                change = self._usual.see(result.decision, result.evidence)
                if change == 1.0:
                    search.tell(proposal, before.gain + result.sure_gain)
                    continue
                self._reopened(f"calls take {change:.2f} times as long as before")
                # What was gained until now is no gain over the original on these inputs.
                if proposal.recipe in quest.interrupted:
                    search.drop(proposal)
                else:
                    quest.interrupted.add(proposal.recipe)
                    self._withdraw(quest, prepared)
                return before.contender, change < 1.0
            quest.is_done = True
            return None
        finally:
            coming.cancel()
            [left] = await asyncio.gather(coming, return_exceptions=True)
            if isinstance(left, tuple):
                self._withdraw(quest, left)

    def _withdraw(self, quest: Quest, prepared: tuple[Proposal, Contender]) -> None:
        proposal, contender = prepared
        quest.search.withdraw(proposal)
        if contender.variant is not None:
            quest.digests.discard(contender.variant.digest)

    async def _check(self, result: Result) -> None:
        """After the first trial. Samples do not tell a call that never ends (an interpreter's main
        loop, entered through a function that calls itself) from those that can be replaced."""
        rate = await self.contest.rate()
        if result.reason == TOO_FEW_CALLS and rate < LEAST_RATE:
            await self._leave("it is entered too rarely for a trial")
        pace, region = self.contest.tryout.pace, self._region
        if result.evidence is None or not region.entries_per_s:
            return
        # Counted entries include a root's own calls of itself, a trial's calls do not; a trial
        # may have seen the end of a phase.
        most_s = max(pace.entries_per_s, rate) * result.evidence.before_ns
        held = region.share * most_s / (region.entries_per_s * region.ns_per_call)
        if held < HELD_SHARE:
            await self._leave(
                f"its calls take {held:.1%} of the time, the rest is one that goes on"
            )

    async def _leave(self, reason: str) -> NoReturn:
        """Here and in later runs: whatever was faster in so little is no gain."""
        async with self.contest.entry:
            await self._live.patch(self._root, 0)
        self._memory.forget()
        raise Unsuitable(reason)

    async def _prepare(self, quest: Quest) -> tuple[Proposal, Contender] | None:
        """The next proposal that can be tried, built and linked; None when there is none."""
        search = quest.search
        while self._may_try and (proposal := search.ask()) is not None:
            try:
                contender = await self._make(quest, proposal)
            except asyncio.CancelledError:
                search.withdraw(proposal)
                raise
            except Refused as error:
                if not self._is_built:
                    raise
                search.tell(proposal, None, str(error))
                live = self._live
                live.tell(
                    events.RecipeFailed(
                        live.pid,
                        live.at_s(),
                        self._root,
                        proposal.recipe,
                        proposal.name,
                        str(error),
                    )
                )
                continue
            if contender is None:
                search.tell(proposal, None, "the same code as one before")
            elif contender is self.contest.best.contender:
                search.tell(proposal, self.contest.best.gain, "it is deployed")
            else:
                return proposal, contender
        return None

    @property
    def _may_try(self) -> bool:
        return self.contest.trials < self._live.settings.trials

    async def _make(self, quest: Quest, proposal: Proposal) -> Contender | None:
        """None if its code was tried before on these inputs; the best itself if it is the same."""
        live, root = self._live, self._root
        profile: tuple[FunctionProfile, ...] = ()
        if proposal.needs_profile:
            plain = Recipe(proposal.recipe.cpu, proposal.recipe.features)
            if plain not in quest.profiles:
                quest.profiles[plain] = await self._measure_profile(plain)
            profile = quest.profiles[plain]
        variant = await self._build(proposal.recipe, profile)
        if variant.digest in quest.digests:
            return None
        best = self.contest.best.contender
        if best.variant is not None and best.variant.digest == variant.digest:
            quest.digests.add(variant.digest)
            return best
        if await self._memory.is_quarantined(variant.digest):
            raise Refused("the program died in it once")
        live.tell(
            events.VariantBuilt(
                live.pid,
                live.at_s(),
                root,
                proposal.recipe,
                len(variant.data),
                len(variant.functions),
                variant.build_s,
            )
        )
        linked = await live.link(root.image, variant)
        if not self._is_built:
            self._is_built = True
            self._built(frozenset(variant.functions))
        quest.digests.add(variant.digest)
        return Contender(
            proposal.name,
            proposal.recipe,
            variant,
            linked.entries[root.name],
            linked.gates.get(root.name),
        )

    async def _build(self, recipe: Recipe, profile: tuple[FunctionProfile, ...]) -> Variant:
        """Once it can be paid for, and the trial that follows."""
        exploration = self._exploration
        async with exploration.builds.place(self.contest.rank):
            await exploration.afford(exploration.build_s + self.contest.expected_s)
            used_s: float | None = None
            exploration.compile_begins()
            try:
                variant = await self._live.build_region(self._region, recipe, profile=profile)
                used_s = variant.build_cpu_s
            finally:
                exploration.compile_ends(used_s)
        return variant

    async def _measure_profile(self, plain: Recipe) -> tuple[FunctionProfile, ...]:
        await self._exploration.released()
        async with self.contest.entry:
            profile, ran_s = await instrument.measure(
                self._live, self._region, plain, self.contest.best.contender.entry
            )
        cost_s = ran_s * self.contest.tryout.pace.share * instrument.SLOWDOWN
        self._exploration.account.spend(Kind.INSTRUMENTED, cost_s)
        return profile

    def _converged(self, reason: str) -> None:
        live, best = self._live, self.contest.best
        live.tell(
            events.RegionConverged(
                live.pid,
                live.at_s(),
                self._root,
                None if best.contender is ORIGINAL else best.contender.recipe,
                math.exp(best.gain),
                self.contest.trials,
                reason,
                best.contender.name,
            )
        )

    async def _watch(self, quests: Quests) -> None:
        """Looks at the rate of entries; slower and slower while nothing moves."""
        pause_s = LOOK_S
        usual = 0.0
        moved = MOVED
        while True:
            await asyncio.sleep(pause_s)
            if self._exploration.is_held:
                continue
            rate = await self.contest.rate()
            if not rate:
                continue
            if usual and abs(rate - usual) > moved * usual:
                rate = await self.contest.rate()
            if not usual or abs(rate - usual) <= moved * usual:
                usual = 0.9 * (usual or rate) + 0.1 * rate
                pause_s = min(pause_s * LOOK_GROWTH, LOOK_MOST_S)
                continue
            if not rate:
                continue
            self._reopened(f"{usual:.0f} entries/s became {rate:.0f}")
            pace = self.contest.tryout.pace
            pace.move(rate, pace.ns_per_call * usual / rate)
            before = self.contest.best.contender
            await self._follow(quests, (before, rate > usual), NEW_PROPOSALS)
            # A machine whose speed changes is not a program whose inputs do.
            is_noise = self.contest.best.contender is before
            moved = min(moved * NOISY_GROWTH, NOISY_MOVED) if is_noise else MOVED
            await self._explore(quests, NEW_PROPOSALS)
            self._converged("tried again")
            pause_s, usual = LOOK_S, 0.0

    async def _turn(self, turn: tuple[Contender, bool]) -> bool:
        """The inputs changed so that what was the best is entered more often, its calls being
        shorter, or less. True if the one that won when this last happened wins again: programs go
        back and forth."""
        expected = self._turns.get(turn)
        if expected is not None and await self._wins(expected):
            await self.contest.verify()
            if self.contest.best.contender is not ORIGINAL:
                return True
        await self.contest.compete()
        best = self.contest.best.contender
        if best is not turn[0]:
            self._turns[turn] = best
        return best is expected

    async def _wins(self, challenger: Contender) -> bool:
        variant = challenger.variant
        if variant is None:
            return False
        if variant.digest in self.contest.exposed:
            return True
        result = await self.contest.meet(challenger, RETRY_LIMIT_S)
        return result.decision is Decision.WON

    def _reopened(self, reason: str) -> None:
        live = self._live
        live.tell(events.RegionReopened(live.pid, live.at_s(), self._root, reason))
