"""Strategy `once`: each hot region is compiled once, at O3 for the real processor, and timed.

A region is chosen from a first profile of 0.3 s and a moment of entry counts, built, linked, and
deployed behind its gate: that is already the patch. When the gate has measured enough, the entry is
switched to the variant itself, or back to the original if the variant is slower beyond doubt.
The profile goes on at a low rate, so that later phases of the program get their regions.
"""

from __future__ import annotations

import asyncio

from halojit.model.events import RegionChosen, RegionRefused, VariantBuilt, VariantDeployed
from halojit.model.region import Recipe, Region
from halojit.profile.regions import Limits
from halojit.server.chooser import Chooser
from halojit.server.live import Live, Refused
from halojit.server.metering import Metering
from halojit.server.profiler import Profiler
from halojit.server.switch import Switch

FIRST_PROFILE_S = 0.3
FIRST_SAMPLES = 100
BUSY_CPU_S = 0.02
"""Less, and the process is not worth asking for its bitcode."""
PERIOD_S = 1.0
NAME = "O3 for this CPU"


class Once:
    """See the module."""

    def __init__(self, recipe: Recipe, switch: Switch, limits: Limits | None = None) -> None:
        self._recipe = recipe
        self._switch = switch
        self._limits = limits
        self._tuning: set[asyncio.Task[None]] = set()
        self._refused: asyncio.Event = asyncio.Event()

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
        chooser = Chooser(live, profiler, self._limits)
        is_first = True
        while True:
            await self._choose(live, chooser)
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

    async def _choose(self, live: Live, chooser: Chooser) -> None:
        if self._switch.is_frozen:
            return
        for region in await chooser.choose():
            task = asyncio.create_task(self._tune(live, region, chooser))
            self._tuning.add(task)
            task.add_done_callback(self._tuned)

    def _tuned(self, task: asyncio.Task[None]) -> None:
        self._tuning.discard(task)
        if not task.cancelled():
            task.exception()

    async def _tune(self, live: Live, region: Region, chooser: Chooser) -> None:
        root = region.root
        live.tell(RegionChosen(live.pid, live.at_s(), region))
        try:
            # One variant alone can not be compared with an original that calls itself: see
            # Services.trial_start. It is swapped untimed.
            function = live.function(root)
            has_gate = function is None or not function.reaches_itself
            variant = await live.build(root.image, (root.name,), self._recipe, has_gate=has_gate)
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
            chooser.ban(root)
            self._refused.set()
            live.tell(RegionRefused(live.pid, live.at_s(), root, str(error)))
