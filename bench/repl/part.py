"""The part `repl` of the benchmark: what it measures, in which order, and what is written of it.

In: how much. Out: tables on stdout; JSON, Markdown and a picture in bench/results; with `--record`
a summary in bench/history and the tables in docs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import history
from bench.deciding import DOCUMENT, publish
from bench.goals import Goal
from bench.machine import commit, processor
from bench.programs import Tools
from bench.repl import show
from bench.repl.autoload import measure_autoload
from bench.repl.begin import measure_headers, measure_start, warm
from bench.repl.entry import measure_completion, measure_crash, measure_entry
from bench.repl.figures import OURS, Figure
from bench.repl.memory import (
    INPUT_GOAL_BYTES,
    MAPPINGS_GOAL,
    Growth,
    measure_executor,
    measure_growth,
)
from bench.repl.pipe import measure_pipe
from bench.repl.rivals import Place

KIND = "repl"
MOST_STOCK_INPUTS = 1000
"""Of a long session: stock clang-repl takes 50 ms for each."""


@dataclass(frozen=True)
class Amount:
    """Of samples; `inputs` of a long session."""

    rounds: int
    headers: int
    pipes: int
    piped: int
    inputs: int


USUAL = Amount(rounds=20, headers=5, pipes=3, piped=100, inputs=1000)
QUICK = Amount(rounds=5, headers=2, pipes=1, piped=40, inputs=200)


def measure(
    amount: Amount, tools: Tools, build: Path, say: Callable[[str], object]
) -> tuple[list[Figure], list[Growth]]:
    """One thing after the other. BenchError."""
    place = Place(tools, build / KIND)
    place.directory.mkdir(parents=True, exist_ok=True)
    os.environ.update(place.environment())  # of sessions in this process
    say("header cache")
    warm()
    steps: Sequence[tuple[str, Callable[[], list[Figure]]]] = (
        ("Enter to result", lambda: measure_entry(place, amount.rounds)),
        ("inputs on a pipe", lambda: measure_pipe(place, amount.pipes, amount.piped)),
        ("start to prompt", lambda: measure_start(place, amount.rounds // 2)),
        ("headers and first uses", lambda: measure_headers(place, amount.headers)),
        ("crashes", lambda: measure_crash(place, amount.rounds // 2)),
        ("completion", lambda: measure_completion(place, amount.rounds // 2)),
        ("automatic libraries", lambda: measure_autoload(place, amount.headers)),
        ("executors", measure_executor),
    )
    figures: list[Figure] = []
    for what, step in steps:
        say(what)
        figures += step()
    say(f"a session of {amount.inputs} inputs")
    growths = measure_growth(place, amount.inputs, min(amount.inputs, MOST_STOCK_INPUTS))
    return figures, growths


def verdicts(figures: Sequence[Figure], growths: Sequence[Growth]) -> list[Goal]:
    """Of everything that is ours."""
    found = [goal for figure in figures for goal in figure.goals()]
    for growth in growths:
        for process in growth.processes() if growth.rival in OURS else ():
            each = growth.input_bytes(process)
            mappings = growth.new_mappings(process)
            count = growth.points[-1].inputs
            found.append(
                Goal(f"mappings after {count} inputs", mappings, MAPPINGS_GOAL, "", None, process)
            )
            if each is not None:
                found.append(Goal("bytes an input", each, INPUT_GOAL_BYTES, "bytes", None, process))
    return found


def document(figures: Sequence[Figure], growths: Sequence[Growth], now: datetime) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "version": 1,
        "kind": KIND,
        "when": now.astimezone(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": processor(),
        "goals": [{**asdict(goal), "is_met": goal.is_met} for goal in verdicts(figures, growths)],
        "figures": [asdict(figure) for figure in figures],
        "growths": [asdict(growth) for growth in growths],
    }


def summary(full: dict[str, Any]) -> dict[str, Any]:
    """What is kept for ever."""
    names = ("version", "kind", "when", "commit", "processor")
    limited = [goal for goal in full["goals"] if goal["limit"]]
    return {
        **{name: full[name] for name in names},
        "goals": {_name(goal): round(goal["value"], 4) for goal in full["goals"]},
        "of_goal": {_name(goal): round(goal["value"] / goal["limit"], 4) for goal in limited},
    }


def _name(goal: dict[str, Any]) -> str:
    return f"{goal['name']}: {goal['where']}"


def tell(
    figures: Sequence[Figure],
    growths: Sequence[Growth],
    is_recorded: bool,
    json: Path | None,
    picture: Path | None,
    console: Console,
    out: Console,
) -> None:
    """Shows and writes."""
    show.show(figures, growths, out)
    full = document(figures, growths, datetime.now(UTC))
    stem = history.RESULTS / f"latest-{KIND}"
    json, picture = json or stem.with_suffix(".json"), picture or stem.with_suffix(".png")
    history.write(full, json)
    told = show.markdown(figures, growths)
    notes = stem.with_suffix(".md")
    notes.write_text(told)
    kept = summary(full)
    show.draw(figures, growths, [*history.earlier_of(KIND), kept], picture)
    console.print("written:", json, notes, picture)
    if is_recorded:
        recorded = history.keep(kept, KIND)
        drawing = DOCUMENT.with_name(f"{KIND}.png")
        console.print("recorded:", recorded, publish(told, full, DOCUMENT, KIND, drawing.name))
        shutil.copyfile(picture, drawing)
