"""Programs that take turns."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

from bench.measure import BenchError, Lap
from bench.turns import SLICE_S, Runner, slices, speeds, take_turns

COUNTER = """
import sys, time
begin, cpu, done = time.monotonic(), time.thread_time(), 0
lap_at, lap_cpu, lap_done = begin, cpu, 0
while True:
    for _ in range(COST): pass
    done += 1
    now = time.monotonic()
    if now - lap_at >= 0.05:
        used = time.thread_time()
        print(f"at_s={now - begin:.3f} rounds={done} per_s={(done - lap_done) / (now - lap_at):.2f}"
              f" per_cpu_s={(done - lap_done) / (used - lap_cpu):.2f}", file=sys.stderr, flush=True)
        lap_at, lap_cpu, lap_done = now, used, done
"""


def test_a_slice_ends_with_the_lap_that_stood_still() -> None:
    away = 2 * SLICE_S
    laps = [
        Lap(0.1, 100, 1000, 1000),
        Lap(0.3 + away, 300, 0, 1000),  # 0.2 s of work, and then the others' turn
        Lap(0.4 + away, 500, 2000, 2000),
        Lap(0.5 + 2 * away, 600, 0, 1000),
        Lap(0.6 + 2 * away, 900, 3000, 3000),
    ]
    assert slices(laps) == [(300, pytest.approx(0.2))]
    assert slices([]) == []


def test_slices_that_count_as_one() -> None:
    """By their sums: blocks of an input may be easy or hard."""
    found = [(9, 1.0), (100, 1.0), (20, 2.0), (60, 2.0), (60, 1.0)]
    assert speeds(found, 2) == [40.0, 40.0]
    assert speeds(found, 1)[:2] == [9.0, 100.0]
    assert speeds(found[:1], 2) == []


def test_two_that_take_turns_are_compared(tmp_path: Path) -> None:
    runners = {}
    for name, cost in (("cheap", 300), ("dear", 600)):
        script = tmp_path / f"{name}.py"
        script.write_text(COUNTER.replace("COST", str(cost)))
        copy = tmp_path / f"{name}-python"
        copy.write_bytes(Path(sys.executable).resolve().read_bytes())
        copy.chmod(0o755)
        runners[name] = Runner([str(copy), str(script)], copy, False, {})
    for runner in runners.values():
        runner.stop()
    take_turns(runners, 8)
    found = {name: speeds(slices(runner.end().laps), 1) for name, runner in runners.items()}
    assert all(len(one) >= 4 for one in found.values())
    ratio = statistics.median(found["cheap"]) / statistics.median(found["dear"])
    assert 1.2 < ratio < 3.5


def test_a_program_that_ends_too_soon_is_told() -> None:
    program = Path("/bin/false").resolve()
    with pytest.raises(BenchError):
        runner = Runner([str(program)], program, False, {})
        while True:  # Until it has come to its end.
            runner.go()
