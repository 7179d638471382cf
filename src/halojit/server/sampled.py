"""A trial without a gate: for roots whose calls cannot be timed one by one.

In: two contenders, as for a gated trial (tryout.py). Out: the same result. The entry is pointed at
one side and the other in turns, in balanced adjacent pairs; a turn's time is the samples that fell
into the region and its calls are counted at the entry. Far coarser than a gate: a turn of 60 ms has
60 samples, so only effects of several per cent are ever proved.
"""

from __future__ import annotations

import asyncio
import random

from halojit.model.evidence import Decision, Slice
from halojit.model.region import Region
from halojit.server.exploration import Exploration
from halojit.server.live import Live, Refused
from halojit.server.profiler import Profiler
from halojit.server.tryout import Contender, Result
from halojit.tune.budget import Kind
from halojit.tune.trial import Trial

TURN_S = 0.06
HERTZ = 1000
LIMIT_S = 12.0


class SampledTryout:
    """Trials of one region."""

    def __init__(
        self, live: Live, region: Region, exploration: Exploration, profiler: Profiler
    ) -> None:
        self._live = live
        self._root = region.root
        self._exploration = exploration
        self._profiler = profiler
        self._share = region.share
        self._random = random.Random(live.draw_seed())

    @property
    def expected_s(self) -> float:
        """What the next trial will cost if nothing is known of the challenger."""
        return LIMIT_S * self._share * 0.025

    async def run(self, challenger: Contender, incumbent: Contender) -> Result:
        """Raises Refused if the entry cannot be patched or nothing is sampled."""
        live = self._live
        entry = live.entry(self._root)
        if entry is None:
            raise Refused("its image was unloaded")
        if self._profiler.sampler == "off":
            raise Refused("it has no gate, and the program's sampler is off")
        trial = Trial(1e9 / HERTZ)
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        decision = Decision.UNDECIDED
        await self._profiler.quicken(HERTZ)
        try:
            while decision is Decision.UNDECIDED and loop.time() - begin_s < LIMIT_S:
                sides = [0, 1]
                self._random.shuffle(sides)
                for side in sides:
                    target = (incumbent, challenger)[side].entry
                    trial.add([await self._turn(entry, target, side)])
                decision = trial.decision()
                if self._exploration.is_held:
                    break
        finally:
            if not live.is_gone:
                winner = challenger if decision is Decision.WON else incumbent
                await live.point(entry, winner.entry)
                await self._profiler.slow_down()
        passed_s = loop.time() - begin_s
        evidence = trial.evidence()
        lost_s = 0.0
        if evidence is not None:
            lost_s = passed_s / 2 * self._share * max(0.0, 1.0 - evidence.speedup)
        self._exploration.account.spend(Kind.CHALLENGERS, lost_s)
        if decision is Decision.UNDECIDED:
            reason = f"not decided after {passed_s:.0f} s by samples"
        else:
            reason = "by samples per call"
        return Result(decision, evidence, reason, lost_s)

    async def _turn(self, entry: int, target: int, side: int) -> Slice:
        live = self._live
        await live.point(entry, target)
        await live.services.count_start([entry])
        before = await self._profiler.samples_in(self._root)
        await asyncio.sleep(TURN_S)
        samples = await self._profiler.samples_in(self._root) - before
        calls = (await live.services.count_read([entry]))[0]
        return Slice(side, min(calls, (1 << 32) - 1), samples, int(TURN_S * 1e9))
