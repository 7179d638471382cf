"""Results stay the same to the last bit, whatever the knobs say.

Every bench program prints its results in hexadecimal digits. Each runs under `stress`, which
recompiles and swaps its functions by recipes drawn from every knob there is, and must print
what a plain clang build prints. HALO_SOAK_S makes each run longer, HALO_SOAK_SEEDS runs more
of them (a soak: 20 and 50).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.run import run, run_halo, without_server
from harness.tools import Tools

from bench.programs import ROUNDS_PER_S, source

SECONDS = float(os.environ.get("HALO_SOAK_S", "1"))
LONGER = 8
"""Times as long a second try is, where the first ended before anything was swapped."""
SEEDS = range(1, 1 + int(os.environ.get("HALO_SOAK_SEEDS", "1")))


def compiled(name: str, tools: Tools, cache: BuildCache, *, is_halo: bool) -> Path:
    """The bench program, built at -O2 plainly or with -fhalo."""
    path = source(name)

    def fill(directory: Path) -> None:
        compiler = tools.compiler(is_halo=is_halo, is_cxx=path.suffix == ".cpp")
        flags = ["-O2", *(["-fhalo"] if is_halo else [])]
        subprocess.run([compiler, *flags, path, "-o", directory / name, "-lm"], check=True)

    return cache.directory(f"bits-{name}-{is_halo}", fill) / name


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(ROUNDS_PER_S))
def test_stress_prints_what_plain_code_prints(
    name: str, seed: int, tools: Tools, cache: BuildCache, tmp_path: Path
) -> None:
    for seconds in (SECONDS, LONGER * SECONDS):
        rounds = str(max(1, round(ROUNDS_PER_S[name] * seconds)))
        plain = run(
            [compiled(name, tools, cache, is_halo=False), rounds], extra=without_server(tmp_path)
        )
        assert plain.status == 0
        stressed = run_halo(
            tools,
            "stress",
            [compiled(name, tools, cache, is_halo=True), rounds],
            tmp_path,
            options=["--seed", str(seed)],
        )
        assert stressed.stdout == plain.stdout
        assert stressed.status == 0
        if stressed.swaps:
            return
    raise AssertionError("nothing was swapped: the run was too short to prove anything")
