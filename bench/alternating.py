"""A program that alternates between two inputs which favour different code (`programs/phases.c`).

Ahead of time there is one build, which is good for one of the inputs. Halo may change its mind: in
the last phase of each kind it is compared with the best of several builds for that phase.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import programs
from bench.adapt import Plan, tuned_command
from bench.arms import CLANG, STRICT
from bench.kept import Kept
from bench.measure import BenchError, Lap, palindrome, run
from bench.observe import steps
from bench.server import NO_SERVER
from bench.suite import Subject, Toolchain

PART = "phases"
PROGRAM = programs.PHASES
PHASES = 6
"""Of a run under Halo: three of each kind."""
STATIC_PERIOD_S = 0.5
STATIC_S = 3
BUILDS = {
    "O3": ("-O3",),
    "native": ("-O3", "-march=native"),
    "wide": ("-O3", "-march=native", "-mprefer-vector-width=512"),
    "narrow": ("-O3", "-march=native", "-mprefer-vector-width=128"),
}


def measure_phases(kept: Kept, plan: Plan, say: Callable[[str], None]) -> None:
    """One long run; static builds before and after it."""
    if is_of(kept.part(PROGRAM, PART), plan):
        return
    subject = Subject(PROGRAM, "other")
    directory = plan.build / "table" / PROGRAM
    say("building")
    built = {
        name: subject.build(Toolchain(*CLANG, (*flags, *STRICT)), directory / name)
        for name, flags in BUILDS.items()
    }
    flags = (f"-{plan.level}", "-fhalo", *STRICT)
    cc, cxx = plan.tools.halo("halo-clang"), plan.tools.halo("halo-clang++")
    halo = subject.build(Toolchain(cc, cxx, flags), directory / "halo")
    static: dict[str, list[Lap]] = {name: [] for name in built}

    def bracket() -> None:
        for name in palindrome(tuple(built), 1):
            period_ms = round(STATIC_PERIOD_S * 1000)
            found = run([str(built[name]), str(STATIC_S), str(period_ms)], NO_SERVER).laps
            static[name] += found

    bracket()
    period_s = plan.seconds / PHASES
    say(f"{plan.seconds:.0f} s under {plan.strategy}, {period_s:.0f} s a phase")
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as home:
        command = [str(halo), str(round(plan.seconds)), str(max(1, round(period_s * 1000)))]
        sample, report = tuned_command(command, halo, False, plan, Path(home))
    bracket()
    kept.write(
        PROGRAM,
        PART,
        {
            "strategy": plan.strategy,
            "seconds": plan.seconds,
            "period_s": period_s,
            "static": {name: speed_by_phase(laps) for name, laps in static.items()},
            "halo": by_stretch(sample.laps),
            "report": report,
        },
    )


def is_of(part: Mapping[str, Any], plan: Plan) -> bool:
    """Was it measured with the plan's strategy and length?"""
    return part.get("strategy") == plan.strategy and part.get("seconds") == plan.seconds


def speed_by_phase(laps: Sequence[Lap]) -> dict[str, float]:
    """Rounds a second of processor time, of each kind of phase."""
    sums: dict[str, list[float]] = {}
    for lap, (rounds, spent_s) in zip(laps, _own_steps(laps), strict=True):
        total = sums.setdefault(lap.phase, [0.0, 0.0])
        total[0] += rounds
        total[1] += spent_s
    return {phase: rounds / spent_s for phase, (rounds, spent_s) in sums.items()}


def by_stretch(laps: Sequence[Lap]) -> list[dict[str, Any]]:
    """A row for each stretch of laps of one phase: when it ended, its speed as a whole and in its
    second half."""
    rows: list[dict[str, Any]] = []
    stretch: list[Lap] = []
    for lap, following in zip(laps, [*laps[1:], None], strict=True):
        stretch.append(lap)
        if following is None or following.phase != lap.phase:
            later = [one for one in stretch if one.at_s > (stretch[0].at_s + lap.at_s) / 2]
            rows.append(
                {
                    "phase": lap.phase,
                    "until_s": lap.at_s,
                    "speed": _mean_speed(stretch),
                    "late_speed": _mean_speed(later or stretch),
                }
            )
            stretch = []
    return rows


def _mean_speed(laps: Sequence[Lap]) -> float:
    """Laps are about equally long: the mean over time."""
    return sum(lap.per_cpu_s for lap in laps) / len(laps)


def _own_steps(laps: Sequence[Lap]) -> list[tuple[int, float]]:
    """Laps of several runs one after the other: rounds begin anew with each run."""
    found: list[tuple[int, float]] = []
    first = 0
    for i in range(1, len(laps) + 1):
        if i == len(laps) or laps[i].rounds < laps[i - 1].rounds:
            found += steps(laps[first:i])
            first = i
    return found


def verdict(part: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By kind of phase: the best build, and Halo's speed in the last such phase against it.
    BenchError if the run had no such phase."""
    static: Mapping[str, Mapping[str, float]] = part["static"]
    found = {}
    for phase in next(iter(static.values())):
        best = max(static, key=lambda name: static[name][phase])
        last = [row for row in part["halo"] if row["phase"] == phase]
        if not last:
            raise BenchError(f"the run under Halo had no {phase} phase")
        top = static[best][phase]
        found[phase] = {
            "best": best,
            "against_O3": last[-1]["late_speed"] / static["O3"][phase],
            "ratio": last[-1]["late_speed"] / top,
            "whole_ratio": last[-1]["speed"] / top,
        }
    return found
