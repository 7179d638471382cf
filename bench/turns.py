"""Programs that take turns: while one runs a slice, the others are stopped by signals.

A machine whose speed wanders by a tenth from second to second then disturbs all alike, which long
runs one after the other do not share. A slice is short; what a program did in
it is read from its laps: the lap in which it stood still is the last of a slice.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.measure import BenchError, Lap, Sample
from bench.observe import find, observe, steps

SLICE_S = 0.15
TURNS = {"numeric": 60, "other": 60, "real": 120}
"""Of each program of a kind."""
TOGETHER = {"numeric": 1, "other": 1, "real": 6}
"""Slices that count as one: blocks of real input differ more than programs do, and a slice holds
two or three of them."""
BEGIN_S = 0.5
"""What a program may do before its first turn: its start is not measured."""
START_LIMIT_S = 20.0
ENDED = signal.SIGTERM
STOOD_SHARE = 0.5
"""Of a slice of another one: a lap in which a program did not run for that long ends a slice."""


class Runner:
    """A program that runs until it is told to end. Give it more work than it can do."""

    def __init__(
        self,
        command: Sequence[str],
        program: Path,
        is_real: bool,
        environment: Mapping[str, str],
    ) -> None:
        self._name = program.name
        threads = ThreadPoolExecutor(1, "turns")
        self._coming = threads.submit(
            observe, command, program, is_real, environment, ended_by=ENDED
        )
        threads.shutdown(wait=False)
        self._pid = self._wait_begun(str(program.resolve()))

    def _wait_begun(self, program: str) -> int:
        begin = time.monotonic()
        while (pid := find(os.getpid(), program)) is None:
            if self._coming.done():
                self._coming.result()
                raise BenchError(f"{self._name} ended at once")
            if time.monotonic() - begin > START_LIMIT_S:
                raise BenchError(f"{self._name} did not start")
            time.sleep(0.01)
        return pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _signal(self, number: int) -> None:
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            raise BenchError(f"{self._name} ended before its time") from None

    def stop(self) -> None:
        """Stands still from now on."""
        self._signal(signal.SIGSTOP)

    def go(self) -> None:
        """Runs on."""
        self._signal(signal.SIGCONT)

    def _end(self) -> None:
        if not self._coming.done():
            with contextlib.suppress(ProcessLookupError):
                for number in (ENDED, signal.SIGCONT):
                    os.kill(self._pid, number)
        wait([self._coming])

    def end(self) -> Sample:
        """What it did; BenchError if it failed before."""
        self._end()
        return self._coming.result()


def take_turns(runners: Mapping[str, Runner], turns: int) -> None:
    """All are stopped when it begins, and when it ends."""
    for _ in range(turns):
        for runner in runners.values():
            runner.go()
            time.sleep(SLICE_S)
            runner.stop()


def slices(laps: Sequence[Lap]) -> list[tuple[int, float]]:
    """(rounds, processor seconds) of each slice but the first, which began before the turns did,
    and the last, of which nobody knows how it ended."""
    found: list[tuple[int, float]] = []
    rounds, spent_s, before_s = 0, 0.0, 0.0
    for lap, (done, cpu_s) in zip(laps, steps(laps), strict=True):
        rounds, spent_s = rounds + done, spent_s + cpu_s
        if lap.at_s - before_s - cpu_s > STOOD_SHARE * SLICE_S:
            found.append((rounds, spent_s))
            rounds, spent_s = 0, 0.0
        before_s = lap.at_s
    return found[1:]


def speeds(found: Sequence[tuple[int, float]], together: int) -> list[float]:
    """Rounds a processor second of each `together` slices; the first ones may be left over."""
    begins = range(len(found) % together, len(found), together)
    sums = [map(sum, zip(*found[i : i + together], strict=True)) for i in begins]
    return [rounds / spent_s for rounds, spent_s in sums]
