"""The contest for one root: who is the best so far, and trials of others against it.

In: contenders that are linked. Out: the entry leads to the best; each trial is told and remembered.
Knows neither where contenders come from (tuner.py) nor when to try them again.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from halojit.model import events
from halojit.model.evidence import Decision
from halojit.model.region import Region
from halojit.server.channel import ChannelError
from halojit.server.exploration import Exploration
from halojit.server.live import Live, Refused
from halojit.server.memory import RegionMemory
from halojit.server.profiler import Profiler
from halojit.server.sampled import SampledTryout
from halojit.server.tryout import ENDED, LIMIT_S, ORIGINAL, Contender, Result, Tryout

COUNT_LEAST_S = 0.04
COUNT_MOST_S = 0.4
COUNT_CALLS = 200
ALTERNATIVES = 4
RETRY_LIMIT_S = 2.0


@dataclass(frozen=True)
class Ranked:
    """A contender that was the best once, and the logarithm of its speed-up over the original."""

    contender: Contender
    gain: float


class Contest:
    """See the module. `keeps_ties`: the first challenger stays unless it loses."""

    def __init__(
        self,
        live: Live,
        region: Region,
        exploration: Exploration,
        profiler: Profiler,
        memory: RegionMemory,
        keeps_ties: bool,
    ) -> None:
        self.root = region.root
        self.best = Ranked(ORIGINAL, 0.0)
        self.winners: list[Ranked] = []
        """Latest first."""
        self.trials = 0
        self.tryout = Tryout(live, region, exploration.account, lambda: exploration.is_held)
        self.entry = asyncio.Lock()
        """Held by who changes where the entry leads."""
        self._live = live
        self._region = region
        self._exploration = exploration
        self._memory = memory
        self._keeps_ties = keeps_ties
        self._sampled = SampledTryout(live, region, exploration, profiler)
        self._is_deployed = False
        self._on_trial = ORIGINAL
        self._stand_in: Contender | None = None

    @property
    def exposed(self) -> set[str]:
        """Digests of the variants that the entry may lead to at this moment."""
        contenders = (self.best.contender, self._on_trial)
        return {one.variant.digest for one in contenders if one.variant is not None}

    @property
    def rank(self) -> float:
        """Among the regions that wait for something: trials go where the time is."""
        return self.trials / max(self.tryout.pace.share, 1e-3)

    @property
    def expected_s(self) -> float:
        """What a trial costs, by a guess."""
        return self.tryout.expected_s

    def adopt(self, contender: Contender, gain: float) -> None:
        """The entry leads to this one already, which an earlier run found."""
        self.best = Ranked(contender, gain)
        self.winners.append(self.best)

    async def meet(self, challenger: Contender, limit_s: float = LIMIT_S) -> Result:
        """The challenger against the best so far; the winner is the best from now on."""
        live, best = self._live, self.best
        async with self._exploration.trials.place(self.rank), self.entry:
            await self._exploration.released()
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
                result = await self._gated(challenger, incumbent, limit_s)
                if incumbent is not best.contender and result.decision is not Decision.WON:
                    await live.patch(self.root, best.contender.entry)
        self._on_trial = ORIGINAL
        self.trials += 1
        is_kept = result.decision is Decision.WON
        if self._keeps_ties and best.contender is ORIGINAL and result.decision is not Decision.LOST:
            is_kept = True
            await live.patch(self.root, challenger.entry)
        if is_kept:
            self.best = Ranked(challenger, best.gain + result.gain)
            others = (one for one in self.winners if one.contender is not challenger)
            self.winners = [self.best, *others][:ALTERNATIVES]
        self._tell_trial(challenger, best, result, is_kept)
        self._memory.keep(challenger, result, best.gain + result.sure_gain, is_kept)
        return result

    async def _gated(self, challenger: Contender, incumbent: Contender, limit_s: float) -> Result:
        try:
            return await self.tryout.run(challenger, incumbent, limit_s)
        except (ChannelError, asyncio.CancelledError):
            unfinished = self.tryout.unfinished or Result(Decision.UNDECIDED, None, ENDED, 0.0)
            self._tell_trial(challenger, self.best, unfinished, is_kept=False)
            raise

    async def _incumbent(self, best: Contender) -> Contender:
        """Who stands for the best in a trial. The original of a root that calls itself would come
        back through the gate in every call, its variants do not: there the original is compiled
        anew, for the processor that it was compiled for."""
        function = self._live.function(self.root)
        if best is not ORIGINAL or function is None or not function.reaches_itself:
            return best
        if self._stand_in is None:
            live, root = self._live, self.root
            variant = await live.build_region(self._region, ORIGINAL.recipe)
            linked = await live.link(root.image, variant)
            self._stand_in = Contender(
                "original, recompiled", ORIGINAL.recipe, variant, linked.entries[root.name]
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

    async def rate(self) -> float:
        """Entries a second, counted for a moment."""
        live = self._live
        entry = live.entry(self.root)
        if entry is None:
            raise Refused("its image was unloaded")
        count_s = COUNT_CALLS / self.tryout.pace.entries_per_s
        loop = asyncio.get_running_loop()
        async with self.entry:
            await live.services.count_start([entry])
            begin_s = loop.time()
            await asyncio.sleep(min(COUNT_MOST_S, max(COUNT_LEAST_S, count_s)))
            calls = (await live.services.count_read([entry]))[0]
            passed_s = loop.time() - begin_s
            await live.services.count_stop([entry])
        return calls / passed_s

    async def verify(self) -> None:
        """The best against the original itself: a chain of trials, each of which ended when it
        liked what it saw, promises too much. Only a loss takes it back."""
        best = self.best
        is_sure = self.trials < 2
        if best.contender is ORIGINAL or best.contender.gate is None or is_sure:
            return
        await self._exploration.afford(self.tryout.expected_s)
        self.best = Ranked(ORIGINAL, 0.0)
        result = await self.meet(best.contender, RETRY_LIMIT_S)
        if result.decision is Decision.LOST:
            self._memory.forget()
        elif self.best.contender is ORIGINAL:
            gain = best.gain if result.evidence is None else result.gain
            self.best = Ranked(best.contender, gain)
            async with self.entry:
                await self._live.patch(self.root, best.contender.entry)

    async def compete(self) -> None:
        """Those that ever won, once more: first what is deployed against the original."""
        deployed = self.best.contender
        await self.verify()
        for other in list(self.winners):
            if other.contender not in (deployed, self.best.contender):
                await self._exploration.afford(self.tryout.expected_s)
                await self.meet(other.contender, RETRY_LIMIT_S)
