"""Real projects, built unmodified with halo-clang by their own build systems, while every function
of theirs is recompiled and swapped at random.

Two questions each: does the project's own test suite pass under a `stress` server, and under one
that searches as it would in production; and does a long run of its main program print what its
plain build prints, with thousands of swaps in it?
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.run import run, run_halo
from harness.server import Server
from harness.tools import Tools
from projects import PROJECTS

from bench import real

LEAST_SWAPS = 2000
LEAST_SHARE = 0.5
"""Of the patchable functions, or 150 of them: as many have been recompiled at least once."""
SECONDS = (6.0, 30.0, 120.0)
"""Of work; longer where a busy machine did not get to enough swaps."""


@dataclass(frozen=True)
class Trees:
    """A project, built plainly and with -fhalo."""

    project: real.Project
    plain: Path
    halo: Path


@pytest.fixture(scope="session")
def trees(project_name: str, tools: Tools, cache: BuildCache) -> Trees:
    project = PROJECTS[project_name]

    def fill(directory: Path) -> None:
        for name, cc, flags in (
            ("plain", tools.clang, "-O2"),
            ("halo", tools.halo_clang, "-O2 -fhalo"),
        ):
            real.build(project, shlex.quote(str(cc)), flags, directory / name)

    directory = cache.directory(f"real {project_name}", fill)
    return Trees(project, directory / "plain", directory / "halo")


@pytest.mark.parametrize("strategy", ["stress", "adapt"])
def test_own_suite_passes(trees: Trees, tools: Tools, tmp_path: Path, strategy: str) -> None:
    store = str(tmp_path / "store.db")
    with Server(tools, tmp_path, "--strategy", strategy, "--store", store) as server:
        cc = shlex.quote(str(tools.halo_clang))
        real.check(trees.project, cc, "-O2 -fhalo", trees.halo, server.address)
        assert server.stop() == 0
    assert "Traceback" not in server.log, server.log
    counts = server.swaps()
    print(f"{trees.project.name}: {sum(counts)} swaps in {len(counts)} processes")


def test_long_run_prints_what_the_plain_build_prints(
    trees: Trees, tools: Tools, tmp_path: Path
) -> None:
    real.write_data(tmp_path)
    name = trees.project.program
    for seconds in SECONDS:
        arguments = trees.project.arguments(tmp_path, seconds)
        expected = run([trees.plain / name, *arguments], cwd=tmp_path, limit_s=600)
        assert expected.stdout
        outcome = run_halo(
            tools, "stress", [trees.halo / name, *arguments], tmp_path, cwd=tmp_path, limit_s=900
        )
        assert outcome.status == expected.status, outcome.stderr
        assert outcome.stdout == expected.stdout, outcome.stderr
        stress = outcome.report["stress"] or {}
        functions, built = stress.get("functions", 0), stress.get("built", 0)
        print(f"{trees.project.name}: {outcome.swaps} swaps, {built} of {functions} functions")
        if outcome.swaps >= LEAST_SWAPS and built >= min(150, LEAST_SHARE * functions):
            return
    raise AssertionError(f"too few swaps, or of too few functions: {outcome.report}")
