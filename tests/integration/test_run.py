"""`halo run` with real programs: what they print, how they end, what is reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness.run import environment, run, run_halo
from harness.tools import Tools


def test_a_hot_function_is_patched_timed_and_reported(
    tools: Tools, hot: Path, tmp_path: Path
) -> None:
    plain = run([hot, "1"], extra={"HALO_DISABLE": "1"})
    outcome = run_halo(tools, "once", [hot, "5000"], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
    region = outcome.regions[0]
    assert region["name"] == "mix"
    assert region["share"] > 0.5
    assert region["patched_after_s"] > 0
    assert region["speedup_low"] <= region["speedup"] <= region["speedup_high"]
    assert abs(region["before_ns"] / region["after_ns"] / region["speedup"] - 1) < 1e-6
    assert outcome.report["exit_status"] == 0
    assert outcome.report["wall_s"] >= 5
    assert "mix" in outcome.stderr


def test_a_program_in_a_container_is_tuned(tools: Tools, hot: Path, tmp_path: Path) -> None:
    """Under filters that it began with, and without perf."""
    contained = tmp_path / "contained"
    source = Path(__file__).parent / "programs/contained.c"
    subprocess.run([tools.clang, source, "-o", contained], check=True)
    plain = run([hot, "1"], extra={"HALO_DISABLE": "1"})
    outcome = run_halo(tools, "once", [contained, hot, "5000"], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
    assert outcome.regions[0]["name"] == "mix"
    assert outcome.regions[0]["patched_after_s"] > 0


def test_off_profiles_and_changes_nothing(tools: Tools, hot: Path, tmp_path: Path) -> None:
    outcome = run_halo(tools, "off", [hot, "6000"], tmp_path)
    assert outcome.status == 0
    assert outcome.regions == []
    assert outcome.report["samples"] > 20


def test_stress_swaps_and_the_results_stay(tools: Tools, hot: Path, tmp_path: Path) -> None:
    plain = run([hot, "1"], extra={"HALO_DISABLE": "1"})
    outcome = run_halo(tools, "stress", [hot, "4000"], tmp_path)
    assert (outcome.stdout, outcome.status) == (plain.stdout, plain.status)
    assert outcome.swaps > 1000
    assert outcome.report["stress"]["built"] >= 1


@pytest.mark.parametrize(("ending", "status"), [("7", 7), ("kill", 128 + signal.SIGTERM)])
def test_the_exit_status_is_the_program_s(
    tools: Tools, hot: Path, tmp_path: Path, ending: str, status: int
) -> None:
    outcome = run_halo(tools, "once", [hot, "1", ending], tmp_path)
    assert outcome.status == status
    assert outcome.report["exit_status"] == status


def test_a_program_that_ends_at_once(tools: Tools, hot: Path, tmp_path: Path) -> None:
    outcome = run_halo(tools, "once", [hot], tmp_path)
    assert outcome.status == 0
    assert outcome.stdout.startswith(b"ready\nsum ")


def test_signals_go_on_to_the_program(tools: Tools, hot: Path) -> None:
    child = subprocess.Popen(
        [tools.halo, "run", "--quiet", "--", hot, "60000", "signal"],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGTERM)
    said, _ = child.communicate(timeout=60)
    assert said.endswith(b"caught 15\n")
    assert child.returncode == 3


def test_a_run_can_be_steered_by_its_socket(tools: Tools, hot: Path, tmp_path: Path) -> None:
    socket = tmp_path / "own" / "server.sock"
    socket.parent.mkdir(mode=0o700)
    command = [tools.halo, "run", "--quiet", "--socket", socket, "--", hot, "60000"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        begin = time.monotonic()
        processes: list[object] = []
        while not processes:
            assert time.monotonic() - begin < 60
            told = run([tools.halo, "status", "--json", "--socket", socket])
            processes = json.loads(told.stdout)["processes"] if told.status == 0 else []
        assert b"frozen" in run([tools.halo, "freeze", "--socket", socket]).stdout
    finally:
        child.terminate()
        child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert list(socket.parent.iterdir()) == []


def test_a_program_without_halo_runs_and_the_report_says_how_to_build_it(
    tools: Tools, tmp_path: Path
) -> None:
    outcome = run_halo(tools, "once", ["/bin/sh", "-c", "cat; exit 4"], tmp_path, stdin=b"hello")
    assert (outcome.stdout, outcome.status) == (b"hello", 4)
    assert "halo-clang -O2 -fhalo" in outcome.stderr
    assert "halo-clang -O2 -fhalo" in outcome.report["messages"][0]


def test_what_cannot_be_started(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    missing = run_halo(tools, "once", [tmp_path / "nothing"], tmp_path)
    refused = run_halo(tools, "once", [tmp_path / "text"], tmp_path)
    assert (missing.status, refused.status) == (127, 126)
    assert "No such file" in missing.stderr
    assert "Permission denied" in refused.stderr


def test_quiet_says_nothing(tools: Tools, hot: Path) -> None:
    outcome = run([tools.halo, "run", "-q", "--", hot, "1"])
    assert outcome.status == 0
    assert outcome.stderr == ""


def test_a_report_that_cannot_be_written_is_a_message(tools: Tools, hot: Path) -> None:
    outcome = run([tools.halo, "run", "-q", "--json", "/dev/full", "--", hot, "1", "5"])
    assert outcome.status == 5
    assert outcome.stderr == "halo: cannot write /dev/full: No space left on device\n"


def test_no_process_or_directory_is_left(tools: Tools, hot: Path, tmp_path: Path) -> None:
    outcome = run_halo(tools, "once", [hot, "1500"], tmp_path, extra={"TMPDIR": str(tmp_path)})
    assert outcome.status == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"report-once-{os.getpid()}.json"]
