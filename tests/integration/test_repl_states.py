"""What lies between inputs: states that are kept, killed and gone back to; what is made ready."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value
from harness.processes import wait_until

from halojit.repl.commands import Commands
from halojit.repl.pair import Pair
from halojit.repl.session import Session, StateError
from halojit.repl.states import STEPS

KEPT = f"(at most those of the last {STEPS} inputs are, and what %checkpoint names)"


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        yield session


def test_processes_that_are_killed_are_replaced(session: Session) -> None:
    run(session, "int x = 5;")
    for who in ("worker", "interpreter"):
        pid = session.processes()[who]
        assert pid
        os.kill(pid, signal.SIGKILL)
        outcome = session.run("++x;")
        assert outcome.failure is not None
        assert value(session, "x") == "5"


def test_undo_gives_values_back(session: Session) -> None:
    run(session, "int x = 1;", "x = 2;", "int y = 3;")
    assert session.undo(2) == 2
    assert value(session, "x") == "1"
    assert session.run("y").failure is not None


def test_how_far_back_states_are_kept_is_told(session: Session) -> None:
    commands = Commands(session, Session)
    run(session, "int x = 0;", *["++x;"] * 19)
    result = commands.take("%undo 18")
    assert result.is_ok and result.text.startswith(f"took back {STEPS} inputs, not 18:\n  ++x;\n")
    last = 20 - STEPS
    assert result.text.endswith(f" not kept {KEPT}; %undo {last} goes back to the next one that is")
    assert value(session, "x") == str(last - 1)
    assert commands.take("%undo").is_ok
    with pytest.raises(StateError, match=f"{re.escape(KEPT)}; %undo {last} "):
        session.undo()
    result = commands.take("%undo 3")
    assert not result.is_ok and "%undo: older states are not kept" in result.text
    assert commands.take(f"%undo {last}").text.startswith(f"took back {last} inputs:")
    assert commands.take("%undo").text == "%undo: there is no input to take back"


def test_states_with_names_are_kept_besides(session: Session) -> None:
    commands = Commands(session, Session)
    run(session, "int x = 0;", "++x;", "++x;")
    assert commands.take("%checkpoint two").is_ok
    for i in range(STEPS + 2):
        run(session, "++x;")
        assert commands.take(f"%checkpoint later{i}").is_ok
    run(session, "++x;", "++x;")
    assert session.undo(1) == 1
    assert session.undo(1) == 1
    run(session, *["++x;"] * (STEPS + 1))
    assert commands.take("%restore two").is_ok
    assert commands.take("%undo").text.endswith("%undo 3 goes back to the next one that is")
    assert commands.take("%undo 999").text.startswith("took back 3 inputs, not 999:")


def test_a_state_may_have_several_names(session: Session) -> None:
    run(session, "int x = 1;")
    session.checkpoint("a")
    session.checkpoint("b")
    session.checkpoint("a")
    assert session.checkpoints == ("b", "a")
    for name in ("a", "b"):
        run(session, "++x;")
        assert session.restore(name) == 1
        assert value(session, "x") == "1"
        session.undo()
    run(session, "++x;")
    session.checkpoint("b")
    assert session.checkpoints == ("a", "b")
    assert session.restore("a") == 1


def test_threads_keep_states_from_being_kept_and_errors_cost_nothing(session: Session) -> None:
    run(session, "#include <thread>", "#include <unistd.h>", "int x = 1;")
    run(session, "std::thread([] { for (;;) pause(); }).detach();", "x = 2;")
    outcome = session.run("no_such_name")
    assert outcome.failure is not None and not outcome.lost
    assert value(session, "x") == "2"
    run(session, "int x = 3;")
    assert value(session, "x") == "3"
    outcome = session.run("*(volatile int *)0 = 1;")
    assert outcome.failure is not None
    assert outcome.lost[:2] == ("std::thread([] { for (;;) pause(); }).detach();", "x = 2;")
    assert value(session, "x") == "1"
    run(session, "x = 5;")
    assert session.undo() == 1


def test_a_statement_finds_its_memory_ready(session: Session) -> None:
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    if release < (5, 14):
        pytest.skip("only Linux 5.14 and later give pages in advance (MADV_POPULATE_WRITE)")
    run(session, "int x = 6;", *["x += 2;"] * 3)
    pid = session.processes()["interpreter"]
    faults = []
    for _ in range(4):  # once in a while nothing is made ready
        session.settle()
        wait_until(lambda: _waits(pid), "the interpreter to have nothing to do")
        before = _faults(pid)
        run(session, "x += 2;")
        faults.append(_faults(pid) - before)
    assert min(faults) < 80, faults  # 200 without


def test_nothing_runs_before_it_may(session: Session, tmp_path: Path) -> None:
    run(session, "#include <stdio.h>", "int f() { return 1; }")
    pids, seen = session.processes(), []

    def meanwhile() -> None:
        # If it did not wait, the worker would have it, or have run it.
        wait_until(lambda: _waits(pids["interpreter"]), "the interpreter to wait")
        wait_until(lambda: _stat(pids["worker"])[0] == "S", "the worker to rest")
        seen.append((tmp_path / "made").exists())

    session.run(f'fclose(fopen("{tmp_path}/made", "w"));', meanwhile=meanwhile)
    assert seen == [False]
    assert (tmp_path / "made").exists()
    for source in ("nope;", "nowhere();", "int f() { return 2; }", "*(volatile int *)0 = 1;"):
        pids = session.processes()
        seen.clear()
        session.run(source, meanwhile=meanwhile)
        assert len(seen) == 1, source
        assert value(session, "1 + 1") == "2"
    assert value(session, "f()") == "2"


def test_what_goes_wrong_meanwhile_is_taken_back(session: Session) -> None:
    def meanwhile() -> None:
        raise OSError("meanwhile")

    run(session, "int x = 6;")
    with pytest.raises(OSError, match="meanwhile"):
        session.run("x = 7;", meanwhile=meanwhile)
    assert value(session, "x") == "6"


@pytest.mark.parametrize("side", ["worker", "interpreter"])
def test_a_kept_state_is_killed(session: Session, side: str) -> None:
    run(session, "int x = 6;")
    live = session.processes()[side]
    keeper = int(_stat(live)[1])
    run(session, "x = 8;")

    def frozen() -> list[int]:
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text()
        return [each for each in map(int, children.split()) if each != live]

    wait_until(lambda: len(frozen()) == 3, "the copy of each state")
    os.kill(max(frozen()), signal.SIGKILL)
    assert value(session, "x") == "8"
    run(session, "x = 9;")
    assert session.run("*(volatile int *)0 = 1;").failure
    assert value(session, "x") == "9"


def _stat(pid: int | None) -> list[str]:
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _faults(pid: int | None) -> int:
    """Pages that a process had to wait for so far."""
    return int(_stat(pid)[7])


def _waits(pid: int | None) -> bool:
    """Whether an interpreter waits for what the front says, however long it takes."""
    recvfrom = "45"  # of x86-64
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == recvfrom


@pytest.mark.parametrize("cut", [("answer",), ("send",), ("answer", "thaw"), ("settle",)])
@pytest.mark.parametrize("ask", [Session.run, Session.type_of])
def test_no_answer_is_ever_read_for_another(
    session: Session, monkeypatch: pytest.MonkeyPatch, cut: tuple[str, ...], ask: Any
) -> None:
    """Whatever an exception cuts short, here where the conversation waits."""
    run(session, "int one = 1; double two = 2;")
    for method in cut:
        real = getattr(Pair, method)

        def cut_short(*arguments: Any, method: str = method, of: Any = real) -> None:
            monkeypatch.setattr(Pair, method, of)
            if method == "send":
                of(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(Pair, method, cut_short)
    with pytest.raises(KeyboardInterrupt):
        ask(session, "one = 7")
    assert session.type_of("two") == ("double", "")
    assert (value(session, "two"), value(session, "one")) == ("2.0", "1")
    assert session.inputs[0] == "int one = 1; double two = 2;"
