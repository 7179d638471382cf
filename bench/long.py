"""The long parts of the benchmark, in pieces: what was measured before is not measured again.

Goes through the programs one by one, says how far it is and about how long it will still take, and
keeps each program's results as soon as they are there. A program that cannot be built or run is
named in the end and does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bench import adapt, alternating, oracle
from bench.adapt import Plan, measure_adapt
from bench.alternating import PROGRAM, measure_phases
from bench.kept import Kept
from bench.measure import BenchError
from bench.oracle import measure_static
from bench.suite import Subject

BUILD_S = {"numeric": 8.0, "other": 8.0, "real": 120.0}
"""What building all arms of a program takes, roughly, when none of it was kept."""

ORACLE, ADAPT, PHASES = "oracle", "adapt", "phases"
PARTS = (ORACLE, ADAPT, PHASES)


@dataclass(frozen=True)
class Job:
    """A part of one program."""

    name: str
    estimate_s: float
    run: Callable[[Callable[[str], None]], None]


def jobs(
    subjects: Sequence[Subject],
    parts: Collection[str],
    has_phases: bool,
    kept: Kept,
    plan: Plan,
    seconds: float,
    blocks: int,
) -> list[Job]:
    """What is left to do. `seconds`, `blocks`: of the static arms."""
    found = []
    for subject in subjects:
        if ORACLE in parts and (job := _static(subject, kept, plan, seconds, blocks)):
            found.append(job)
        if ADAPT in parts and (job := _adapt(subject, kept, plan)):
            found.append(job)
    is_done = alternating.is_of(kept.part(PROGRAM, alternating.PART), plan)
    if PHASES in parts and has_phases and not is_done:
        length_s = alternating.length_s(plan)
        found.append(Job(PHASES, length_s, lambda say: measure_phases(kept, plan, say)))
    return found


def _static(subject: Subject, kept: Kept, plan: Plan, seconds: float, blocks: int) -> Job | None:
    done = oracle.blocks_done(kept.part(subject.name, oracle.PART))
    if done >= blocks:
        return None
    build_s = 0.0 if done else BUILD_S[subject.kind]
    return Job(
        f"{subject.name}, static arms",
        build_s + oracle.estimate_s(seconds, blocks - done),
        lambda say: measure_static(subject, kept, plan.build, plan.data, seconds, blocks, say),
    )


def _adapt(subject: Subject, kept: Kept, plan: Plan) -> Job | None:
    left = plan.rounds - adapt.rounds_done(kept.part(subject.name, adapt.PART), plan)
    if left <= 0:
        return None
    return Job(
        f"{subject.name}, {plan.strategy}",
        left * plan.estimate_s(subject.kind),
        lambda say: measure_adapt(subject, kept, plan, say),
    )


def work(todo: Sequence[Job], tell: Callable[[str], None]) -> list[str]:
    """Does all jobs; returns what went wrong, in words."""
    total = sum(job.estimate_s for job in todo)
    tell(f"{len(todo)} measurements, about {total / 60:.0f} minutes on a machine with nothing else")
    failures = []
    begin = time.monotonic()
    planned = 0.0
    for number, job in enumerate(todo, 1):
        pace = (time.monotonic() - begin) / planned if planned else 1.0
        left = (total - planned) * pace / 60
        head = f"[{number}/{len(todo)}] {job.name}"
        tell(f"{head} (about {left:.0f} min left)")
        try:
            job.run(lambda words, head=head: tell(f"{head}: {words}"))  # type: ignore[misc]
        except BenchError as error:
            failures.append(f"{job.name}: {error}")
            tell(f"{head}: failed: {str(error)[:300]}")
        planned += job.estimate_s
    return failures


def forget(kept: Kept, programs: Sequence[str], parts: Collection[str]) -> None:
    """Measures those anew."""
    names = {ORACLE: oracle.PART, ADAPT: adapt.PART, PHASES: alternating.PART}
    for program in programs:
        for part in parts:
            kept.drop(program, names[part])
