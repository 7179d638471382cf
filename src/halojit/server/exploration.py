"""What the regions of a process share while they are explored: one account, one row of turns.

In: the processor time that the program has used, and whether a person has said stop. Out: leave to
spend. Trials of several regions may run side by side, because their sides are drawn independently;
but not many, because each makes the others' times scatter.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from halojit.model.events import CostCounted
from halojit.server.live import Live
from halojit.server.row import Row
from halojit.server.switch import Switch
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


class Waited:
    """How long a process's threads were ready to run and had no processor (schedstat)."""

    def __init__(self, pid: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._clock = clock
        self._before: dict[str, int] = {}
        self._read_s = clock()
        self._share = 0.0

    def usual(self) -> None:
        """Nothing of ours has kept the process from a processor since the last read."""
        waited_s, passed_s = self._read()
        if passed_s > 0.0:
            weight = min(1.0, passed_s)
            self._share += weight * (waited_s / passed_s - self._share)

    def unusual_s(self) -> float:
        """Waited since the last read, beyond what is usual."""
        waited_s, passed_s = self._read()
        return max(0.0, waited_s - self._share * passed_s)

    def _read(self) -> tuple[float, float]:
        """Waited and passed since the last read; waited is 0 where the kernel does not say."""
        after: dict[str, int] = {}
        with contextlib.suppress(OSError):
            for task in self._tasks.iterdir():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    after[task.name] = int((task / "schedstat").read_text().split()[1])
        waited_ns = sum(total - self._before.get(name, total) for name, total in after.items())
        now_s = self._clock()
        passed_s, self._read_s, self._before = now_s - self._read_s, now_s, after
        return waited_ns / 1e9, passed_s
