"""What the regions of a process share while they are explored: one account, one row of turns.

In: the processor time that the program has used, and whether a person has said stop. Out: leave to
spend. Trials of several regions may run side by side, because their sides are drawn independently;
but not many, because each makes the others' times scatter.
"""

from __future__ import annotations

import asyncio

from halojit.model.events import CostCounted
from halojit.server.live import Live
from halojit.server.row import Row
from halojit.server.switch import Switch
from halojit.server.waited import Waited
from halojit.tune.budget import Account, Kind

TURNS = 2
BUILD_WEIGHT = 0.3


class Exploration:
    """Of one process."""

    def __init__(self, live: Live, switch: Switch) -> None:
        self.account = Account(live.settings.budget)
        self.trials = Row(TURNS)
        self.builds = Row(live.settings.workers)
        self.build_s = 0.0
        """What the next build will cost the program, by those before."""
        self._live = live
        self._switch = switch
        self._waited = Waited(live.pid)
        self._compiling = 0
        self._earned = asyncio.Event()

    async def afford(self, cost_s: float) -> None:
        """Waits until so much may be spent."""
        while self.is_held or not self.account.may_spend(cost_s):
            self._earned.clear()
            await self._earned.wait()

    async def released(self) -> None:
        """Waits while a person has said that nothing is to be tried."""
        while self.is_held:
            self._earned.clear()
            await self._earned.wait()

    @property
    def is_held(self) -> bool:
        """Has a person said that nothing is to be tried?"""
        return self._switch.is_held

    def compile_begins(self) -> None:
        """From here on the program may be kept from a processor by a compiler."""
        if not self._compiling:
            self._waited.usual()
        self._compiling += 1

    def compile_ends(self, cpu_s: float | None) -> None:
        """Charges what the program has waited for a processor meanwhile, over what it waits at
        other times, and no more than the compiler used, if that is known: not all that keeps a
        program from a processor is ours."""
        self._compiling -= 1
        if not self._compiling:
            waited_s = self._waited.unusual_s()
            cost_s = waited_s if cpu_s is None else min(waited_s, cpu_s)
            self.account.spend(Kind.COMPILERS, cost_s)
            self.build_s += BUILD_WEIGHT * (cost_s - self.build_s)

    def tell(self, cpu_s: float) -> None:
        """Takes in the program's processor time; tells what was spent of it."""
        account = self.account
        if not self._compiling:
            self._waited.usual()
        account.earn(cpu_s)
        self._earned.set()
        spent = account.spent_s
        self._live.tell(
            CostCounted(
                self._live.pid,
                self._live.at_s(),
                cpu_s,
                self._live.settings.budget,
                spent[Kind.CHALLENGERS],
                spent[Kind.GATES],
                spent[Kind.COMPILERS],
                spent[Kind.INSTRUMENTED],
            )
        )
