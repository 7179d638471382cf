"""Results as JSON, and the figures of earlier runs.

A run's whole result goes to bench/results (not kept by git); `--record` adds a small summary to
bench/history, which is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.decide import Row
from bench.goals import Goal, Results
from bench.machine import commit, processor

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
HISTORY = HERE / "history"
TABLE = "table"


def document(results: Results, found: list[Goal], now: datetime) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "version": 1,
        "when": now.astimezone(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": processor(),
        "level": results.level,
        "goals": [{**asdict(goal), "is_met": goal.is_met} for goal in found],
        **asdict(results),
    }


def summary(full: dict[str, Any]) -> dict[str, Any]:
    """What is worth keeping for ever: the goals' figures and a line a program."""
    kept = {key: full[key] for key in ("version", "when", "commit", "processor", "level")}
    return {
        **kept,
        "goals": {goal["name"]: round(goal["value"], 4) for goal in full["goals"]},
        "cpu": {f"{c['program']} {c['arm']}": round(c["cpu"]["value"], 4) for c in full["costs"]},
        "steady": {s["program"]: round(s["steady"]["value"], 3) for s in full["speedups"]},
    }


def table_document(
    rows: Sequence[Row], found: Sequence[Goal], strategy: str, now: datetime
) -> dict[str, Any]:
    """The deciding table, for machines."""
    return {
        "version": 1,
        "kind": TABLE,
        "when": now.astimezone(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": processor(),
        "strategy": strategy,
        "goals": [{**asdict(goal), "is_met": goal.is_met} for goal in found],
        "rows": [{**asdict(row), "steady": row.steady and row.steady.value} for row in rows],
    }


def table_summary(full: dict[str, Any]) -> dict[str, Any]:
    """What is kept of it for ever."""
    kept = {k: full[k] for k in ("version", "kind", "when", "commit", "processor", "strategy")}
    rows = full["rows"]
    return {
        **kept,
        "goals": {goal["name"]: round(goal["value"], 4) for goal in full["goals"]},
        "oracle": {
            r["program"]: [r["oracle_arm"], round(r["oracle"]["value"], 3)]
            for r in rows
            if r["oracle"]
        },
        "steady": {r["program"]: round(r["steady"], 3) for r in rows if r["steady"]},
        "whole": {r["program"]: round(fmean(r["long"]), 3) for r in rows if r["long"]},
    }


def record_table(full: dict[str, Any], directory: Path = HISTORY) -> Path:
    """Adds the table's summary to the history; returns its file."""
    return keep(table_summary(full), TABLE, directory)


def keep(summary: dict[str, Any], kind: str, directory: Path = HISTORY) -> Path:
    """Adds a summary to the history; returns its file."""
    stamp = str(summary["when"])[:19].replace(":", "").replace("-", "")
    path = directory / f"{stamp}-{kind}.json"
    write(summary, path)
    return path


def earlier_of(kind: str, directory: Path = HISTORY) -> list[dict[str, Any]]:
    """Summaries of that kind, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(directory.glob(f"*-{kind}.json"))]


def earlier_tables(strategy: str, directory: Path = HISTORY) -> list[dict[str, Any]]:
    """Summaries of tables of that strategy, oldest first."""
    return [one for one in earlier_of(TABLE, directory) if one.get("strategy") == strategy]


def offline(directory: Path = HISTORY) -> dict[str, float]:
    """Speed against -O3 that an offline search found, by program; empty before there was one."""
    try:
        found = json.loads((directory / "offline.json").read_text())
    except FileNotFoundError:
        return {}
    return {name: float(one["best"]) for name, one in found.get("programs", {}).items()}


def write(full: dict[str, Any], path: Path) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(full, indent=1) + "\n")


def record(full: dict[str, Any], directory: Path = HISTORY) -> Path:
    """Adds the summary to the history; returns its file."""
    return keep(summary(full), str(full["level"]), directory)


def earlier(level: str, directory: Path = HISTORY) -> list[dict[str, Any]]:
    """Summaries at that level, oldest first."""
    return [one for one in earlier_of(level, directory) if one.get("level") == level]
