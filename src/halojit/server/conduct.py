"""One process under its strategy, as long as the switch allows it.

In: a live process, the switch, a maker of strategies. Out: the strategy runs, and the process's
originals are back within moments of a stop, whatever the strategy was doing. A stop ends the
strategy; a new one begins after it, and finds what was built in the server's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from halojit.model.events import Frozen, Resumed, Stopped
from halojit.server.channel import ChannelError
from halojit.server.live import Live
from halojit.server.strategy import Strategy
from halojit.server.switch import Switch

log = logging.getLogger("halo")


class Conduct:
    """See the module."""

    def __init__(
        self,
        live: Live,
        switch: Switch,
        strategy: Callable[[], Strategy],
        closed: asyncio.Future[str],
    ) -> None:
        self.live = live
        self.entries = 0
        """Set back by the last stop."""
        self.restored = asyncio.Event()
        """Does every entry lead to the original because of a stop?"""
        self._switch = switch
        self._strategy = strategy
        self._closed = closed
        self._changed = asyncio.Event()
        self._is_frozen = False

    async def run(self) -> None:
        """Until the process ends; raises what the strategy raises, and GoneError."""
        unsubscribe = self._switch.subscribe(self._listen)
        try:
            self._listen()
            while not self._closed.done():
                if self._switch.is_stopped:
                    await self._pause()
                else:
                    await self._work()
        finally:
            unsubscribe()
            self.restored.set()  # whoever waits for a process that is gone has waited enough

    def _listen(self) -> None:
        live = self.live
        if self._is_frozen != self._switch.is_frozen:
            self._is_frozen = self._switch.is_frozen
            live.tell(Frozen(live.pid, live.at_s(), self._is_frozen))
        if self._switch.is_stopped != live.is_stopped:
            live.is_stopped = self._switch.is_stopped
            self.restored.clear()
            self._changed.set()

    async def _work(self) -> None:
        """Until a stop, or until the strategy or the process ends."""
        self._changed.clear()
        work = asyncio.create_task(self._strategy().run(self.live))
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((work, change, self._closed), return_when=asyncio.FIRST_COMPLETED)
            if change.done() and not work.done() and not self._closed.done():
                await self._stop(work)
                return
        finally:
            change.cancel()
            # Where the process has ended its next call would fail; it says what it knows and ends.
            await _end(work)
        if not work.cancelled():
            work.result()
        if not self._closed.done():
            await self._closed

    async def _stop(self, work: asyncio.Task[None]) -> None:
        work.cancel()
        # The call is sent before the strategy can say its last word, and does not wait for it.
        self.entries = await self._retire()
        if not work.done():
            await asyncio.wait((work,))
        if not work.cancelled() and (error := work.exception()) is not None:
            log.debug("%s: the strategy ended with %r", self.live.label, error)

    async def _pause(self) -> None:
        """While stopped."""
        live = self.live
        self._changed.clear()
        # Once more: the strategy may have pointed entries elsewhere while it ended.
        self.entries += await self._retire()
        live.tell(Stopped(live.pid, live.at_s(), self.entries))
        self.restored.set()
        with contextlib.suppress(ChannelError):
            await live.services.sample_stop()
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait((change, self._closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        self.entries = 0
        if not self._switch.is_stopped:
            live.tell(Resumed(live.pid, live.at_s()))

    async def _retire(self) -> int:
        return await self.live.services.retire_all()


async def _end(work: asyncio.Task[None]) -> None:
    """Cancels it, once: another time would cut off what it says at its end. So a cancellation of
    whoever waits for that is put off."""
    if not work.done() and not work.cancelling():
        work.cancel()
    put_off: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as error:
            put_off = error
    if not work.cancelled():
        work.exception()  # nobody else may look
    if put_off is not None:
        raise put_off
