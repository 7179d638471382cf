"""`python -m bench`: measures, shows, writes. `make bench` calls it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import deciding, history, plot, programs, real, table
from bench.adapt import Plan
from bench.costs import measure_costs
from bench.footprint import measure_footprint
from bench.goals import Results, goals
from bench.measure import BenchError
from bench.programs import Tools, Workload
from bench.repl import part as repl
from bench.server import running
from bench.speedup import measure_speedup
from bench.startup import measure_startup

BUILD = Path(__file__).resolve().parent.parent / "build" / "bench"
FOOTPRINT_PROGRAMS = ("lu", "words")
console = Console(stderr=True, highlight=False)


class Part(StrEnum):
    """Of the benchmark."""

    COSTS = "costs"
    SPEEDUP = "speedup"
    STARTUP = "startup"
    FOOTPRINT = "footprint"
    ORACLE = "oracle"
    ADAPT = "adapt"
    PHASES = "phases"
    REPL = "repl"


TABLE_PARTS = {Part.ORACLE, Part.ADAPT, Part.PHASES}
"""Long ones, which `decision` is made from; measured only when they are asked for."""


class Level(StrEnum):
    """Of optimization."""

    O1 = "O1"
    O2 = "O2"
    O3 = "O3"


def choose(wanted: str | None, quick: bool) -> tuple[list[str], list[str]]:
    """(programs of the suite, real programs)."""
    if wanted is None:
        return programs.names(), [] if quick else real.DEFAULT
    chosen = words(wanted)
    known = [*programs.names(), *real.PROJECTS]
    require_known("program", chosen, known)
    return [n for n in chosen if n not in real.PROJECTS], [n for n in chosen if n in real.PROJECTS]


def words(text: str) -> list[str]:
    """Separated by commas or spaces."""
    return text.replace(",", " ").split()


def require_known(what: str, chosen: Iterable[str], known: Collection[str]) -> None:
    """BadParameter that names the first strangers."""
    if unknown := [name for name in chosen if name not in known]:
        raise typer.BadParameter(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")


def measure(
    workloads: list[Workload],
    parts: set[Part],
    level: str,
    tools: Tools,
    seconds: float,
    blocks: int,
    tuned_seconds: float,
    tuned_blocks: int,
) -> Results:
    """All parts, one program after the other, with a word on stderr for each."""
    results = Results(level, [], [], [], None)
    startup = None
    if Part.STARTUP in parts:
        console.print("start-up of a program that does nothing")
        startup = measure_startup(level, BUILD, tools, max(20, 25 * blocks))
    if parts & {Part.COSTS, Part.FOOTPRINT}:
        with running(tools, "off") as server:
            for workload in workloads:
                if Part.COSTS in parts:
                    console.print(f"costs of {workload.name}")
                    results.costs.extend(measure_costs(workload, server, seconds, blocks))
                if Part.FOOTPRINT in parts and workload.name in FOOTPRINT_PROGRAMS:
                    results.footprints.append(measure_footprint(workload, server))
    if Part.SPEEDUP in parts:
        for workload in workloads:
            console.print(f"speed-up of {workload.name}")
            speedup = measure_speedup(workload, tools, tuned_seconds, tuned_blocks)
            results.speedups.append(speedup)
    return Results(level, results.costs, results.speedups, results.footprints, startup)


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Short runs, few pairs, no real programs: 6 minutes.")
    ] = False,
    programs_: Annotated[
        str | None,
        typer.Option("--programs", metavar="NAMES", help="Only these, real ones included."),
    ] = None,
    parts: Annotated[
        str | None, typer.Option(metavar="NAMES", help=f"Only these of {', '.join(Part)}.")
    ] = None,
    level: Annotated[Level, typer.Option("--level", "-O", help="Of both builds.")] = Level.O3,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Of a run for costs or of a static arm. [default: 1, arm 0.7; quick 0.4]"
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1, help="ABBA blocks of those, two pairs each. [default: 5, arms 2; quick 2, 1]"
        ),
    ] = None,
    tuned_seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Of a run under Halo. [default: `once` 6, table 60; quick 4, 20]"),
    ] = None,
    tuned_rounds: Annotated[
        int, typer.Option(min=1, help="Long runs under Halo, for the table.")
    ] = 1,
    strategy: Annotated[str, typer.Option(help="Of `adapt` and `phases`.")] = "adapt",
    inputs: Annotated[
        int | None,
        typer.Option(min=20, help="Of a long session, `repl`. [default: 1000; quick 200]"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Measure anew what the table already has.")
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Results as JSON.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Results as PNG.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep a summary in bench/history.")
    ] = False,
    tools_directory: Annotated[
        Path, typer.Option("--tools", help="Where halo-clang and halo are.")
    ] = Path(sys.executable).parent,
) -> None:
    """What Halo costs and gains against plain clang at the same level.

    Runs alternate in ABBA order; figures are medians of pairs with bootstrap intervals. The parts
    oracle, adapt and phases make the table that decides; they take long, can be done in pieces (by
    --programs and --parts), and go on where they were left. The part repl is interactive C++
    against stock clang-repl.
    """
    if parts:
        require_known("part", words(parts), [str(part) for part in Part])
    usual = set(Part) - TABLE_PARTS - ({Part.REPL} if programs_ else set())
    wanted = {Part(name) for name in words(parts)} if parts else usual
    tools = Tools(tools_directory)
    if table_parts := wanted & TABLE_PARTS:
        if programs_:
            require_known("program", words(programs_), deciding.names())
        length = tuned_seconds or (20.0 if quick else 60.0)
        plan = Plan(strategy, level, length, tuned_rounds, tools, BUILD, BUILD / "data")
        wish = deciding.Wish(
            words(programs_) if programs_ else None,
            {str(part) for part in table_parts},
            plan,
            seconds or (0.4 if quick else 0.7),
            rounds or (1 if quick else 2),
            again,
            record,
            json,
            picture,
        )
        failures = deciding.decide(wish, console, _out())
        for words_ in failures:
            console.print(f"failed: {words_}")
        if wanted <= TABLE_PARTS:
            sys.exit(1 if failures else 0)
    if Part.REPL in wanted:
        amount = repl.QUICK if quick else repl.USUAL
        is_all = wanted <= TABLE_PARTS | {Part.REPL}
        files = (json, picture) if is_all else (None, None)
        try:
            measured = repl.measure(
                replace(amount, inputs=inputs or amount.inputs), tools, BUILD, console.print
            )
        except BenchError as error:
            sys.exit(f"bench: {error}")
        repl.tell(*measured, record, *files, console, _out())
        if is_all:
            return
    own, foreign = choose(programs_, quick)
    try:
        workloads = [_built(name, level, tools) for name in [*own, *foreign]]
        results = measure(
            workloads,
            wanted - TABLE_PARTS,
            level,
            tools,
            seconds or (0.4 if quick else 1.0),
            rounds or (2 if quick else 5),
            tuned_seconds or (4.0 if quick else 6.0),
            1,
        )
    except BenchError as error:
        sys.exit(f"bench: {error}")
    found = goals(results)
    table.show(results, found, Console(highlight=False))
    full = history.document(results, found, datetime.now(UTC))
    stem = history.RESULTS / f"latest-{level}"
    history.write(full, json or stem.with_suffix(".json"))
    if record:
        history.record(full)
    before = history.earlier(level)
    shown = before if record else [*before, history.summary(full)]
    plot.draw(results, shown, picture or stem.with_suffix(".png"))
    written = [json or stem.with_suffix(".json"), picture or stem.with_suffix(".png")]
    console.print("written:", *written)


def _out() -> Console:
    """Files and pipes get lines that hold the table."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 170)


def _built(name: str, level: str, tools: Tools) -> Workload:
    console.print(f"building {name}")
    if name in real.PROJECTS:
        return real.workload(name, level, BUILD, tools)
    return programs.workload(name, level, BUILD, tools)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(bench)
    app()
