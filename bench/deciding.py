"""The deciding table from its parts: measured as far as asked, then shown with all that is there.

In: which programs and parts, how long, how often. Out: tables on stdout; JSON, Markdown, a picture
in bench/results; with `--record` a summary in bench/history and the tables in docs.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import adapt, alternating, decision, history, long, oracle, programs, table
from bench.adapt import Plan
from bench.decide import Row, row
from bench.kept import Kept
from bench.suite import Subject, subjects
from bench.verdicts import verdicts

RESULTS = history.RESULTS / "table"
DOCUMENT = history.HERE.parent / "docs" / "measurements.md"
BEGIN, END = "<!-- {} -->", "<!-- end of {} -->"
"""Of what is written anew in the document, by its kind."""


@dataclass(frozen=True)
class Wish:
    """What a person asked for."""

    programs: Sequence[str] | None
    """None: all."""
    parts: Collection[str]
    plan: Plan
    seconds: float
    blocks: int
    """Of the static arms."""
    is_again: bool = False
    is_recorded: bool = False
    json: Path | None = None
    picture: Path | None = None


def names() -> list[str]:
    """Programs that the table may have."""
    return [*(subject.name for subject in subjects()), programs.PHASES]


def decide(wish: Wish, console: Console, out: Console) -> list[str]:
    """Measures what is missing, shows the table; returns what failed, in words."""
    kept = Kept(RESULTS)
    wanted = list(wish.programs) if wish.programs is not None else names()
    if wish.is_again:
        long.forget(kept, wanted, wish.parts)
    chosen = [subject for subject in subjects() if subject.name in wanted]
    has_phases = programs.PHASES in wanted
    todo = long.jobs(chosen, wish.parts, has_phases, kept, wish.plan, wish.seconds, wish.blocks)
    failures = long.work(todo, console.print) if todo else []
    _tell(wish, kept, console, out)
    return failures


def rows(kept: Kept, chosen: Sequence[Subject], plan: Plan) -> list[Row]:
    """Of programs that were measured at all; runs of another strategy or length do not count."""
    found = []
    for subject in chosen:
        one = kept.read(subject.name)
        if not adapt.rounds_done(one.get(adapt.PART, {}), plan):
            one.pop(adapt.PART, None)
        if adapt.PART in one or oracle.PART in one:
            found.append(row(one))
    return found


def _tell(wish: Wish, kept: Kept, console: Console, out: Console) -> None:
    strategy = wish.plan.strategy
    found = rows(kept, subjects(), wish.plan)
    phases = kept.part(programs.PHASES, alternating.PART)
    if not alternating.is_of(phases, wish.plan):
        phases = {}
    goals = verdicts(found, phases, history.offline())
    earlier = history.earlier_tables(strategy)
    before = earlier[-1]["steady"] if earlier else {}
    decision.show(found, before, out)
    table.show_goals(goals, out)
    full = history.table_document(found, goals, strategy, datetime.now(UTC))
    stem = history.RESULTS / f"latest-{history.TABLE}"
    json, picture = wish.json or stem.with_suffix(".json"), wish.picture or stem.with_suffix(".png")
    history.write(full, json)
    notes = stem.with_suffix(".md")
    told = decision.markdown(found, before) + table.goals_markdown(goals)
    notes.write_text(told)
    shown = [*earlier, history.table_summary(full)]
    decision.draw(found, {one.program: kept.read(one.program) for one in found}, shown, picture)
    console.print("written:", json, notes, picture)
    if wish.is_recorded:
        console.print("recorded:", history.record_table(full), publish(told, full, DOCUMENT))
        shutil.copyfile(picture, DOCUMENT.with_name("tuning.png"))


def publish(
    told: str,
    full: Mapping[str, Any],
    document: Path,
    kind: str = history.TABLE,
    picture: str = "tuning.png",
) -> Path:
    """Puts the tables between the document's marks. ValueError if it has none."""
    begin, end = BEGIN.format(kind), END.format(kind)
    before, _, rest = document.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{document} has no {begin} and {end}")
    where = f"Measured on {str(full['when'])[:10]} at {full['commit']}, {full['processor']}."
    shown = f"![speeds]({picture})"
    document.write_text(f"{before}{begin}\n{where}\n\n{shown}\n\n{told}\n{end}{after}")
    return document
