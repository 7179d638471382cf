"""gdb and perf see the code that Halo made, by name."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.run import environment
from harness.server import Server
from harness.tools import Tools

SOLVER = Path(__file__).parents[2] / "examples" / "demo" / "lu.c"
LIMIT_S = 90


@pytest.fixture(scope="session")
def solver(tools: Tools, cache: BuildCache) -> Path:
    """The demo's program; its hot function `factor` has external linkage."""

    def fill(directory: Path) -> None:
        command = [tools.halo_clang, "-O2", "-fhalo", SOLVER, "-o", directory / "lu", "-lm"]
        subprocess.run(command, check=True)

    return cache.directory("solver", fill) / "lu"


def test_gdb_breaks_in_a_variant_by_name(tools: Tools, solver: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        "set pagination off\nset confirm off\nset breakpoint pending on\n"
        "set debuginfod enabled off\nbreak factor.halo\nrun\nbacktrace\nkill\n"
    )
    server = Server(tools, tmp_path, "--debug-info")
    try:
        seen = subprocess.run(
            ["gdb", "-nx", "-batch", "-x", script, "--args", solver, "1000000"],
            env=environment(server.address),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        ).stdout
    finally:
        server.stop()
    assert "hit Breakpoint 1" in seen
    assert " in factor" in seen
    assert " in main ()" in seen


def test_perf_names_a_variant(tools: Tools, hot: Path, tmp_path: Path) -> None:
    samples = tmp_path / "perf.data"
    server = Server(tools, tmp_path, "--strategy", "once")
    # Only the program is recorded; it is ended once the variant has run for a while.
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-e", "task-clock", "-F", "500", "-o", samples, hot, "60000"],
        env=environment({**server.address, "HALO_PERF_MAP": "1"}),
        stdout=subprocess.DEVNULL,
    )
    try:
        server.wait_for("mix: O3 for this processor instead of the original: .*kept")
        pid = int(subprocess.check_output(["pgrep", "-P", str(recorder.pid), "-x", "hot"]))
        os.kill(pid, signal.SIGTERM)
        recorder.wait(LIMIT_S)
        names = subprocess.run(
            ["perf", "report", "-i", samples, "--stdio", "--sort", "symbol"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    finally:
        recorder.kill()
        recorder.wait()
        server.stop()
    assert "mix.halo" in names
    Path(f"/tmp/perf-{pid}.map").unlink()
