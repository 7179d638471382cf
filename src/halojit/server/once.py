"""Strategy `once`: each hot region is compiled once, at O3 for the real processor, and timed.

A region is chosen from a first profile of 0.3 s and a moment of entry counts, built, linked, and
deployed behind its gate: that is already the patch. When the gate has measured enough, the entry is
switched to the variant itself, or back to the original if the variant is slower beyond doubt.
The profile goes on at a low rate, so that later phases of the program get their regions.
"""

from __future__ import annotations

import asyncio

from halojit.model.events import RegionChosen, RegionRefused, VariantBuilt, VariantDeployed
from halojit.model.function import Place
from halojit.model.region import Recipe, Region
from halojit.profile.regions import Limits, candidates, choose
from halojit.server.live import Live, Refused
from halojit.server.metering import Metering
from halojit.server.profiler import Profiler
from halojit.server.switch import Switch

FIRST_PROFILE_S = 0.3
FIRST_SAMPLES = 100
BUSY_CPU_S = 0.02
"""Less, and the process is not worth asking for its bitcode."""
COUNT_S = 0.12
PERIOD_S = 1.0
RECOUNT_ROUNDS = 32
REGIONS = 32
REGION_INSTRUCTIONS = 200_000
NAME = "O3 for this CPU"


class Once:
    """See the module."""

    def __init__(self, recipe: Recipe, switch: Switch, limits: Limits | None = None) -> None:
        self._recipe = recipe
        self._switch = switch
        self._limits = limits or Limits()
        self._covered: dict[Place, frozenset[str]] = {}
        self._banned: set[Place] = set()
        self._tuning: set[asyncio.Task[None]] = set()
        self._refused: asyncio.Event = asyncio.Event()
        self._counted: frozenset[Place] = frozenset()
        self._idle_rounds = 0

    async def run(self, live: Live) -> None:
        try:
            await self._watch(live)
        finally:
            for task in self._tuning:
                task.cancel()
            # Trials report what they measured before the process went.
            await asyncio.gather(*self._tuning, return_exceptions=True)

    async def _watch(self, live: Live) -> None:
        profiler = Profiler(live)
        await profiler.start(live.settings.first_hertz)
        await self._wait_busy(profiler)
        await live.learn_images()
        while live.at_s() < FIRST_PROFILE_S or profiler.samples < FIRST_SAMPLES:
            await asyncio.sleep(0.05 if live.at_s() < 2 else PERIOD_S)
            await profiler.read()
            if profiler.sampler == "off" or live.at_s() > 5:
                break
        is_first = True
        while True:
            await self._choose(live, profiler)
            if is_first:
                is_first = False
                await profiler.start(live.settings.hertz)
            await self._pause()
            await profiler.read()

    async def _wait_busy(self, profiler: Profiler) -> None:
        pause = 0.01
        await profiler.read()
        while profiler.cpu_s < BUSY_CPU_S:
            await asyncio.sleep(pause)
            pause = min(2 * pause, PERIOD_S)
            await profiler.read()

    async def _pause(self) -> None:
        """A refused region frees its time for others at once."""
        self._refused.clear()
        try:
            async with asyncio.timeout(PERIOD_S):
                await self._refused.wait()
        except TimeoutError:
            return

    async def _choose(self, live: Live, profiler: Profiler) -> None:
        if len(self._covered) >= REGIONS or self._switch.is_frozen:
            return

        def is_possible(place: Place) -> bool:
            function = live.function(place)
            return (
                function is not None
                and not function.obstacle
                and place not in self._banned
                and live.entry(place) is not None
                and self._instructions(live, place) <= REGION_INSTRUCTIONS
            )

        places = candidates(profiler.tree, is_possible, self._covered, self._limits)
        if not places or not self._is_news(frozenset(places)):
            return
        rates = await self._count(live, places)
        await profiler.read()
        regions = choose(
            profiler.tree, rates, profiler.cpu_share, live.reach, self._covered, self._limits
        )
        if regions:
            self._idle_rounds = 0
        for region in regions:
            self._covered[region.root] = live.reach(region.root)
            task = asyncio.create_task(self._tune(live, region))
            self._tuning.add(task)
            task.add_done_callback(self._tuned)

    def _is_news(self, places: frozenset[Place]) -> bool:
        """Functions that were counted in vain are counted again ever more rarely."""
        if places != self._counted:
            self._counted = places
            self._idle_rounds = 0
        self._idle_rounds += 1
        rounds = self._idle_rounds
        return rounds & (rounds - 1) == 0 or rounds % RECOUNT_ROUNDS == 0

    def _tuned(self, task: asyncio.Task[None]) -> None:
        self._tuning.discard(task)
        if not task.cancelled():
            task.exception()

    def _instructions(self, live: Live, place: Place) -> int:
        known = live.images[place.image].build.functions
        return sum(known[name].instructions for name in live.reach(place) if name in known)

    async def _count(self, live: Live, places: list[Place]) -> dict[Place, float]:
        """Entries a second, counted for a moment."""
        entries = {place: entry for place in places if (entry := live.entry(place)) is not None}
        loop = asyncio.get_running_loop()
        statuses = await live.services.count_start(entries.values())
        counting = [place for place, status in zip(entries, statuses, strict=True) if status == 0]
        for place, status in zip(entries, statuses, strict=True):
            if status:
                self._banned.add(place)
        if not counting:
            return {}
        begin = loop.time()
        await asyncio.sleep(COUNT_S)
        counts = await live.services.count_read(entries[place] for place in counting)
        passed = loop.time() - begin
        await live.services.patch([(entries[place], 0) for place in counting])
        return {place: count / passed for place, count in zip(counting, counts, strict=True)}

    async def _tune(self, live: Live, region: Region) -> None:
        root = region.root
        live.tell(RegionChosen(live.pid, live.at_s(), region))
        try:
            variant = await live.build(root.image, (root.name,), self._recipe, has_gate=True)
            live.tell(
                VariantBuilt(
                    live.pid,
                    live.at_s(),
                    root,
                    self._recipe,
                    len(variant.data),
                    len(variant.functions),
                    variant.build_s,
                )
            )
            linked = await live.link(root.image, variant)
            gate = linked.gates.get(root.name)
            if gate is None:
                await live.patch(root, linked.entries[root.name])
                live.tell(VariantDeployed(live.pid, live.at_s(), root, is_gated=False))
                return
            variant_at = linked.entries[root.name]
            metering = Metering(live, region, self._recipe, NAME, gate, variant_at, self._switch)
            await metering.run()
        except Refused as error:
            self._covered.pop(root, None)
            self._banned.add(root)
            self._refused.set()
            live.tell(RegionRefused(live.pid, live.at_s(), root, str(error)))
