"""Halo under a strategy that searches, against the plain program and the oracle's choice.

Per program and round: plain for some seconds, then one long run under `halo run` with an empty
store, from whose laps come runs of 10 s and of 60 s as a whole, warm-up included. At its end it is
frozen and takes turns with plain and oracle (turns.py): its steady state. Then short runs with the
store that it left, plain ones between them. The server has the same two cores as the program.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
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
from bench.statistics import median_ratio, pair_ratios
from bench.suite import Subject
from bench.turns import BEGIN_S, SLICE_S, TOGETHER, TURNS, Runner, slices, speeds, take_turns
from halojit.cli import steer

PART = "adapt"
REPORT = "report.json"
SOCKET = "server.sock"
SHORT_S = 10.0
"""Of the shorter of the two whole runs."""
BRACKET_SHARE = 0.06
LEAST_BRACKET_S = 2.0
MORE = {"numeric": 8.0, "other": 2.5, "real": 3.0}
"""How much more than plain a program may do in the same time; it is ended when it was measured."""
SECOND_RUNS = 4
SECOND_S = 1.6


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

    def estimate_s(self, kind: str) -> float:
        """For one round of one program of the kind."""
        turns_s = 3 * (TURNS[kind] * SLICE_S + BEGIN_S)
        return self.seconds + 3 * self.bracket_s + turns_s + 2 * SECOND_RUNS * SECOND_S


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
    rounds = part.get("rounds", []) if same else []
    wanted = TOGETHER.get(part.get("kind", ""))
    return len(rounds) if all(one.get("together") == wanted for one in rounds) else 0


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
    first = _plain(subject, plan, plain, plan.bracket_s)
    # Nominal seconds were set on another machine: a long run is what takes plain that long here.
    scale = plan.bracket_s / cpu_s(first.laps)
    arms_beside = {"plain": plain} | ({"oracle": rival[1]} if rival else {})
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as directory:
        say(f"{plan.seconds:.0f} s under {plan.strategy}")
        home = Path(directory)
        found = _long(subject, plan, halo, arms_beside, scale, home)
        cut = {name: slices(sample.laps) for name, sample in found.items()}
        # The last slices are the turns; a stall in the long run may look like one before them.
        pairs = min(TURNS[subject.kind] - 2, *map(len, cut.values()))
        together = TOGETHER[subject.kind]
        if pairs < together:
            raise BenchError(f"{subject.name}: {pairs} slices are too few to compare")
        turns = {name: speeds(one[-pairs:], together) for name, one in cut.items()}
        gain = median_ratio(pair_ratios(turns["halo"], turns["plain"])).value
        say(f"steady {gain:.2f}x; runs with the store it left")
        report = json.loads((home / REPORT).read_text())
        second = []
        for _ in range(SECOND_RUNS):
            again = tuned(subject, plan, halo, SECOND_S * scale * max(1.0, gain), home)[0]
            beside = _plain(subject, plan, plain, SECOND_S * scale)
            second.append({"early": pace.early(again.laps), "plain": pace.cpu_rate(beside.laps)})
        same = tuned(subject, plan, halo, plan.bracket_s, home)[0].output == first.output
        last = _plain(subject, plan, plain, plan.bracket_s)
    laps = [lap for lap in found["halo"].laps if lap.at_s <= plan.seconds]
    return {
        "plain": [_figures(sample.laps) for sample in (first, last)],
        "oracle_arm": rival[0] if rival else BASELINE,
        "together": together,
        "laps": [[lap.at_s, lap.rounds, lap.per_cpu_s] for lap in laps],
        "turns": turns,
        "second": second,
        "is_same_output": same,
        "report": report,
    }


def _long(
    subject: Subject,
    plan: Plan,
    halo: Path,
    beside: Mapping[str, Path],
    scale: float,
    home: Path,
) -> dict[str, Sample]:
    """The long run, and what takes turns with it at its end."""
    is_real = subject.kind == "real"

    def start(program: Path, command: Sequence[str], environment: Mapping[str, str]) -> Runner:
        return stack.enter_context(Runner(command, program, is_real, environment))

    def arguments(seconds: float) -> list[str]:
        return subject.arguments(plan.data, seconds * scale * MORE[subject.kind])

    with contextlib.ExitStack() as stack:
        turns_s = TURNS[subject.kind] * SLICE_S + BEGIN_S
        command = [*under_halo(plan, home), str(halo), *arguments(plan.seconds + turns_s)]
        runners = {"halo": start(halo, command, environment(home))}
        time.sleep(plan.seconds)
        steer.tell("freeze", home / SOCKET)
        runners["halo"].stop()
        for name, program in beside.items():
            runners[name] = start(program, [str(program), *arguments(turns_s)], NO_SERVER)
            time.sleep(BEGIN_S)
            runners[name].stop()
        take_turns(runners, TURNS[subject.kind])
        return {name: runner.end() for name, runner in runners.items()}


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
    report = home / REPORT
    report.unlink(missing_ok=True)
    command = [*under_halo(plan, home), str(program), *subject.arguments(plan.data, seconds)]
    sample = observe(command, program, subject.kind == "real", environment(home))
    if not sample.laps:
        raise BenchError(f"{program.name}: no laps in a run of {sample.wall_s:.1f} s")
    return sample, json.loads(report.read_text())


def under_halo(plan: Plan, home: Path) -> list[str]:
    """What comes before a command."""
    under = [plan.tools.halo("halo"), "run", "--quiet", "--strategy", plan.strategy]
    return [*under, "--json", str(home / REPORT), "--socket", str(home / SOCKET), "--"]


def environment(home: Path) -> Mapping[str, str]:
    """A store and a cache of their own."""
    return {
        "HALO_STORE": str(home / "store.sqlite"),
        "XDG_STATE_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
