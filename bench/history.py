"""Results as JSON, and the figures of earlier runs.

A run's whole result goes to bench/results (not kept by git); `--record` adds a small summary to
bench/history, which is.
"""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.goals import Goal, Results

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
HISTORY = HERE / "history"


def document(results: Results, found: list[Goal], now: datetime) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "version": 1,
        "when": now.astimezone(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
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


def write(full: dict[str, Any], path: Path) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(full, indent=1) + "\n")


def record(full: dict[str, Any], directory: Path = HISTORY) -> Path:
    """Adds the summary to the history; returns its file."""
    stamp = str(full["when"])[:19].replace(":", "").replace("-", "")
    path = directory / f"{stamp}-{full['level']}.json"
    write(summary(full), path)
    return path


def earlier(level: str, directory: Path = HISTORY) -> list[dict[str, Any]]:
    """Summaries at that level, oldest first."""
    found = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
    return [one for one in found if one.get("level") == level]


def _commit() -> str:
    result = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    )
    return result.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
