"""The running profile of one process.

In: a live process. Out: a call tree that follows its phases, and how much processor it uses.
Samples that came before the images were known are kept and named later.
"""

from __future__ import annotations

from halojit.model.events import ProfileRead, SamplerStarted
from halojit.model.function import Place
from halojit.model.profile import Stack
from halojit.profile.calltree import CallTree
from halojit.server.live import Live

HALF_LIFE_S = 3.0
PENDING_STACKS = 20_000


class Profiler:
    """Sampling, read by read."""

    def __init__(self, live: Live) -> None:
        self.tree = CallTree()
        self.samples = 0
        self.sampler = ""
        self.cpu_s = 0.0
        self.cpu_share = 0.0
        """Processor seconds a second, between the last two reads that were 50 ms apart."""
        self._live = live
        self._hertz = 0
        self._quickened = 0
        self._inside: dict[Place, int] = {}
        self._pending: list[Stack] = []
        self._mark: tuple[int, int] | None = None

    async def start(self, hertz: int) -> None:
        """Starts sampling, or changes its rate."""
        if self.sampler:
            await self.read()
            await self._live.services.sample_stop()
        self._hertz = hertz
        self.sampler = await self._live.services.sample_start(max(hertz, self._quickened))
        self._live.tell(SamplerStarted(self._live.pid, self._live.at_s(), self.sampler, hertz))

    async def quicken(self, hertz: int) -> None:
        """Samples faster for a moment."""
        self._quickened = hertz
        await self.read()
        await self._live.services.sample_stop()
        await self._live.services.sample_start(max(hertz, self._hertz))

    async def slow_down(self) -> None:
        """Ends `quicken`."""
        self._quickened = 0
        await self.read()
        await self._live.services.sample_stop()
        await self._live.services.sample_start(self._hertz)

    async def samples_in(self, root: Place) -> int:
        """Samples so far in a function and what it calls, since this was first asked."""
        self._inside.setdefault(root, 0)
        await self.read()
        return self._inside[root]

    async def read(self) -> None:
        """Takes in what was sampled since the last read, and notices new images."""
        live = self._live
        sample = await live.services.sample_read()
        live.read_clock(sample.now_ns, sample.now_ticks)
        self.cpu_s = sample.cpu_ns / 1e9
        self.samples += sum(stack.count for stack in sample.stacks)
        if self._mark is None:
            self._mark = (sample.now_ns, sample.cpu_ns)
        elif sample.now_ns - self._mark[0] > 50_000_000:
            passed = sample.now_ns - self._mark[0]
            self.cpu_share = (sample.cpu_ns - self._mark[1]) / passed
            self._mark = (sample.now_ns, sample.cpu_ns)
            self.tree.decay(0.5 ** (passed / 1e9 / HALF_LIFE_S))
        if live.generation < 0:
            self._pending.extend(sample.stacks[: PENDING_STACKS - len(self._pending)])
        else:
            if sample.generation != live.generation:
                await live.learn_images()
            stacks = (*self._pending, *sample.stacks)
            self._pending.clear()
            live.frames.see([frame for stack in stacks for frame in stack.frames])
            self.tree.add(stacks, live.frames.find)
            for root in self._inside:
                self._inside[root] += sum(
                    stack.count
                    for stack in stacks
                    if any(live.frames.find(frame) == root for frame in stack.frames)
                )
        live.tell(ProfileRead(live.pid, live.at_s(), self.samples, self.cpu_s))
