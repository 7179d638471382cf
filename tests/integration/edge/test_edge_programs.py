"""Every edge program behaves exactly as its plain build: the same bytes, the same exit status.

Run plainly, and as a Halo program: alone (no server), under `adapt`, under `stress`. Under `stress`
the functions of a tunable program must really have been swapped: when a run was too short for that
(a busy machine), it is run again for longer.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import ALL
from harness.program import Program
from harness.run import Outcome, run, run_halo, shell_status, without_server
from harness.tools import Tools

ALONE_MS = 50
STRATEGY_MS = {"adapt": (1200,), "stress": (900, 4000, 16000)}


@pytest.fixture(params=ALL, ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    return request.param


@pytest.fixture
def expected(program: Program, compile_program, tmp_path: Path) -> Outcome:
    """What the plain build does."""
    path = compile_program(program, is_halo=False)
    outcome = run([path, str(ALONE_MS), *program.arguments], cwd=tmp_path)
    assert b"rounds differ" not in outcome.stdout, "the test program itself is at fault"
    return outcome


def test_alone(program: Program, expected: Outcome, compile_program, tmp_path: Path) -> None:
    path = compile_program(program, is_halo=True)
    outcome = run(
        [path, str(ALONE_MS), *program.arguments], cwd=tmp_path, extra=without_server(tmp_path)
    )
    assert (outcome.stdout, outcome.status) == (expected.stdout, expected.status), outcome.stderr


@pytest.mark.parametrize("strategy", ["adapt", "stress"])
def test_tuned(
    program: Program,
    strategy: str,
    expected: Outcome,
    compile_program,
    tools: Tools,
    tmp_path: Path,
) -> None:
    path = compile_program(program, is_halo=True)
    for milliseconds in STRATEGY_MS[strategy]:
        command = [path, str(milliseconds), *program.arguments]
        outcome = run_halo(tools, strategy, command, tmp_path, cwd=tmp_path)
        status = shell_status(expected.status)
        assert (outcome.stdout, outcome.status) == (expected.stdout, status), outcome.stderr
        assert outcome.report["exit_status"] == status
        if strategy == "adapt" or outcome.swaps >= program.least_swaps:
            return
    raise AssertionError(
        f"{outcome.swaps} swaps, fewer than {program.least_swaps}: {outcome.report}"
    )
