"""`python -m bench.aa`: trials of code against itself. Whatever wins or loses there is a mistake.

Each program runs under a server whose strategy is the experiment: the hottest region is built once,
its object is linked twice, and one copy is tried against the other, trial after trial, as `adapt`
does it: by the same gate and rules, with trials that are given up where they would take too long.
With `--same` one copy is on both sides, so that no difference of addresses can be what is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench import machine, programs
from bench.measure import BenchError
from bench.programs import Tools
from halojit.build.build import host
from halojit.build.pool import WorkerPool
from halojit.model.evidence import Decision
from halojit.model.region import Recipe, Region
from halojit.server import sockets
from halojit.server.channel import GoneError
from halojit.server.chooser import Chooser
from halojit.server.live import Live, Refused
from halojit.server.profiler import Profiler
from halojit.server.server import Server
from halojit.server.settings import Settings
from halojit.server.strategy import Strategy
from halojit.server.tryout import Contender, Result, Tryout
from halojit.tune.budget import Account

BUILD = Path(__file__).resolve().parent.parent / "build" / "bench"
PROGRAMS = ("lu", "interpreter", "hashtable", "json", "raytracer")
TRIALS = 200
PROFILE_S = 0.5
RUN_S = 3600.0
SILENCE_S = 60.0
NOMINAL = 0.05
TOLD = 25
console = Console(stderr=True, highlight=False)


@dataclass
class Outcome:
    """Of one program."""

    root: str = ""
    ns_per_call: float = 0.0
    decisions: Counter[Decision] = field(default_factory=Counter)
    ends: list[Result] = field(default_factory=list)
    problem: str = ""

    def add(self, result: Result) -> None:
        """Of a trial that ended."""
        self.decisions[result.decision] += 1
        self.ends.append(result)


class Twins:
    """The strategy: equal code on both sides, `trials` times, in the hottest region."""

    def __init__(self, outcome: Outcome, trials: int, is_same: bool) -> None:
        self._outcome = outcome
        self._trials = trials
        self._is_same = is_same
        self.begun = asyncio.Event()
        self.done = asyncio.Event()

    async def run(self, live: Live) -> None:
        self.begun.set()
        try:
            await self._run(live)
        except Refused as error:
            self._outcome.problem = str(error)
        except GoneError:
            self._outcome.problem = "the program ended too soon"
            raise
        finally:
            self.done.set()

    async def _run(self, live: Live) -> None:
        region = await self._hottest(live)
        root = region.root
        self._outcome.root = root.name
        self._outcome.ns_per_call = region.ns_per_call
        cpu, features = host()
        recipe = Recipe(cpu, features)
        variant = await live.build_region(region, recipe)
        if root.name not in variant.gates:
            raise Refused(f"{root.name} has no gate")
        first = await live.link(root.image, variant)
        # Objects are linked once a digest; this one is wanted twice.
        twin = dataclasses.replace(variant, digest=f"{variant.digest}-twin")
        second = await live.link(root.image, twin)
        known, twins = second if self._is_same else first, second
        incumbent = Contender("code", recipe, variant, known.entries[root.name])
        challenger = dataclasses.replace(
            incumbent, name="itself", entry=twins.entries[root.name], gate=twins.gates[root.name]
        )
        tryout = Tryout(live, region, Account(), lambda: False)
        for _ in range(self._trials):
            self._outcome.add(await tryout.run(challenger, incumbent))
            done = len(self._outcome.ends)
            if done % TOLD == 0:
                counts = (f"{kind} {self._outcome.decisions[kind]}" for kind in Decision)
                console.print(f"  after {done}: {', '.join(counts)}")

    async def _hottest(self, live: Live) -> Region:
        profiler = Profiler(live)
        chooser = Chooser(live, profiler)
        await profiler.start(1000)
        await live.learn_images()
        begin = time.monotonic()
        while time.monotonic() - begin < SILENCE_S:
            await asyncio.sleep(PROFILE_S)
            await profiler.read()
            regions = await chooser.choose()
            if regions:
                await profiler.start(50)
                return max(regions, key=lambda region: region.share)
        raise Refused("no region was hot enough")


class _Experiment(Server):
    """A server that knows one strategy."""

    strategy: Strategy

    def _strategy(self) -> Strategy:
        return self.strategy


async def _measure(name: str, tools: Tools, pool: WorkerPool, twins: Twins) -> None:
    workload = programs.workload(name, "O3", BUILD, tools)
    with tempfile.TemporaryDirectory(prefix="halo-aa-") as directory:
        path = Path(directory) / "server.sock"
        server = _Experiment(Settings(), pool)
        server.strategy = twins
        server.listen([sockets.unix(path)])
        program = await asyncio.create_subprocess_exec(
            *workload.command(True, RUN_S),
            env={**os.environ, "HALO_SERVER": f"unix:{path}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(SILENCE_S):
                await twins.begun.wait()
            ended = asyncio.create_task(program.wait())
            done = asyncio.create_task(twins.done.wait())
            await asyncio.wait((ended, done), return_when=asyncio.FIRST_COMPLETED)
            if not twins.done.is_set():
                console.print(f"  the program ended with status {program.returncode}")
            done.cancel()
        except TimeoutError:
            raise BenchError(f"{name} did not connect: is it built by this version?") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            await program.wait()
            await server.close()


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927)."""
    if not trials:
        return 0.0, 1.0
    z, rate = 1.96, hits / trials
    middle = rate + z * z / (2 * trials)
    reach = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return max(0.0, (middle - reach) / whole), (middle + reach) / whole


