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
        self._before: dict[str, int] = {}
        self._read_s = clock()
        self._share = 0.0
        self.sum_s = 0.0
        """Waited between the first read and the last."""

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
        after: dict[str, int] = {}
        with contextlib.suppress(OSError):
            for task in islice(self._tasks.iterdir(), TASKS_MOST):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    after[task.name] = int((task / "schedstat").read_text().split()[1])
        waited_ns = sum(total - self._before.get(name, total) for name, total in after.items())
        if self._before:
            self.sum_s += waited_ns / 1e9
        now_s = self._clock()
        passed_s, self._read_s, self._before = now_s - self._read_s, now_s, after
        return waited_ns / 1e9, passed_s


class Stolen:
    """Processor time of all of this machine's processors that a hypervisor gave to others since
    this was made: no less than what one process lost by it. The kernel counts in steps of 10 ms,
    and late."""

    def __init__(self, statistics: Path = Path("/proc/stat")) -> None:
        self._statistics = statistics
        self._first_s = self._total_s()

    @property
    def sum_s(self) -> float:
        return self._total_s() - self._first_s

    def _total_s(self) -> float:
        with contextlib.suppress(OSError, ValueError, IndexError), self._statistics.open() as file:
            return int(file.readline().split()[8]) / TICKS_PER_S
        return 0.0
