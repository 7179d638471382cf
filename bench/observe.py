"""Runs a program and watches its speed over time, from inside where it tells and from outside else.

Own programs tell their laps on stderr, and so do ours that call a real library. Of other real
programs the bytes that they write to their output are counted as they come, against the
processor time of the main thread: the work is the same thing over and over, so bytes are progress.
It makes no difference whether `halo run` started the program.
"""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.measure import LONG_OUTPUT, BenchError, Lap, Sample, is_well, laps, run

LAP_S = 0.25
LATE_S = 0.1
"""A lap ends when a burst of output does, or this much later if output never pauses."""
PAUSE_MS = 3
BLOCK_BYTES = 1 << 16
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def observe(
    command: Sequence[str],
    program: Path,
    is_real: bool,
    environment: Mapping[str, str] | None = None,
    ended_by: int = 0,
) -> Sample:
    """`program`: the executable to watch, which `command` starts, directly or not. `ended_by`: the
    signal by which it may be ended."""
    if is_real:
        return _watch(command, program, environment or {}, ended_by)
    return run(command, environment, ended_by=ended_by)


def work_cpu_s(sample: Sample, is_real: bool) -> float:
    """Processor time that the work took: own programs measure their rounds, without set-up."""
    if is_real or not sample.laps:
        return sample.cpu_s
    return cpu_s(sample.laps)


def cpu_s(found: Sequence[Lap]) -> float:
    """Of all laps together."""
    return sum(spent for _, spent in steps(found))


def steps(found: Sequence[Lap]) -> list[tuple[int, float]]:
    """(rounds, processor seconds) of each lap."""
    before = [0, *(lap.rounds for lap in found)][: len(found)]
    done = [lap.rounds - first for lap, first in zip(found, before, strict=True)]
    return [
        (n, n / lap.per_cpu_s if lap.per_cpu_s else 0.0) for n, lap in zip(done, found, strict=True)
    ]


class _Meter:
    """Laps of bytes."""

    def __init__(self, program: Path, pid: int) -> None:
        self._program = str(program.resolve())
        self._parent = pid
        self._pid: int | None = None
        self._begin_s = 0.0
        self._lap = (0.0, 0, 0.0)
        self._due_s = 0.0
        self.laps: list[Lap] = []

    def look(self, total: int, has_paused: Callable[[], bool]) -> None:
        """After a read; `total` bytes have come so far."""
        if self._pid is None:
            self._pid = find(self._parent, self._program)
            if self._pid is None:
                return
            self._begin_s = _started_s(self._pid)
        at_s = time.clock_gettime(time.CLOCK_BOOTTIME) - self._begin_s
        before_s, before, before_cpu_s = self._lap
        if at_s - before_s < LAP_S or total == before:
            return
        # A compressor works for long, then writes a block in pieces: all or nothing of it counts.
        self._due_s = self._due_s or at_s
        if at_s - self._due_s < LATE_S and not has_paused():
            return
        self._due_s = 0.0
        spent_s = _main_thread_s(self._pid)
        if spent_s is None or spent_s <= before_cpu_s:
            return
        done = total - before
        self.laps.append(
            Lap(at_s, total, done / (at_s - before_s), done / (spent_s - before_cpu_s))
        )
        self._lap = (at_s, total, spent_s)


def _watch(
    command: Sequence[str], program: Path, environment: Mapping[str, str], ended_by: int
) -> Sample:
    digest = hashlib.sha256()
    kept = b""
    total = 0
    with tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=err,
            env={**os.environ, **environment},
        )
        assert process.stdout is not None
        meter = _Meter(program, process.pid)
        try:
            descriptor = process.stdout.fileno()
            coming = select.poll()
            coming.register(descriptor, select.POLLIN)
            while block := os.read(descriptor, BLOCK_BYTES):
                total += len(block)
                digest.update(block)
                kept = (kept + block)[: LONG_OUTPUT + 1]
                meter.look(total, lambda: not coming.poll(PAUSE_MS))
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        words = err.read().decode(errors="replace")
    if not is_well(process.returncode, ended_by):
        shown = " ".join(map(str, command))[:300]
        raise BenchError(f"{shown}: exit status {process.returncode}: {words[-500:]}")
    output = digest.hexdigest().encode() if total > LONG_OUTPUT else kept
    spent_s = usage.ru_utime + usage.ru_stime
    return Sample(wall_s, spent_s, usage.ru_utime, output, laps(words) or meter.laps)


def find(pid: int, program: str) -> int | None:
    """The process that runs the program: that one or a descendant of it."""
    try:
        if str(Path(f"/proc/{pid}/exe").readlink()) == program:
            return pid
    except OSError:
        return None
    for child in _children(pid):
        if (found := find(child, program)) is not None:
            return found
    return None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def _started_s(pid: int) -> float:
    """By the clock since boot."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / TICKS_PER_S


def _main_thread_s(pid: int) -> float | None:
    """Its processor time; None when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) * 1e-9
    except (OSError, IndexError):
        return None
