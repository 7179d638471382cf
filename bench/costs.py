"""What -fhalo costs a program that nobody tunes: without a server, and while it is sampled.

Three arms (plain, no server, strategy off) run in ABBA order; each block gives two pairs an arm.
Both times are kept: processor time is what a busy machine does not disturb, wall time what a user
sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.measure import Sample, palindrome, require_same_output, run
from bench.programs import Workload
from bench.server import NO_SERVER
from bench.statistics import Ratio, median_ratio, pair_ratios

ARMS = ("plain", "no_server", "off")


@dataclass(frozen=True)
class Cost:
    """Of one arm against plain, for one program. Ratios above 1 are slower."""

    program: str
    arm: str
    cpu: Ratio
    wall: Ratio
    cpu_ratios: list[float]
    wall_ratios: list[float]


def measure_costs(
    workload: Workload, server: Mapping[str, str], seconds: float, blocks: int
) -> list[Cost]:
    """`server`: the environment that leads to a server whose strategy is off."""
    environments = {"plain": NO_SERVER, "no_server": NO_SERVER, "off": server}
    samples: dict[str, list[Sample]] = {arm: [] for arm in ARMS}
    for arm in palindrome(ARMS, blocks):
        command = workload.command(arm != "plain", seconds)
        samples[arm].append(run(command, environments[arm], workload.cwd))
    require_same_output(workload.name, samples)
    return [_cost(workload.name, arm, samples) for arm in ARMS[1:]]


def _cost(program: str, arm: str, samples: Mapping[str, list[Sample]]) -> Cost:
    plain, measured = samples["plain"], samples[arm]
    cpu = pair_ratios([s.cpu_s for s in measured], [s.cpu_s for s in plain])
    wall = pair_ratios([s.wall_s for s in measured], [s.wall_s for s in plain])
    return Cost(program, arm, median_ratio(cpu), median_ratio(wall), cpu, wall)
