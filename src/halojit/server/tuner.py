"""One region of one process: tries recipes on live calls, keeps the best, and watches it.

In: a region, proposals (tune/search.py), and leave to spend. Out: the entry leads to the fastest
version that was proved; trials are told and remembered. The next variant is compiled while one is
on trial.

When nothing more is worth trying the region is watched: the rate of its entries is looked at now
and then, because a version that won on other inputs may lose on these. If it moved, the versions
that ever won are tried again, the original among them, and then a few new ones.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from halojit.model import events
from halojit.model.evidence import Decision
from halojit.model.function import Place
from halojit.model.region import FunctionProfile, Recipe, Region
from halojit.server import instrument
from halojit.server.exploration import Exploration
from halojit.server.live import Live, Refused
from halojit.server.memory import RegionMemory
from halojit.server.profiler import Profiler
from halojit.server.sampled import SampledTryout
from halojit.server.tryout import LIMIT_S, ORIGINAL, TOO_FEW_CALLS, Contender, Result, Tryout
from halojit.tune.budget import Kind
from halojit.tune.search import Proposal, Search

LOOK_S = 0.5
LOOK_MOST_S = 4.0
LOOK_GROWTH = 1.05
COUNT_LEAST_S = 0.04
COUNT_MOST_S = 0.4
COUNT_CALLS = 200
MOVED = 0.2
"""A change of the entry rate, relative, that is no noise."""
ALTERNATIVES = 4
NEW_SEARCHES = 3
NEW_PROPOSALS = 12
RETRY_LIMIT_S = 2.0


class TooRare(RuntimeError):
    """The root is not entered often enough to be tried."""


@dataclass
class Ranked:
    """A contender that was the best once, and the logarithm of its speed-up over the original."""

    contender: Contender
    gain: float


class Tuner:
    """See the module."""

    def __init__(
        self,
        live: Live,
        region: Region,
        exploration: Exploration,
        profiler: Profiler,
        memory: RegionMemory,
        new_search: Callable[[list[tuple[Recipe, float]], int | None], Search],
        keeps_ties: bool = False,
    ) -> None:
        self._live = live
        self._region = region
        self.root: Place = region.root
        self._exploration = exploration
        self._memory = memory
        self._new_search = new_search
        self._keeps_ties = keeps_ties
        self._tryout = Tryout(live, region, exploration.account)
        self._sampled = SampledTryout(live, region, exploration.account, profiler)
        self._entry = asyncio.Lock()
        """Held by who changes where the entry leads."""
        self._profile: tuple[FunctionProfile, ...] | None = None
        self._digests: set[str] = set()
        self._best = Ranked(ORIGINAL, 0.0)
        self._winners: list[Ranked] = []
        self._trials = 0
        self._is_deployed = False
        self._on_trial = ORIGINAL
        self._stand_in: Contender | None = None

    @property
    def exposed(self) -> set[str]:
        """Digests of the variants that the entry may lead to at this moment."""
        contenders = (self._best.contender, self._on_trial)
        return {one.variant.digest for one in contenders if one.variant is not None}

    @property
    def build_name(self) -> str:
        return self._memory.build

    def adopt(self, contender: Contender, gain: float) -> None:
        """The entry leads to this one already, which an earlier run found."""
        self._best = Ranked(contender, gain)
        self._winners.append(self._best)
        if contender.variant is not None:
            self._digests.add(contender.variant.digest)

    async def run(self) -> None:
        """Until the process ends. Raises Refused if the region cannot be had, TooRare."""
        known = await self._memory.tried()
        await self._search(self._new_search(known, None))
        self._converged("nothing more to try")
        await self._watch()

    # Searching.

    async def _search(self, search: Search) -> None:
        coming = asyncio.create_task(self._prepare(search))
        try:
            while (prepared := await coming) is not None:
                coming = asyncio.create_task(self._prepare(search))
                proposal, contender = prepared
                base = self._best.gain
                search.tell(proposal, base + (await self._try(contender)).sure_gain)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _prepare(self, search: Search) -> tuple[Proposal, Contender] | None:
        """The next proposal that can be tried, built and linked; None when there is none."""
        while (proposal := search.ask()) is not None:
            await self._exploration.afford(self._tryout.expected_s)
            try:
                contender = await self._make(proposal)
            except Refused as error:
                if not self._digests:
                    raise
                search.tell(proposal, None, str(error))
                live = self._live
                live.tell(
                    events.RecipeFailed(
                        live.pid,
                        live.at_s(),
                        self.root,
                        proposal.recipe,
                        proposal.name,
                        str(error),
                    )
                )
                continue
            if contender is not None:
                return proposal, contender
            search.tell(proposal, None, "the same code as one before")
        return None

    async def _make(self, proposal: Proposal) -> Contender | None:
        """None if its code was tried before."""
        live, root = self._live, self.root
        profile: tuple[FunctionProfile, ...] = ()
        if proposal.needs_profile:
            if self._profile is None:
                self._profile = await self._measure_profile(proposal.recipe)
            profile = self._profile
        used_s: float | None = None
        self._exploration.compile_begins()
        try:
            variant = await live.build(
                root.image, (root.name,), proposal.recipe, has_gate=True, profile=profile
            )
            used_s = variant.build_cpu_s
        finally:
            self._exploration.compile_ends(used_s)
        if variant.digest in self._digests:
            return None
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
        self._digests.add(variant.digest)
        return Contender(
            proposal.name,
            proposal.recipe,
            variant,
            linked.entries[root.name],
            linked.gates.get(root.name),
        )

    async def _measure_profile(self, recipe: Recipe) -> tuple[FunctionProfile, ...]:
        plain = Recipe(recipe.cpu, recipe.features)
        async with self._entry:
            profile, ran_s = await instrument.measure(
                self._live, self._region, plain, self._best.contender.entry
            )
        cost_s = ran_s * self._tryout.share * instrument.SLOWDOWN
        self._exploration.account.spend(Kind.INSTRUMENTED, cost_s)
        return profile

    # Trials.

    async def _try(self, challenger: Contender, limit_s: float = LIMIT_S) -> Result:
        """The challenger against the best so far; the winner is the best from now on."""
        live, best = self._live, self._best
        async with self._exploration.turn, self._entry:
            if not self._is_deployed:
                self._is_deployed = True
                live.tell(
                    events.VariantDeployed(
                        live.pid, live.at_s(), self.root, challenger.gate is not None
                    )
                )
            self._on_trial = challenger
            live.tell(
                events.TrialBegan(
                    live.pid, live.at_s(), self.root, challenger.name, best.contender.name
                )
            )
            if challenger.gate is None:
                result = await self._sampled.run(challenger, best.contender)
            else:
                incumbent = await self._incumbent(best.contender)
                result = await self._tryout.run(challenger, incumbent, limit_s)
                if incumbent is not best.contender and result.decision is not Decision.WON:
                    await live.patch(self.root, best.contender.entry)
        self._on_trial = ORIGINAL
        self._trials += 1
        is_kept = result.decision is Decision.WON
        if self._keeps_ties and best.contender is ORIGINAL and result.decision is not Decision.LOST:
            is_kept = True
            await live.patch(self.root, challenger.entry)
        if is_kept:
            self._best = Ranked(challenger, best.gain + result.gain)
            self._winners.insert(0, self._best)
            del self._winners[ALTERNATIVES:]
        self._tell_trial(challenger, best, result, is_kept)
        self._memory.keep(challenger, result, best.gain + result.sure_gain, is_kept)
        if result.reason == TOO_FEW_CALLS and self._trials == 1:
            raise TooRare(result.reason)
        return result

    async def _incumbent(self, best: Contender) -> Contender:
        """Who stands for the best in a trial. The original of a root that calls itself would come
        back through the gate in every call, its variants do not: there the original is compiled
        anew, for the processor that it was compiled for."""
        function = self._live.function(self.root)
        if best is not ORIGINAL or function is None or not function.reaches_itself:
            return best
        if self._stand_in is None:
            live, root, name = self._live, self.root, self.root.name
            variant = await live.build(root.image, (name,), ORIGINAL.recipe, has_gate=True)
            linked = await live.link(root.image, variant)
            self._stand_in = Contender(
                "original, recompiled", ORIGINAL.recipe, variant, linked.entries[name]
            )
        return self._stand_in

    def _tell_trial(
        self, challenger: Contender, before: Ranked, result: Result, is_kept: bool
    ) -> None:
        live = self._live
        gain = before.gain + result.gain if is_kept else before.gain
        live.tell(
            events.TrialEnded(
                live.pid,
                live.at_s(),
                self.root,
                recipe=challenger.recipe,
                name=challenger.name,
                against=before.contender.name,
                evidence=result.evidence,
                decision=result.decision,
                reason=result.reason,
                cost_s=result.cost_s,
                is_kept=is_kept,
                total_speedup=math.exp(gain),
            )
        )

    # Watching.

    def _converged(self, reason: str) -> None:
        live, best = self._live, self._best
        live.tell(
            events.RegionConverged(
                live.pid,
                live.at_s(),
                self.root,
                None if best.contender is ORIGINAL else best.contender.recipe,
                math.exp(best.gain),
                self._trials,
                reason,
                best.contender.name,
            )
        )

    async def _watch(self) -> None:
        """Looks at the rate of entries; slower and slower while nothing moves."""
        pause_s = LOOK_S
        usual = 0.0
        searches = NEW_SEARCHES
        while True:
            await asyncio.sleep(pause_s)
            if self._exploration.is_held:
                continue
            rate = await self._rate()
            if not rate:
                continue
            if usual and abs(rate - usual) > MOVED * usual:
                rate = await self._rate()
            if not usual or abs(rate - usual) <= MOVED * usual:
                usual = 0.9 * (usual or rate) + 0.1 * rate
                pause_s = min(pause_s * LOOK_GROWTH, LOOK_MOST_S)
                continue
            if not rate:
                continue
            self._reopened(f"{usual:.0f} entries/s became {rate:.0f}")
            self._tryout.entries_per_s = rate
            self._tryout.ns_per_call *= usual / rate
            await self._compete()
            if searches:
                searches -= 1
                known = [(one.contender.recipe, one.gain) for one in self._winners]
                await self._search(self._new_search(known, NEW_PROPOSALS))
            self._converged("tried again")
            pause_s, usual = LOOK_S, 0.0

    def _reopened(self, reason: str) -> None:
        live = self._live
        live.tell(events.RegionReopened(live.pid, live.at_s(), self.root, reason))

    async def _rate(self) -> float:
        """Entries a second, counted for a moment."""
        live = self._live
        entry = live.entry(self.root)
        if entry is None:
            raise Refused("its image was unloaded")
        count_s = COUNT_CALLS / self._tryout.entries_per_s
        loop = asyncio.get_running_loop()
        async with self._entry:
            await live.services.count_start([entry])
            begin_s = loop.time()
            await asyncio.sleep(min(COUNT_MOST_S, max(COUNT_LEAST_S, count_s)))
            calls = (await live.services.count_read([entry]))[0]
            passed_s = loop.time() - begin_s
            await live.services.count_stop([entry])
        return calls / passed_s

    async def _compete(self) -> None:
        """Those that ever won, once more: first what is deployed against the original."""
        best = self._best
        if best.contender is not ORIGINAL:
            self._best = Ranked(ORIGINAL, 0.0)
            await self._try(best.contender, RETRY_LIMIT_S)
        for other in list(self._winners):
            if other.contender not in (best.contender, self._best.contender):
                await self._exploration.afford(self._tryout.expected_s)
                await self._try(other.contender, RETRY_LIMIT_S)
