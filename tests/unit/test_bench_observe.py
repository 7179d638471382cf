"""Laps: told by the program itself, or seen from outside by what it writes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.measure import BenchError, Lap, laps
from bench.observe import cpu_s, observe


def test_laps_may_have_a_phase() -> None:
    text = (
        "at_s=0.250 rounds=10 per_s=40.00 per_cpu_s=50.00 phase=short\n"
        "at_s=0.500 rounds=20 per_s=40.00 per_cpu_s=50.00\n"
    )
    assert [lap.phase for lap in laps(text)] == ["short", ""]


WRITER = """
import sys, time
for _ in range(12):
    end = time.thread_time() + 0.08
    while time.thread_time() < end: pass
    sys.stdout.write("x" * 8192); sys.stdout.flush()
"""


@pytest.mark.parametrize("is_direct", [True, False])
def test_a_real_program_is_watched_from_outside(is_direct: bool) -> None:
    program = Path(sys.executable)
    command = [sys.executable, "-c", WRITER]
    if not is_direct:
        command = ["/bin/sh", "-c", '"$@"; exit $?', "sh", *command]
    sample = observe(command, program, True)
    assert len(sample.output) == 64
    assert sample.laps
    assert sample.laps[-1].rounds <= 12 * 8192
    # 8 KB in 0.08 s of processor time; start-up is in the first lap.
    assert sample.laps[-1].per_cpu_s == pytest.approx(8192 / 0.08, rel=0.5)
    assert 0.2 < cpu_s(sample.laps) <= sample.cpu_s + 0.02


BURSTS = """
import os, time
for _ in range(12):
    end = time.thread_time() + 0.1
    while time.thread_time() < end: pass
    for _ in range(32): os.write(1, b"x" * 4096)
"""


def test_laps_end_where_bursts_end() -> None:
    sample = observe([sys.executable, "-c", BURSTS], Path(sys.executable), True)
    assert sample.laps
    # A pause of the machine may look like the end of a burst, but most ends are true ones.
    whole = [lap for lap in sample.laps if lap.rounds % (32 * 4096) == 0]
    assert len(whole) > len(sample.laps) / 2


def test_laps_that_are_told_count_more_than_what_is_seen() -> None:
    code = "import sys; print('at_s=1.0 rounds=9 per_s=9.0 per_cpu_s=9.5', file=sys.stderr)"
    sample = observe([sys.executable, "-c", code], Path(sys.executable), True)
    assert sample.laps == [Lap(1.0, 9, 9.0, 9.5)]


def test_what_is_watched_must_end_well() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no paper')"]
    with pytest.raises(BenchError, match="exit status 1: no paper"):
        observe(command, Path(sys.executable), True)
