"""What Halo gains: `halo run` with the strategy `once`, against plain clang at the same level.

The ratio of whole runs holds everything (profiling, compiling, trying) and depends on how long a
run is; the steady ratio is what a long run comes to: the speed of the last laps by the program's
own count, or for real programs what the report's regions amount to together.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Lap, Sample, palindrome, require_same_output, run
from bench.programs import Tools, Workload
from bench.server import NO_SERVER
from bench.statistics import Ratio, median_ratio, pair_ratios

STEADY_SHARE = 0.4
"""Of a run's time, at its end."""


@dataclass(frozen=True)
class Speedup:
    """Ratios above 1 are faster. None where nothing was patched."""

    program: str
    whole: Ratio
    steady: Ratio
    whole_ratios: list[float]
    steady_ratios: list[float]
    first_patch_s: float | None
    regions: list[dict[str, Any]]


def measure_speedup(workload: Workload, tools: Tools, seconds: float, blocks: int) -> Speedup:
    """Runs of about that many seconds, plain and tuned in turns."""
    samples: dict[str, list[Sample]] = {"plain": [], "once": []}
    reports: list[dict[str, Any]] = []
    for arm in palindrome(("plain", "once"), blocks):
        command = workload.command(arm != "plain", seconds)
        if arm == "plain":
            samples[arm].append(run(command, NO_SERVER, workload.cwd))
        else:
            sample, report = _run_tuned(command, tools, workload.cwd)
            samples[arm].append(sample)
            reports.append(report)
    require_same_output(workload.name, samples)
    plain = [_run_s(sample) for sample in samples["plain"]]
    tuned = [
        _run_s(sample, report) for sample, report in zip(samples["once"], reports, strict=True)
    ]
    whole = pair_ratios(plain, tuned)
    steady = [
        _steady(a, b, report)
        for a, b, report in zip(samples["plain"], samples["once"], reports, strict=True)
    ]
    patched = [r["patched_after_s"] for report in reports for r in report["regions"]]
    return Speedup(
        workload.name,
        median_ratio(whole),
        median_ratio(steady),
        whole,
        steady,
        statistics.median(_first_patches(reports)) if patched else None,
        reports[-1]["regions"],
    )


def _run_tuned(command: list[str], tools: Tools, cwd: Path | None) -> tuple[Sample, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as directory:
        path = Path(directory) / "report.json"
        tuned = [tools.halo("halo"), "run", "--strategy", "once", "--json", str(path), "--"]
        sample = run([*tuned, *command], cwd=cwd)
        return sample, json.loads(path.read_text())


def _first_patches(reports: list[dict[str, Any]]) -> list[float]:
    return [
        min(region["patched_after_s"] for region in report["regions"])
        for report in reports
        if report["regions"]
    ]


def _run_s(sample: Sample, report: dict[str, Any] | None = None) -> float:
    """The program's life: by its own clock if it has one."""
    if sample.laps:
        return sample.laps[-1].at_s
    return float(report["wall_s"]) if report else sample.wall_s


def _steady(plain: Sample, tuned: Sample, report: dict[str, Any]) -> float:
    if plain.laps and tuned.laps:
        return steady_per_cpu_s(tuned.laps) / steady_per_cpu_s(plain.laps)
    return regions_together(report["regions"])


def steady_per_cpu_s(laps: list[Lap]) -> float:
    """The median speed of the last laps."""
    begin_s = laps[-1].at_s * (1 - STEADY_SHARE)
    return statistics.median(lap.per_cpu_s for lap in laps if lap.at_s >= begin_s)


def regions_together(regions: list[dict[str, Any]]) -> float:
    """Amdahl's law over the measured regions. The shares are of the time before."""
    kept = [r for r in regions if r.get("is_kept", True) and r["speedup"]]
    share = sum(float(region["share"]) for region in kept)
    scale = 1 / share if share > 1 else 1.0
    left = 1 - share * scale
    return 1.0 / (left + sum(float(r["share"] * scale / r["speedup"]) for r in kept))
