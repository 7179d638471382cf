"""What Halo costs a program that does nothing: time to start and end, bytes of code."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.elf import sizes
from bench.measure import BenchError, palindrome
from bench.programs import SOURCES, Tools, compile_source
from bench.server import NO_SERVER


@dataclass(frozen=True)
class Startup:
    """Milliseconds from spawn to the end, and the sizes of both programs."""

    plain_min_ms: float
    plain_median_ms: float
    halo_min_ms: float
    halo_median_ms: float
    runs: int
    runtime_code_bytes: int
    """Executable bytes that -fhalo adds to a program without functions: the runtime's."""
    file_bytes: int

    @property
    def added_ms(self) -> float:
        """By the medians."""
        return self.halo_median_ms - self.plain_median_ms

    @property
    def added_min_ms(self) -> float:
        """By the fastest runs: what it costs when nothing disturbs."""
        return self.halo_min_ms - self.plain_min_ms


def measure_startup(level: str, build: Path, tools: Tools, blocks: int) -> Startup:
    """Runs both many times in turns."""
    source = SOURCES / "nothing.c"
    programs = {
        "plain": compile_source(source, False, level, build / level / "nothing", tools),
        "halo": compile_source(source, True, level, build / level / "nothing-halo", tools),
    }
    times: dict[str, list[float]] = {"plain": [], "halo": []}
    environment = {**os.environ, **NO_SERVER}
    for arm in palindrome(tuple(programs), blocks):
        times[arm].append(_spawn_ms(programs[arm], environment))
    plain, halo = sizes(programs["plain"]), sizes(programs["halo"])
    return Startup(
        min(times["plain"]),
        statistics.median(times["plain"]),
        min(times["halo"]),
        statistics.median(times["halo"]),
        len(times["halo"]),
        halo.code_bytes - plain.code_bytes,
        halo.file_bytes - plain.file_bytes,
    )


def _spawn_ms(program: Path, environment: dict[str, str]) -> float:
    begin = time.perf_counter_ns()
    pid = os.posix_spawn(program, [str(program)], environment)
    _, status = os.waitpid(pid, 0)
    taken = time.perf_counter_ns() - begin
    if status:
        raise BenchError(f"{program}: exit status {os.waitstatus_to_exitcode(status)}")
    return taken * 1e-6
