"""One process under its strategy: what a strategy says at its end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from halojit.server.conduct import Conduct
from halojit.server.live import Live
from halojit.server.switch import Switch


class Slow:
    """A strategy that takes its time to end."""

    def __init__(self) -> None:
        self.begun, self.ending, self.may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.has_ended = False

    async def run(self, live: Live) -> None:
        """Until it may end."""
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ending.set()
            await self.may_end.wait()
            self.has_ended = True


async def test_its_last_word_is_not_cut_off_when_the_server_closes_too() -> None:
    strategy = Slow()
    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    live = cast(Live, SimpleNamespace(is_stopped=False))
    conduct = asyncio.create_task(Conduct(live, Switch(), lambda: strategy, closed).run())
    await strategy.begun.wait()
    closed.set_result("hung up")
    await strategy.ending.wait()
    for _ in range(2):
        conduct.cancel()
        await asyncio.sleep(0)
    strategy.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await conduct
    assert strategy.has_ended


async def test_what_a_strategy_raises_is_raised() -> None:
    class Broken:
        async def run(self, live: Live) -> None:
            raise ValueError("no")

    closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    live = cast(Live, SimpleNamespace(is_stopped=False))
    with pytest.raises(ValueError, match="no"):
        await Conduct(live, Switch(), Broken, closed).run()
