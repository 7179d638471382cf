"""Halo under a strategy that searches, against the plain program and the oracle's choice.

Per program and round: plain and oracle for some seconds each, then one long run under `halo run`
with an empty store, oracle and plain again, then short runs with the store that the long one left.
The server has the same two cores as the program. From the laps of the long run: steady state, and
runs of 10 s and of 60 s as a whole, warm-up included.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import arms, oracle, pace
from bench.arms import ARMS, BASELINE, BOLT
from bench.kept import Kept
from bench.measure import BenchError, Lap, Sample
from bench.observe import cpu_s, observe
from bench.programs import Tools
from bench.server import NO_SERVER
from bench.suite import Subject

PART = "adapt"
SHORT_S = 10.0
"""Of the shorter of the two whole runs."""
BRACKET_SHARE = 0.06
LEAST_BRACKET_S = 2.0
SECOND_RUNS = 2
SECOND_S = 5.0


@dataclass(frozen=True)
class Plan:
    """How long, how often, and with what."""

    strategy: str
    level: str
    seconds: float
    """Of the long run: the plain program's time for the same work."""
    rounds: int
    tools: Tools
    build: Path
    data: Path

    @property
    def bracket_s(self) -> float:
        """Of each run next to the long one."""
        return max(LEAST_BRACKET_S, BRACKET_SHARE * self.seconds)

    @property
    def estimate_s(self) -> float:
        """For one round of one program."""
        return self.seconds + 5 * self.bracket_s + SECOND_RUNS * SECOND_S


def measure_adapt(subject: Subject, kept: Kept, plan: Plan, say: Callable[[str], None]) -> None:
    """Adds rounds until there are that many with this strategy and length; each is kept."""
    part = kept.part(subject.name, PART)
    rounds: list[dict[str, Any]] = part["rounds"] if rounds_done(part, plan) else []
    if len(rounds) >= plan.rounds:
        return
    say("building")
    plain = arms.build(subject, ARMS[BASELINE], plan.build, plan.data)
    halo = arms.build_halo(subject, plan.level, plan.tools.directory, plan.build)
    rival = _oracle_program(subject, kept, plan)
    for number in range(len(rounds), plan.rounds):
        say(f"round {number + 1} of {plan.rounds}")
        rounds.append(_round(subject, plan, plain, halo, rival, say))
        kept.write(
            subject.name,
            PART,
            {
                "kind": subject.kind,
                "strategy": plan.strategy,
                "seconds": plan.seconds,
                "rounds": rounds,
            },
        )


def rounds_done(part: Mapping[str, Any], plan: Plan) -> int:
    """With the plan's strategy and length."""
    same = part.get("strategy") == plan.strategy and part.get("seconds") == plan.seconds
    return len(part.get("rounds", [])) if same else 0


def _oracle_program(subject: Subject, kept: Kept, plan: Plan) -> tuple[str, Path] | None:
    """The fastest arm that was measured, unless it is the plain one."""
    part = kept.part(subject.name, oracle.PART)
    chosen = oracle.best(oracle.speeds(part))
    if chosen is None or chosen[0] == BASELINE:
        return None
    name = chosen[0]
    if name != BOLT:
        return name, arms.build(subject, ARMS[name], plan.build, plan.data)
    base = part["bolt"]["on"]
    below = arms.build(subject, ARMS[base], plan.build, plan.data)
    return name, arms.bolt(subject, below, base, plan.build, plan.data)


def _round(
    subject: Subject,
    plan: Plan,
    plain: Path,
    halo: Path,
    rival: tuple[str, Path] | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    beside: dict[str, list[list[Lap]]] = {"plain": [], "oracle": []}
    outputs: list[bytes] = []

    def bracket(names: Sequence[str]) -> None:
        for name in names:
            if name == "plain" or rival is not None:
                program = plain if name == "plain" or rival is None else rival[1]
                sample = _plain(subject, plan, program, plan.bracket_s)
                beside[name].append(sample.laps)
                outputs.append(sample.output)

    bracket(("plain", "oracle"))
    # Nominal seconds were set on another machine: a long run is what takes plain that long here.
    scale = plan.bracket_s / cpu_s(beside["plain"][0])
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as directory:
        say(f"{plan.seconds:.0f} s under {plan.strategy}")
        home = Path(directory)
        long, report = tuned(subject, plan, halo, plan.seconds * scale, home)
        bracket(("oracle", "plain"))
        gain = pace.steady(long.laps) / _figures(beside["plain"][-1])["per_cpu_s"]
        say(f"steady {gain:.2f}x; runs with the store it left")
        again = SECOND_S * scale * max(1.0, gain)
        seconds = [tuned(subject, plan, halo, again, home)[0] for _ in range(SECOND_RUNS)]
        same = tuned(subject, plan, halo, plan.bracket_s, home)[0].output == outputs[0]
    return {
        "plain": [_figures(laps) for laps in beside["plain"]],
        "oracle_arm": rival[0] if rival else BASELINE,
        "oracle": [_figures(laps) for laps in beside["oracle"]],
        "laps": [[lap.at_s, lap.rounds, lap.per_cpu_s] for lap in long.laps],
        "second": [
            {
                "steady": pace.steady(sample.laps),
                "early": pace.early(sample.laps),
                "laps": [[lap.at_s, lap.rounds, lap.per_cpu_s] for lap in sample.laps],
            }
            for sample in seconds
        ],
        "is_same_output": same,
        "report": report,
    }


def _figures(laps: Sequence[Lap]) -> dict[str, float]:
    return {"per_cpu_s": pace.cpu_rate(laps), "per_s": pace.wall_rate(laps)}


def _plain(subject: Subject, plan: Plan, program: Path, seconds: float) -> Sample:
    command = [str(program), *subject.arguments(plan.data, seconds)]
    sample = observe(command, program, subject.kind == "real", NO_SERVER)
    if not sample.laps:
        raise BenchError(f"{subject.name}: no laps in a run of {sample.wall_s:.1f} s")
    return sample


def tuned(
    subject: Subject, plan: Plan, program: Path, seconds: float, home: Path
) -> tuple[Sample, dict[str, Any]]:
    """A run under `halo run` with what `home` keeps, and its report."""
    command = [str(program), *subject.arguments(plan.data, seconds)]
    return tuned_command(command, program, subject.kind == "real", plan, home)


def tuned_command(
    command: Sequence[str], program: Path, is_real: bool, plan: Plan, home: Path
) -> tuple[Sample, dict[str, Any]]:
    """The same for any command."""
    report = home / "report.json"
    report.unlink(missing_ok=True)
    under = [plan.tools.halo("halo"), "run", "--quiet", "--strategy", plan.strategy]
    under += ["--json", str(report), "--"]
    sample = observe([*under, *command], program, is_real, environment(home))
    if not sample.laps:
        raise BenchError(f"{program.name}: no laps in a run of {sample.wall_s:.1f} s")
    return sample, json.loads(report.read_text())


def environment(home: Path) -> Mapping[str, str]:
    """A store and a cache of their own."""
    return {
        "HALO_STORE": str(home / "store.sqlite"),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