def document(outcomes: dict[str, Outcome], is_same: bool) -> dict[str, Any]:
    """All that was measured."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "processor": machine.processor(),
        "same_copy": is_same,
        "programs": {
            name: {
                "root": outcome.root,
                "ns_per_call": outcome.ns_per_call,
                "problem": outcome.problem,
                "decisions": {str(kind): outcome.decisions[kind] for kind in Decision},
                "trials": [
                    {
                        "decision": str(end.decision),
                        "reason": end.reason,
                        **(dataclasses.asdict(end.evidence) if end.evidence else {}),
                    }
                    for end in outcome.ends
                ],
            }
            for name, outcome in outcomes.items()
        },
    }


def show(outcomes: dict[str, Outcome], out: Console) -> None:
    """The table; false winners and losers with their intervals."""
    table = Table(title="trials of code against itself")
    columns = ("program", "root", "ns/call", "trials", *map(str, Decision), "winners", "95 %")
    for column in (*columns, "speed-up", "half interval", "pairs"):
        table.add_column(column, justify="left" if column in ("program", "root") else "right")
    for name, outcome in outcomes.items():
        trials = sum(outcome.decisions.values())
        won = outcome.decisions[Decision.WON]
        low, high = wilson(won, trials)
        found = [end.evidence for end in outcome.ends if end.evidence]
        ratios = sorted(evidence.speedup for evidence in found) or [math.nan]
        widths = sorted(evidence.width for evidence in found) or [math.nan]
        lengths = sorted(evidence.pairs for evidence in found) or [0]
        table.add_row(
            name,
            outcome.root or outcome.problem,
            f"{outcome.ns_per_call:.0f}",
            str(trials),
            *(str(outcome.decisions[kind]) for kind in Decision),
            f"{won / trials:.1%}" if trials else "",
            f"{low:.1%}..{high:.1%}",
            f"{ratios[len(ratios) // 2]:.4f}",
            f"{widths[len(widths) // 2]:.1%}",
            str(lengths[len(lengths) // 2]),
        )
    out.print(table)


def main(
    names: Annotated[str, typer.Option("--programs", help="Which.")] = ",".join(PROGRAMS),
    trials: Annotated[int, typer.Option(min=1, help="For each.")] = TRIALS,
    same: Annotated[bool, typer.Option("--same", help="One copy on both sides.")] = False,
    tools_directory: Annotated[Path, typer.Option("--tools", help="Where halo-clang is.")] = Path(
        sys.executable
    ).parent,
    output: Annotated[Path, typer.Option("--json", metavar="FILE", help="All trials.")] = BUILD
    / "aa.json",
) -> None:
    """How often does code win against itself? At the nominal 5 % it should be rarer than that."""
    outcomes: dict[str, Outcome] = {}
    tools = Tools(tools_directory)
    pool = WorkerPool(1, Settings().memory_limit_bytes, Settings().time_limit_s)
    try:
        for name in names.replace(",", " ").split():
            console.print(f"{trials} trials of {name}")
            outcome = outcomes.setdefault(name, Outcome())
            asyncio.run(_measure(name, tools, pool, Twins(outcome, trials, same)))
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(document(outcomes, same), indent=1) + "\n")
    except BenchError as error:
        sys.exit(f"bench.aa: {error}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    show(outcomes, Console(highlight=False))
    console.print("written:", output)
    worst = max(
        wilson(o.decisions[Decision.WON], sum(o.decisions.values()))[0] for o in outcomes.values()
    )
    if worst > NOMINAL:
        sys.exit(f"bench.aa: false winners are more than {NOMINAL:.0%} for certain")


if __name__ == "__main__":
    typer.run(main)
