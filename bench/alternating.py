"""A program that alternates between two inputs which favour different code (`programs/phases.c`).

Ahead of time there is one build, which is good for one of the inputs. Halo may change its mind:
once it has seen each input some times, it is frozen in the middle of a phase and takes turns with
several builds, all in the same phase (turns.py). It is compared with the best of them for that
phase, and let go on for the next.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bench import programs
from bench.adapt import REPORT, SOCKET, Plan, environment, under_halo
from bench.arms import CLANG, STRICT
from bench.kept import Kept
from bench.measure import BenchError, Lap
from bench.observe import cpu_s
from bench.server import NO_SERVER
from bench.statistics import median_ratio, pair_ratios
from bench.suite import Subject, Toolchain
from bench.turns import SLICE_S, Runner, slices, speeds, take_turns
from halojit.cli import steer

PART = "phases"
PROGRAM = programs.PHASES
PHASES = 6
"""Of the run before anything is compared: three of each kind."""
COMPARED = 8
"""Phases that follow, and are compared in their second halves."""
MARGIN_S = 0.8
"""Before a phase ends: programs do not start at the very same moment."""
HALO = "halo"
BUILDS = {
    "O3": ("-O3",),
    "native": ("-O3", "-march=native"),
    "wide": ("-O3", "-march=native", "-mprefer-vector-width=512"),
    "narrow": ("-O3", "-march=native", "-mprefer-vector-width=128"),
}


def measure_phases(kept: Kept, plan: Plan, say: Callable[[str], None]) -> None:
    """One long run; at its end beside the static builds."""
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
    halo = subject.build(Toolchain(cc, cxx, flags), directory / HALO)
    period_s = plan.seconds / PHASES
    say(f"{length_s(plan):.0f} s under {plan.strategy}, {period_s:.0f} s a phase")
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as home:
        found = _run(halo, built, plan, Path(home))
        report = json.loads((Path(home) / REPORT).read_text())
    kept.write(
        PROGRAM,
        PART,
        {
            "strategy": plan.strategy,
            "seconds": plan.seconds,
            "period_s": period_s,
            "compared": COMPARED,
            "halo": by_stretch(found[HALO]),
            "turns": turns_by_phase(found),
            "report": report,
        },
    )


def length_s(plan: Plan) -> float:
    """Of the whole run."""
    return plan.seconds * (PHASES + COMPARED) / PHASES


def is_of(part: Mapping[str, Any], plan: Plan) -> bool:
    """Was it measured with the plan's strategy and length, and in turns?"""
    same = part.get("strategy") == plan.strategy and part.get("seconds") == plan.seconds
    return same and part.get("compared") == COMPARED


def _run(halo: Path, built: Mapping[str, Path], plan: Plan, home: Path) -> dict[str, list[Lap]]:
    """Laps of Halo's run, and of the builds, which only run in turns with it."""
    period_s = plan.seconds / PHASES
    turn_s = SLICE_S * (1 + len(built))
    turns = int((period_s / 2 - MARGIN_S) / turn_s)
    if turns < 3:
        raise BenchError(f"phases of {period_s:g} s are too short: {turns} turns in half of one")
    arguments = [str(round(length_s(plan) + 2 * period_s)), str(max(1, round(period_s * 1000)))]
    with contextlib.ExitStack() as stack:

        def start(program: Path, under: Sequence[str], known: Mapping[str, str]) -> Runner:
            command = [*under, str(program), *arguments]
            return stack.enter_context(Runner(command, program, False, known))

        runners = {HALO: start(halo, under_halo(plan, home), environment(home))}
        begin_s = time.monotonic()

        def wait_until(phase: float) -> None:
            time.sleep(max(0.0, begin_s + phase * period_s - time.monotonic()))

        # The number of phases is even: what starts now is in the same one.
        wait_until(PHASES)
        for name, program in built.items():
            runners[name] = start(program, (), NO_SERVER)
            runners[name].stop()
        for phase in range(PHASES, PHASES + COMPARED):
            wait_until(phase + 0.5)
            steer.tell("freeze", home / SOCKET)
            runners[HALO].stop()
            take_turns(runners, turns)
            runners[HALO].go()
            steer.tell("unfreeze", home / SOCKET)
        return {name: runner.end().laps for name, runner in runners.items()}


def turns_by_phase(found: Mapping[str, Sequence[Lap]]) -> dict[str, dict[str, list[float]]]:
    """By kind of phase and program: rounds a processor second, of slices next to each other."""
    by_program = {name: _stretches(laps)[-COMPARED:] for name, laps in found.items()}
    turns: dict[str, dict[str, list[float]]] = {}
    for stretches in zip(*by_program.values(), strict=True):
        phases = {stretch[0].phase for stretch in stretches}
        if len(phases) > 1:
            raise BenchError(f"the builds were in different phases: {sorted(phases)}")
        rows = turns.setdefault(phases.pop(), {name: [] for name in found})
        cut = [speeds(slices(stretch), 1) for stretch in stretches]
        # The oldest of Halo's also holds what it did before the turns.
        pairs = min(map(len, cut)) - 1
        for name, one in zip(found, cut, strict=True):
            rows[name] += one[len(one) - pairs :]
    return turns


def by_stretch(laps: Sequence[Lap]) -> list[dict[str, Any]]:
    """A row for each stretch of laps of one phase: when it ended, and its speed."""
    return [
        {
            "phase": stretch[0].phase,
            "until_s": stretch[-1].at_s,
            "speed": statistics.fmean(lap.per_cpu_s for lap in stretch),
        }
        for stretch in _stretches(laps)
    ]


def _stretches(laps: Sequence[Lap]) -> list[list[Lap]]:
    """Each of one phase, without what a program began and did not get to work in."""
    found = [list(stretch) for _, stretch in groupby(laps, key=lambda lap: lap.phase)]
    return [stretch for stretch in found if cpu_s(stretch[1:]) > SLICE_S]


def verdict(part: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By kind of phase: the best build, and Halo's speed against it (Ratio).
    BenchError if a kind of phase has no turns."""
    found = {}
    for phase, turns in part["turns"].items():
        if not turns[HALO]:
            raise BenchError(f"no program took turns in the {phase} phases")
        rivals = [name for name in turns if name != HALO]
        best = max(rivals, key=lambda name: statistics.median(turns[name]))
        ratio = median_ratio(pair_ratios(turns[HALO], turns[best]))
        found[phase] = {"best": best, "ratio": ratio}
    return found
