"""Processes below this one, as /proc tells of them; and an end to waiting.

In: nothing. Out: who is there. It does not know what any of them is for.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 30.0


@dataclass(frozen=True)
class Process:
    """One process: its number together with when it began names it for good."""

    pid: int
    began: int  # clock ticks since boot

    @property
    def state(self) -> str | None:
        """`S`, `R`, `Z` (dead, and nobody has asked how) …; None: gone."""
        fields = _fields(self.pid)
        return fields[0] if fields and int(fields[19]) == self.began else None

    @property
    def children(self) -> list[Process]:
        """Its own, not theirs."""
        return [each for each in _all() if _parent(each.pid) == self.pid]


def descendants(ancestor: int | None = None) -> list[Process]:
    """Everything below a process; None: below this one."""
    below: dict[int, list[Process]] = {}
    for each in _all():
        below.setdefault(_parent(each.pid), []).append(each)
    found: list[Process] = []
    wanted = [os.getpid() if ancestor is None else ancestor]
    while wanted:
        children = below.get(wanted.pop(), [])
        found += children
        wanted += [each.pid for each in children]
    return found


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Looks again and again; fails when it does not come about."""
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited {LIMIT_S:.0f} s for {what}"
        time.sleep(0.005)


@contextlib.contextmanager
def no_hang(limit_s: float) -> Iterator[None]:
    """Fails, with what every thread waits for on standard error, when the block takes longer."""

    def give_up(*_: object) -> None:
        faulthandler.dump_traceback()
        raise AssertionError(f"hangs: not done in {limit_s:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _all() -> list[Process]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _fields(int(entry.name))):
            found.append(Process(int(entry.name), int(fields[19])))
    return found


def _parent(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def _fields(pid: int) -> list[str] | None:
    """Of /proc/PID/stat, from the state on; None: it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return None
