"""Strategy `off`: profile only. What sampling costs, and where the time goes, without a change."""

from __future__ import annotations

import asyncio
import logging

from halojit.server.live import Live
from halojit.server.profiler import Profiler

log = logging.getLogger("halo")

PERIOD_S = 1.0
SHOWN = 5


class Off:
    """Samples, and says at each doubling of the samples which functions are hot."""

    async def run(self, live: Live) -> None:
        profiler = Profiler(live)
        await profiler.start(live.settings.hertz)
        said = 50
        while True:
            await asyncio.sleep(PERIOD_S)
            await profiler.read()
            if profiler.samples < said:
                continue
            if live.generation < 0:
                await live.learn_images()
                continue
            said = 2 * profiler.samples
            shares = sorted(profiler.tree.shares().items(), key=lambda item: -item[1])
            hot = ", ".join(f"{place.name} {share:.0%}" for place, share in shares[:SHOWN])
            log.info("%s: %d samples; hot: %s", live.label, profiler.samples, hot or "nothing")
