"""Strategy `adapt` with real programs: it finds what is faster, remembers it, keeps its account.

The program is built at -O1, where its loop is not vectorized: what O3 makes of it is several times
as fast, on any machine and however busy it is.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.cache import BuildCache
from harness.run import Outcome, run, run_halo
from harness.tools import Tools

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def slow(tools: Tools, cache: BuildCache) -> Path:
    """programs/hot.c at -O1."""

    def fill(directory: Path) -> None:
        command = [tools.halo_clang, "-O1", "-fhalo", PROGRAMS / "hot.c", "-o", directory / "slow"]
        subprocess.run(command, check=True)

    return cache.directory("slow", fill) / "slow"


@pytest.fixture
def adapt(tools: Tools, slow: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """adapt(ms, *options): the program under `adapt`; same output and status as alone."""
    plain = run([slow, "1"], extra={"HALO_DISABLE": "1"})

    def run_it(ms: int, *options: str) -> Outcome:
        outcome = run_halo(tools, "adapt", [slow, str(ms)], tmp_path, options=options)
        assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
        return outcome

    return run_it


def _events(outcome: Outcome) -> list[str]:
    return [entry["event"] for entry in outcome.report["timeline"]]


def test_the_faster_version_wins_and_the_story_says_so(adapt: Callable[..., Outcome]) -> None:
    outcome = adapt(6000, "--story")
    region = next(region for region in outcome.regions if region["name"] == "mix")
    assert region["is_kept"]
    assert region["speedup_low"] > 1.0
    assert region["trials"] >= 2
    assert "instead of" in outcome.stderr
    exploration = outcome.report["exploration"]
    assert exploration["won"] >= 1
    decided = sum(exploration[name] for name in ("won", "lost", "tied", "undecided"))
    assert exploration["trials"] == decided >= region["trials"]


def test_the_second_run_begins_with_what_the_first_found(
    adapt: Callable[..., Outcome], tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "store.db"))
    first = adapt(6000, *store)
    assert "recalled" not in _events(first)
    second = adapt(6000, *store)
    assert _events(second)[0] == "recalled"
    assert any(region["name"] == "mix" for region in second.regions)


def test_what_a_process_crashed_in_is_not_used_again(
    tools: Tools, slow: Path, adapt: Callable[..., Outcome], tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "store.db"))
    crashed = run_halo(tools, "adapt", [slow, "6000", "abort"], tmp_path, options=store)
    assert crashed.status == 128 + signal.SIGABRT
    assert crashed.regions[0]["is_kept"]
    assert any("SIGABRT" in message for message in crashed.report["messages"])
    again = adapt(3000, *store, "--budget", "0")
    crashed_in = crashed.regions[0]["recipe"]
    assert all(region["recipe"] != crashed_in for region in again.regions)


def test_a_damaged_store_costs_the_memory_and_nothing_else(
    adapt: Callable[..., Outcome], tmp_path: Path
) -> None:
    store = tmp_path / "store.db"
    store.write_bytes(b"this is no database" * 1000)
    outcome = adapt(6000, "--store", str(store))
    assert outcome.regions
    assert store.read_bytes().startswith(b"this is no database")


def test_without_a_budget_nothing_is_tried(adapt: Callable[..., Outcome]) -> None:
    outcome = adapt(2500, "--budget", "0")
    assert outcome.report["exploration"]["trials"] == 0
    assert outcome.regions == []


def test_the_cost_stays_within_the_budget(adapt: Callable[..., Outcome]) -> None:
    outcome = adapt(8000, "--budget", "5%")
    exploration: dict[str, Any] = outcome.report["exploration"]
    assert exploration["budget_share"] == pytest.approx(0.05)
    # The last step may cost more than was expected of it.
    assert sum(exploration["spent_s"].values()) < 3 * max(0.3, 0.05 * exploration["cpu_s"])


def test_fewer_trials_on_request(adapt: Callable[..., Outcome]) -> None:
    outcome = adapt(4000, "--trials", "1")
    assert all(region["trials"] <= 1 for region in outcome.regions)
