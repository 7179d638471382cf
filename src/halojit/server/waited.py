"""How long a process's threads waited for a processor (schedstat), and how long this machine's
processors were somebody else's (steal), as the kernel tells.

In: a process of this machine. Out: seconds since the last read; 0 where the kernel does not say.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

TASKS_MOST = 256
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Waited:
    """Of one process. More than TASKS_MOST threads are not asked: that would take too long."""

    def __init__(self, pid: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._clock = clock
        self._before: dict[str, tuple[int, int]] = {}
        self._read_s = clock()
        self._share = 0.0
        self.sum_s = 0.0
        """Waited between the first read and the last."""
        self.ran_s = 0.0
        """Processor time of its threads meanwhile."""

    def usual(self) -> None:
        """Nothing of ours has kept the process from a processor since the last read."""
        waited_s, passed_s = self.read()
        if passed_s > 0.0:
            weight = min(1.0, passed_s)
            self._share += weight * (waited_s / passed_s - self._share)

    def unusual_s(self) -> float:
        """Waited since the last read, beyond what is usual."""
        waited_s, passed_s = self.read()
        return max(0.0, waited_s - self._share * passed_s)

    def read(self) -> tuple[float, float]:
        """Waited and passed since the last read; waited is 0 where the kernel does not say."""
        after: dict[str, tuple[int, int]] = {}
        with contextlib.suppress(OSError):
            for task in islice(self._tasks.iterdir(), TASKS_MOST):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    ran, waited = (task / "schedstat").read_text().split()[:2]
                    after[task.name] = int(ran), int(waited)
        before = [self._before.get(name, now) for name, now in after.items()]
        ran_ns, waited_ns = (
            sum(now[i] - then[i] for now, then in zip(after.values(), before, strict=True))
            for i in range(2)
        )
        if self._before:
            self.ran_s += ran_ns / 1e9
            self.sum_s += waited_ns / 1e9
        now_s = self._clock()
        passed_s, self._read_s, self._before = now_s - self._read_s, now_s, after
        return waited_ns / 1e9, passed_s


class Withheld:
    """Processor time that a process did not get since this was made: its threads waited for it, or
    a hypervisor gave it to others. Of what was stolen from this machine (in steps of 10 ms), a
    process bears as much as it has of the time that the machine works."""

    def __init__(self, pid: int, statistics: Path = Path("/proc/stat")) -> None:
        self._statistics = statistics
        self._waited = Waited(pid)
        self._waited.read()
        self._first = self._machine()

    def read_s(self) -> float:
        """Until now."""
        self._waited.read()
        return self._waited.sum_s + self._stolen_s()

    def _stolen_s(self) -> float:
        first, now = self._first, self._machine()
        if first is None or now is None:
            return 0.0
        busy_s, stolen_s = now[0] - first[0], now[1] - first[1]
        return stolen_s * min(1.0, self._waited.ran_s / max(busy_s, 1.0 / TICKS_PER_S))

    def _machine(self) -> tuple[float, float] | None:
        """Worked, and stolen: seconds of all processors since the start."""
        with contextlib.suppress(OSError, ValueError, IndexError), self._statistics.open() as file:
            ticks = [int(word) for word in file.readline().split()[1:]]
            user, nice, system, _, _, interrupts, soft, stolen = ticks[:8]
            return (user + nice + system + interrupts + soft) / TICKS_PER_S, stolen / TICKS_PER_S
        return None
