"""Runs commands and says what they took: wall and processor time, output, speed over time.

Processor time comes from the kernel's accounting of that one process (and children it waited
for). The programs of this suite report their own speed on stderr, which `laps` reads.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAP = re.compile(
    r"^at_s=([\d.]+) rounds=(\d+) per_s=([\d.]+) per_cpu_s=([\d.]+)(?: phase=(\w+))?$", re.MULTILINE
)
LONG_OUTPUT = 4096


class BenchError(Exception):
    """A build or a run did not do what the measurement needs."""


@dataclass(frozen=True, slots=True)
class Lap:
    """About a quarter of a second of a program's life, as it reports it."""

    at_s: float
    rounds: int
    per_s: float
    per_cpu_s: float
    """By processor time of the thread that works."""
    phase: str = ""
    """Of a program that has several."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    wall_s: float
    cpu_s: float
    """User and system time."""
    user_s: float
    output: bytes
    """Its SHA-256 where it is long."""
    laps: list[Lap]


def laps(stderr: str) -> list[Lap]:
    """What a program of the suite said about its speed."""
    return [
        Lap(float(at), int(rounds), float(per_s), float(per_cpu_s), phase)
        for at, rounds, per_s, per_cpu_s, phase in LAP.findall(stderr)
    ]


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    ended_by: int = 0,
) -> Sample:
    """Runs it to its end; BenchError with its own words unless it exits with 0, or by the signal
    `ended_by`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        output, words = out.read(), err.read().decode(errors="replace")
    if len(output) > LONG_OUTPUT:
        output = hashlib.sha256(output).hexdigest().encode()
    if not is_well(process.returncode, ended_by):
        raise BenchError(
            f"{' '.join(map(str, command))[:300]}: exit status {process.returncode}: {words[-500:]}"
        )
    cpu_s = usage.ru_utime + usage.ru_stime
    return Sample(wall_s, cpu_s, usage.ru_utime, output, laps(words))


def is_well(status: int, ended_by: int = 0) -> bool:
    """Did it succeed, or end by that signal, as a child tells it or `halo run` for it?"""
    return status == 0 or (ended_by != 0 and status in (-ended_by, 128 + ended_by))


def palindrome(arms: Sequence[str], blocks: int) -> Iterator[str]:
    """ABBA order: each block runs the arms forwards, then backwards: drift hits all alike."""
    for _ in range(blocks):
        yield from arms
        yield from reversed(arms)


def require_same_output(name: str, samples: Mapping[str, Sequence[Sample]]) -> None:
    """A build that prints something else is wrong, however fast."""
    outputs = {sample.output for arm in samples.values() for sample in arm}
    if len(outputs) > 1:
        raise BenchError(f"{name}: the builds print different results: {sorted(outputs)!r}"[:1000])
