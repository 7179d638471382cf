"""Each program of the suite prints the same whatever the optimizer does, and tells its speed.

Contraction is off here: where the processor has fused multiply-add, clang's default would let
`-march=native` round differently, which is no matter of the programs.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench import programs
from bench.measure import BenchError, run

LEVELS = ("-O0", "-O2", "-O3", "-O3 -march=native")
ROUNDS = "3"
ROOT = Path(__file__).resolve().parents[2]


def build(source: Path, flags: str, output: Path) -> Path:
    is_cxx = source.suffix == ".cpp"
    compiler = ["clang++-22", "-std=c++20"] if is_cxx else ["clang-22", "-std=gnu17"]
    warnings = ["-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
    command = [*compiler, *flags.split(), *warnings, str(source), "-o", str(output), "-lm"]
    subprocess.run(command, check=True)
    return output


@pytest.mark.parametrize("name", programs.names())
def test_same_results_at_every_level(name: str, tmp_path: Path) -> None:
    source = programs.source(name)
    samples = [
        run([str(build(source, flags, tmp_path / str(i))), ROUNDS])
        for i, flags in enumerate(LEVELS)
    ]
    assert len({sample.output for sample in samples}) == 1
    assert samples[0].output
    assert all(sample.laps[-1].rounds == int(ROUNDS) for sample in samples)


def test_the_demo_prints_the_same_at_every_level(tmp_path: Path) -> None:
    source = ROOT / "examples" / "demo" / "lu.c"
    builds = [build(source, flags, tmp_path / str(i)) for i, flags in enumerate(LEVELS)]
    assert len({run([str(path), "5", "33"]).output for path in builds}) == 1


def test_every_source_is_listed() -> None:
    found = {path.stem for path in programs.SOURCES.glob("*.c*")} - {"nothing"}
    assert found == {*programs.names(), programs.PHASES}


def test_phases_alternate_and_are_told(tmp_path: Path) -> None:
    source = programs.source(programs.PHASES)
    samples = [
        run([str(build(source, flags, tmp_path / str(i))), "1", "100"])
        for i, flags in enumerate(LEVELS[1:])
    ]
    assert len({sample.output for sample in samples}) == 1
    for sample in samples:
        told = [lap.phase for lap in sample.laps]
        assert told[:2] == ["short", "long"]
        assert set(told) == {"short", "long"}


def test_arguments_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    program = build(programs.source("lu"), "-O0", tmp_path / "lu")
    with pytest.raises(BenchError, match=r'exit status 2.*"many" is not a positive number'):
        run([str(program), "many"])


def test_unknown_programs_are_named() -> None:
    with pytest.raises(BenchError, match="no program is called 'nope'; there are clusters"):
        programs.source("nope")
