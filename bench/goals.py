"""What the figures should be, and whether they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.costs import Cost
from bench.footprint import Footprint
from bench.speedup import Speedup
from bench.startup import Startup
from bench.statistics import Ratio, geometric_mean


@dataclass(frozen=True)
class Results:
    """Everything a run of the benchmark measured."""

    level: str
    costs: list[Cost]
    speedups: list[Speedup]
    footprints: list[Footprint]
    startup: Startup | None


@dataclass(frozen=True)
class Goal:
    """A figure and the most, or the least, it should be (None: no goal, for information)."""

    name: str
    value: float
    limit: float | None
    unit: str = ""
    interval: Ratio | None = None
    where: str = ""
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """True where there is no goal."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.is_least else self.value <= self.limit


ARM_NAMES = {"no_server": "-fhalo, no server", "off": "sampled, strategy off"}


def goals(results: Results) -> list[Goal]:
    """In the order they are told."""
    found = [goal for arm in ARM_NAMES for goal in _cost_goals(arm, results.costs)]
    if startup := results.startup:
        found += [
            Goal("start-up, median", startup.added_ms, 1.0, "ms"),
            Goal("start-up, fastest runs", startup.added_min_ms, None, "ms"),
            Goal("runtime's code", startup.runtime_code_bytes / 1024, 150, "KB"),
        ]
    if results.footprints:
        most = max(results.footprints, key=lambda f: f.sampled_kb)
        found.append(Goal("resident while sampled", most.sampled_kb, 400, "KB", where=most.program))
        large = max(results.footprints, key=lambda f: f.file_bytes)
        found.append(Goal("file", large.file_bytes / 1024, None, "KB", where=large.program))
    return found + _speedup_goals(results.speedups)


def _cost_goals(arm: str, costs: Sequence[Cost]) -> list[Goal]:
    chosen = [cost for cost in costs if cost.arm == arm]
    if not chosen:
        return []
    cpu = geometric_mean([cost.cpu_ratios for cost in chosen])
    wall = geometric_mean([cost.wall_ratios for cost in chosen])
    worst = max(chosen, key=lambda cost: cost.cpu.value)
    name = ARM_NAMES[arm]
    return [
        Goal(f"{name}: CPU, geomean", cpu.value, 1.01, "x", cpu),
        Goal(f"{name}: CPU, worst", worst.cpu.value, 1.03, "x", worst.cpu, worst.program),
        Goal(f"{name}: wall, geomean", wall.value, None, "x", wall),
    ]


def _speedup_goals(speedups: Sequence[Speedup]) -> list[Goal]:
    if not speedups:
        return []
    steady = geometric_mean([s.steady_ratios for s in speedups])
    whole = geometric_mean([s.whole_ratios for s in speedups])
    found = [
        Goal("speed-up once patched, geomean", steady.value, None, "x", steady),
        Goal("speed-up of whole runs, geomean", whole.value, None, "x", whole),
    ]
    patched = [s for s in speedups if s.first_patch_s is not None]
    if patched:
        late = max(patched, key=lambda s: s.first_patch_s or 0.0)
        value = late.first_patch_s or 0.0
        found.append(Goal("first patch, latest", value, 1.5, "s", where=late.program))
    return found
