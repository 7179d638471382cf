"""Strategy `adapt`: every hot region is searched for its fastest version, by trials on live calls.

When a process connects, what earlier runs of its build found is deployed at once. Then a first
profile of 0.3 s and a moment of entry counts choose regions, each of which gets a tuner; the
profile goes on at a low rate, so that later phases of the program get their regions. `once` is the
same with one recipe a region, O3 for this processor, which stays unless it is slower beyond doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from functools import partial

from halojit.model import events
from halojit.model.function import Place, reachable
from halojit.model.region import Recipe, Region
from halojit.profile.regions import Limits
from halojit.server import recall
from halojit.server.channel import ChannelError
from halojit.server.chooser import Chooser
from halojit.server.contest import Contest
from halojit.server.deaths import Ending, Witness
from halojit.server.exploration import Exploration
from halojit.server.live import Live, Refused
from halojit.server.memory import Memory
from halojit.server.profiler import Profiler
from halojit.server.recall import Recalled
from halojit.server.settings import Settings
from halojit.server.switch import Switch
from halojit.server.tuner import Tuner, Unsuitable
from halojit.tune import sampler
from halojit.tune.search import Host, Search

log = logging.getLogger("halo")

FIRST_PROFILE_S = 0.3
FIRST_SAMPLES = 100
BUSY_CPU_S = 0.02
"""Less, and the process is not worth asking for its bitcode."""
SETTLED_S = 2.5
"""Since main: until then nothing is looked for in a process whose build an earlier run explored,
and which has got what that found. Whoever runs it for a second is to have it undisturbed."""
PERIOD_S = 1.0
ENDING_S = 2.0
GLANCE_S = 0.02
EARN_S = 0.25
"""How often exploration learns what it may spend."""


@contextlib.contextmanager
def _witness(pid: int) -> Iterator[Witness | None]:
    try:
        witness = Witness(pid)
    except OSError:
        yield None
        return
    with witness:
        yield witness


class Adapt:
    """See the module."""

    def __init__(
        self,
        host: tuple[str, str],
        memory: Memory,
        switch: Switch,
        settings: Settings,
        trials: int,
        limits: Limits | None = None,
    ) -> None:
        self._host = Host(*host)
        self._memory = memory
        self._switch = switch
        self._trials = trials
        self._limits = limits
        self._tuning: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._left: list[tuple[Place, frozenset[str], str]] = []
        """Roots that were given up, what they reach, and why; until others take their place."""
        self._recalled: list[Recalled] = []
        self._tuners: list[Tuner] = []
        self._settings = settings

    async def run(self, live: Live) -> None:
        with _witness(live.pid) as witness:
            try:
                await self._watch(live)
            finally:
                for task in self._tuning:
                    task.cancel()
                # Trials report what they measured before the process went.
                await asyncio.gather(*self._tuning, return_exceptions=True)
                if witness is not None:
                    # A server that is closed with its program may know of the end before the
                    # connection does.
                    limit_s = ENDING_S if live.is_gone else GLANCE_S
                    self._quarantine(live, await witness.ending(limit_s))

    def _quarantine(self, live: Live, ending: Ending) -> None:
        """What a crashed process may have been running is not used again. Nobody can tell which of
        them it was in, if in any: better one good variant too few."""
        if not ending.is_crash:
            return
        reason = f"the process was {ending}"
        for tuner in self._tuners:
            root = tuner.contest.root
            for digest in tuner.contest.exposed:
                self._memory.quarantine(tuner.build_name, digest, reason)
                live.tell(events.Quarantined(live.pid, live.at_s(), root, digest, reason))

    async def _watch(self, live: Live) -> None:
        self._recalled = await recall.deploy(live, self._memory)
        if await self._is_explored(live):
            await asyncio.sleep(max(0.0, SETTLED_S - live.at_s()))
        profiler = Profiler(live)
        await profiler.start(live.settings.first_hertz)
        await self._wait_busy(profiler)
        await live.learn_images()
        while live.at_s() < FIRST_PROFILE_S or profiler.samples < FIRST_SAMPLES:
            await asyncio.sleep(0.05 if live.at_s() < 2 else PERIOD_S)
            await profiler.read()
            if profiler.sampler == "off" or live.at_s() > 5:
                break
        for mapped in live.mapped.values():
            self._memory.saw(mapped.build_name, live.process.executable)
        exploration = Exploration(live, self._switch)
        exploration.tell(profiler.cpu_s)
        loading = asyncio.get_running_loop().run_in_executor(None, sampler.preload)
        loading.add_done_callback(lambda done: done.exception())
        chooser = Chooser(live, profiler, self._limits)
        await self._choose(live, chooser, exploration, profiler)
        await profiler.start(live.settings.hertz)
        chosen_s = live.at_s()
        while True:
            is_freed = await self._pause()
            await profiler.read()
            exploration.tell(profiler.cpu_s)
            if is_freed or live.at_s() - chosen_s >= PERIOD_S:
                chosen_s = live.at_s()
                await self._choose(live, chooser, exploration, profiler)

    async def _is_explored(self, live: Live) -> bool:
        if self._recalled:
            return True
        for mapped in list(live.mapped.values()):
            if await self._memory.has_tried(mapped.build_name):
                return True
        return False

    async def _wait_busy(self, profiler: Profiler) -> None:
        pause = 0.01
        await profiler.read()
        while profiler.cpu_s < BUSY_CPU_S:
            await asyncio.sleep(pause)
            pause = min(2 * pause, PERIOD_S)
            await profiler.read()

    async def _pause(self) -> bool:
        """A root that is given up frees its time for others at once: True then."""
        self._freed.clear()
        try:
            async with asyncio.timeout(EARN_S):
                await self._freed.wait()
        except TimeoutError:
            return False
        return True

    async def _choose(
        self, live: Live, chooser: Chooser, exploration: Exploration, profiler: Profiler
    ) -> None:
        if exploration.is_held:
            return
        for region in await chooser.choose(self._recalled_roots()):
            live.tell(events.RegionChosen(live.pid, live.at_s(), region))
            self._tell_move(live, region)
            task = asyncio.create_task(self._tune(live, region, chooser, exploration, profiler))
            self._tuning.add(task)
            task.add_done_callback(self._tuned)

    def _recalled_roots(self) -> frozenset[Place]:
        return frozenset(one.root for one in self._recalled)

    def _tuned(self, task: asyncio.Task[None]) -> None:
        self._tuning.discard(task)
        if task.cancelled() or isinstance(task.exception(), ChannelError | None):
            return
        log.error("a fault in a tuner", exc_info=task.exception())

    def _tell_move(self, live: Live, region: Region) -> None:
        for left in self._left:
            old, reach, reason = left
            known = live.images.get(region.root.image)
            is_up = known is not None and old.name in reachable(
                known.build.functions, region.root.name
            )
            if old.image == region.root.image and (region.root.name in reach or is_up):
                live.tell(events.RegionMoved(live.pid, live.at_s(), old, region.root, reason))
                self._left.remove(left)
                return

    async def _tune(
        self,
        live: Live,
        region: Region,
        chooser: Chooser,
        exploration: Exploration,
        profiler: Profiler,
    ) -> None:
        root = region.root
        mapped = live.mapped[root.image]
        function = live.function(root)
        keys = function.symbols if function else ()
        memory = self._memory.region(mapped.build_name, root, keys)
        contest = Contest(live, region, exploration, profiler, memory, self._trials == 1)
        search = partial(self._search, region.share, contest)
        for one in self._recalled:
            if one.root == root:
                contest.adopt(one.contender, one.gain)
        built = partial(chooser.narrow, root)
        tuner = Tuner(live, region, exploration, memory, contest, search, built)
        self._tuners.append(tuner)
        try:
            await tuner.run()
        except (Refused, Unsuitable) as error:
            reason = str(error)
            live.tell(events.RegionRefused(live.pid, live.at_s(), root, reason))
        self._left.append((root, chooser.reach(root), reason))
        chooser.ban(root)
        self._freed.set()

    def _search(
        self, worth: float, contest: Contest, known: list[tuple[Recipe, float]], limit: int | None
    ) -> Search:
        settings = self._settings
        left = self._trials - contest.trials
        return Search(
            self._host,
            settings.seed,
            fp=settings.fp,
            limit=min(left, limit or left),
            known=known,
            worth=worth,
        )
