"""What is read from runs: laps, orders, outputs, mappings, ELF headers, apt's files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import elf, footprint, history, sources, speedup
from bench.costs import Cost
from bench.goals import Results, goals
from bench.measure import BenchError, Lap, palindrome, require_same_output, run
from bench.startup import Startup
from bench.statistics import Ratio


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_run_tells_time_output_and_laps() -> None:
    code = (
        "import sys; print('result'); sum(range(3_000_000));"
        "print('at_s=0.250 rounds=10 per_s=40.00 per_cpu_s=50.00', 'noise',"
        "sep='\\n', file=sys.stderr)"
    )
    sample = run(python(code))
    assert sample.output == b"result\n"
    assert sample.laps == [Lap(0.25, 10, 40.0, 50.0)]
    assert 0 < sample.user_s <= sample.cpu_s


def test_long_outputs_are_told_apart_by_their_digests() -> None:
    first, same, other = (run(python(f"print('{c}' * 10_000)")) for c in "aab")
    assert len(first.output) == 64
    assert first.output == same.output != other.output


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(BenchError, match=r"exit status 3: .*out of paper"):
        run(python("import sys; print('out of paper', file=sys.stderr); sys.exit(3)"))


def test_abba() -> None:
    assert "".join(palindrome("ABC", 2)) == "ABCCBAABCCBA"


def test_builds_that_disagree_are_refused() -> None:
    a, b = run(python("print(1)")), run(python("print(2)"))
    require_same_output("fine", {"plain": [a, a], "halo": [a]})
    with pytest.raises(BenchError, match="wrong: the builds print different"):
        require_same_output("wrong", {"plain": [a], "halo": [b]})


SMAPS = """\
55e0-55e1 r-xp 00000000 08:01 123 /opt/a program
Size:                  4 kB
Rss:                   4 kB
55e1-55e2 rw-p 00000000 08:01 123 /opt/a program
Rss:                   8 kB
7f00-7f01 rw-p 00000000 00:00 0 
Rss:                  16 kB
7f02-7f03 rw-p 00000000 00:00 0 [heap]
Rss:                  32 kB
7f04-7f05 r-xp 00000000 08:01 9 /lib/libc.so.6
Rss:                  64 kB
7f06-7f07 rw-s 00000000 00:10 7 anon_inode:[perf_event]
Rss:                 128 kB
"""  # noqa: W291


def test_resident_memory_by_kind() -> None:
    assert footprint.resident_kb(SMAPS, "/opt/a program") == {
        "executable": 12,
        "anonymous": 16,
        "heap": 32,
        "libraries": 64,
        "perf": 128,
    }


def test_sizes_of_an_elf_file() -> None:
    program = Path("/proc/self/exe").resolve()
    sizes = elf.sizes(program)
    assert sizes.file_bytes == program.stat().st_size
    assert 0 < sizes.code_bytes < sizes.mapped_bytes


def test_what_is_no_elf_file(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("#!/bin/sh\n")
    with pytest.raises(ValueError, match="no 64-bit ELF"):
        elf.sizes(tmp_path / "text")


def test_apt_offers_sources_only() -> None:
    deb822 = "Types: deb deb-src\nURIs: x\nSuites: y\n\nTypes: deb\nURIs: z\n"
    assert sources.with_sources(deb822, True).count("Types: deb-src\n") == 2
    assert "URIs: z" in sources.with_sources(deb822, True)
    lines = "deb [signed-by=k] u bookworm main\ndeb-src [signed-by=k] u bookworm main\n"
    assert sources.with_sources(lines, False) == "deb-src [signed-by=k] u bookworm main\n"


def test_the_steady_speed_is_that_of_the_last_laps() -> None:
    laps = [Lap(float(i), i, 5.0, speed) for i, speed in enumerate((10.0, 10.0, 30.0, 32.0), 1)]
    assert speedup.steady_per_cpu_s(laps) == 31.0


def test_regions_together_by_amdahl() -> None:
    regions = [
        {"share": 0.5, "speedup": 2.0, "is_kept": True},
        {"share": 0.25, "speedup": 1.0, "is_kept": True},
        {"share": 0.25, "speedup": 9.0, "is_kept": False},
        {"share": 0.25, "speedup": None, "is_kept": True},
    ]
    assert speedup.regions_together(regions) == pytest.approx(1 / 0.75)
    assert speedup.regions_together([]) == 1.0


def cost(program: str, arm: str, value: float) -> Cost:
    ratio = Ratio(value, value, value)
    return Cost(program, arm, ratio, ratio, [value], [value])


def test_goals_name_the_worst_program() -> None:
    results = Results(
        "O3",
        [cost("good", "no_server", 1.0), cost("bad", "no_server", 1.04)],
        [],
        [],
        Startup(0.5, 0.6, 0.6, 2.0, 10, 60_000, 90_000),
    )
    found = {goal.name: goal for goal in goals(results)}
    worst = found["-fhalo, no server: CPU, worst"]
    assert (worst.value, worst.where, worst.is_met) == (1.04, "bad", False)
    assert found["-fhalo, no server: CPU, geomean"].value == pytest.approx(1.04**0.5)
    assert found["start-up, median"].value == pytest.approx(1.4)
    assert not found["start-up, median"].is_met
    assert found["runtime's code"].is_met


def test_history_keeps_a_summary_a_level(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    results = Results("O2", [cost("good", "off", 1.25)], [], [], None)
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    full = history.document(results, goals(results), when)
    path = history.record(full, tmp_path)
    assert path.name == "20260102T030405-O2.json"
    [kept] = history.earlier("O2", tmp_path)
    assert kept["cpu"] == {"good off": 1.25}
    assert history.earlier("O3", tmp_path) == []
