"""Inputs that lay hands on their own process: descriptors, children, signals, memory."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from halojit.repl.commands import Commands
from halojit.repl.executor import Executor
from halojit.repl.outcome import Frame, Outcome, Reason
from halojit.repl.session import Session, StateError

MEMORY_BYTES = 400 << 20


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(executor=Executor(memory_bytes=MEMORY_BYTES)) as session:
        run(session, "#include <unistd.h>", "#include <signal.h>", "#include <stdio.h>")
        run(session, "#include <stdlib.h>", "#include <initializer_list>")
        run(session, "int x = 1;")
        yield session


def run(session: Session, *sources: str) -> None:
    for source in sources:
        outcome = session.run(source)
        assert outcome.is_kept and not outcome.exception and not outcome.diagnostics, outcome


def value(session: Session, source: str) -> str:
    outcome = session.run(source)
    assert outcome.value, outcome
    return outcome.value.text


def is_taken_back(session: Session, source: str, why: str) -> Outcome:
    outcome = session.run(f"x = -1; {source}")
    assert outcome.failure and why in outcome.failure.text, outcome
    assert not outcome.lost
    assert value(session, "x") == "1"
    return outcome


# ---- children and other programs


def test_a_forked_child_ends_with_its_input(session: Session) -> None:
    run(session, "#include <sys/wait.h>", "int ends[2]; pipe(ends); int status = 0;")
    run(
        session,
        "int child = fork(); x = child ? 2 : 3;"
        ' if (child) { waitpid(child, &status, 0); write(ends[1], "p", 1); }'
        ' else write(ends[1], "c", 1);',
    )
    run(session, "char both[3] = {}; read(ends[0], both, 2);")
    assert value(session, "(const char *)both") == '"cp"'
    assert value(session, "x") == "2"
    assert value(session, "status") == "0"


def test_another_program_in_place_of_the_worker(session: Session) -> None:
    outcome = is_taken_back(session, 'execl("/bin/false", "false", nullptr);', "exec: another")
    assert outcome.failure and "exit(1)" in outcome.failure.text
    is_taken_back(session, 'execl("/bin/sleep", "sleep", "1000", nullptr);', "exec, or")


def test_children_of_popen_see_the_end(session: Session) -> None:
    run(session, 'FILE *to = popen("exit $(wc -c)", "w"); fputs("hello", to);', "fflush(to);")
    assert value(session, "WEXITSTATUS(pclose(to))") == "5"
    run(session, 'FILE *from = popen("yes", "r"); int first = fgetc(from);', ";")
    run(session, "int status = pclose(from);")  # its writing fails from then on
    run(session, "int ends[2]; pipe(ends);", 'write(ends[1], "ab", 2);')
    run(session, "char got[3] = {}; read(ends[0], got, 2);")
    assert session.run("*(volatile int *)0 = 1;").failure
    run(session, 'write(ends[1], "cd", 2); read(ends[0], got, 2);')
    assert value(session, "(const char *)got") == '"cd"'


# ---- descriptors


def test_all_usual_descriptors_are_closed(session: Session) -> None:
    run(session, "for (int i = 0; i <= 1000; ++i) close(i);", "x = 2;")
    assert value(session, "x") == "2"
    assert session.run("*(volatile int *)0 = 1;").failure
    assert value(session, "x") == "2"
    assert session.undo(4) >= 3
    assert value(session, 'write(2, "", 0)') == "0"


def test_descriptors_are_replaced(session: Session) -> None:
    run(session, "int ends[2]; pipe(ends);")
    run(session, "for (int i = 3; i <= 1000; ++i) dup2(ends[1], i);", "x = 2;")
    assert value(session, "x") == "2"


def test_every_descriptor_is_closed(session: Session) -> None:
    is_taken_back(session, "closefrom(3);", "descriptor")
    is_taken_back(session, "for (int i = 3; i < 5000; ++i) dup2(0, i);", "descriptor")


# ---- signals


def test_signals_to_the_process_group_end_the_worker_only(session: Session) -> None:
    is_taken_back(session, "kill(0, SIGTERM); pause();", "SIGTERM")
    is_taken_back(session, "kill(0, SIGKILL); pause();", "SIGKILL")
    run(session, "setsid();")
    is_taken_back(session, "kill(0, SIGKILL); pause();", "SIGKILL")
    is_taken_back(session, "raise(40);", "signal 40")


def test_the_parent_takes_no_harm_but_by_kill(session: Session) -> None:
    run(session, "for (int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) kill(getppid(), s);")
    assert value(session, "x") == "1"
    inputs = session.inputs
    outcome = session.run("kill(getppid(), SIGKILL); pause();")
    assert outcome.failure and "begins anew, empty" in outcome.failure.text
    assert outcome.lost == inputs
    run(session, "int x = 5;")


def test_what_dies_between_inputs_is_told_by_the_next(session: Session) -> None:
    run(session, "#include <thread>", "int n = 1;")
    run(session, "std::thread([] { sleep(1); _exit(3); }).detach();")
    worker = session.processes()["worker"]
    assert worker
    pidfd = os.pidfd_open(worker)
    select.select([pidfd], [], [])
    os.close(pidfd)
    session.describe("n")  # which finds out, and has no way to say it
    outcome = session.run("x = 7;")
    assert outcome.failure and "has not run" in outcome.failure.text
    assert outcome.lost == ("std::thread([] { sleep(1); _exit(3); }).detach();",)
    assert value(session, "x") == "1"


def test_a_jump_into_nowhere_names_its_caller(session: Session) -> None:
    run(session, "int call(int (*f)()) {\n  return f() + 1;\n}")
    for target in ("8", "0", "(long)&x"):
        outcome = session.run(f"call((int (*)()){target})")
        assert outcome.failure
        assert outcome.failure.backtrace[1:3] == (
            Frame("call(int (*)())", "input 7", 2),
            Frame("the input", "input 8", 1),
        )


# ---- memory


def test_memory_ends_in_bad_alloc(session: Session) -> None:
    run(session, "#include <vector>")
    outcome = session.run("std::vector<char> v(1ull << 45);")
    assert outcome.exception and outcome.exception.type == "std::bad_alloc"
    outcome = session.run("for (;;) *new char[1 << 20] = 1;")
    assert outcome.exception and outcome.exception.type == "std::bad_alloc"
    assert session.undo() == 1
    # What is full stays full: the next one may not even have the memory that throwing takes.
    kept = session.inputs
    for _ in range(3):
        outcome = session.run("std::vector<int> v; for (;;) v.push_back(1);")
        assert outcome.exception or outcome.failure
    session.undo(len(session.inputs) - len(kept))
    assert value(session, "x") == "1"


def test_an_overwritten_heap_ends_with_its_own_signal(session: Session) -> None:
    run(session, "#include <cstring>")
    outcome = session.run(  # the unwinder's tables are overwritten, too
        "char *p = new char[10]; memset(p, 65, 100000); delete[] p; new char[100];"
    )
    assert outcome.failure and outcome.failure.text == "SIGABRT: Aborted"
    assert outcome.failure.backtrace
    assert value(session, "x") == "1"


def test_the_worker_is_ended_before_others(session: Session) -> None:
    worker = session.processes()["worker"]
    assert int(Path(f"/proc/{worker}/oom_score_adj").read_text()) >= 500


# ---- states that are not kept


def test_states_that_are_not_kept_are_not_gone_back_to(session: Session) -> None:
    run(session, "#include <thread>", "std::thread([] { for (;;) pause(); }).detach();", "x = 2;")
    with pytest.raises(StateError, match=r"1 thread .* %undo 2"):
        session.undo(1)
    with pytest.raises(StateError, match="1 thread"):
        session.checkpoint("now")
    assert value(session, "x") == "2"
    commands = Commands(session, Session)
    result = commands.take("%timeit ++x")
    assert result.is_ok and "stays" in result.text
    assert session.undo(4) == 4
    assert value(session, "x") == "1"


def test_lost_inputs_run_again(session: Session) -> None:
    commands = Commands(session, Session)
    run(session, "#include <thread>")
    for text in ("std::thread([] { for (;;) pause(); }).detach();", "x = 2;", "++x;"):
        assert commands.take(text).is_ok
    assert len(commands.take("__builtin_trap();").outcomes[0].lost) == 3
    assert value(session, "x") == "1"
    assert commands.take("%replay").text == "3 inputs run again"
    assert value(session, "x") == "3"
    assert commands.take("%replay").text == "%replay: no inputs are lost"


def test_without_checkpoints() -> None:
    with Session(keeps_states=False) as session:
        run(session, "int x = 1;")
        assert len(list(_frozen(session))) == 0
        assert session.run("x = no_such_name;").failure
        outcome = session.run("x = 2; extern int missing; missing = 3;")
        assert outcome.failure and outcome.failure.reason == Reason.LINK
        assert value(session, "x") == "1"
        with pytest.raises(StateError, match="--no-checkpoint"):
            session.undo()
        with pytest.raises(StateError, match="--no-checkpoint"):
            session.checkpoint("now")
        inputs = session.inputs
        outcome = session.run("x = 3; __builtin_trap();")
        assert outcome.failure and "begins anew, empty" in outcome.failure.text
        assert outcome.lost == inputs
        run(session, "double x = 2.5;")
        assert value(session, "x") == "2.5"


def _frozen(session: Session) -> Iterator[int]:
    """Processes that have the live worker's parent, besides itself."""
    worker = session.processes()["worker"]
    parent = _parent(str(worker))
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and entry.name != str(worker) and _parent(entry.name) == parent:
            yield int(entry.name)


def _parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return -1
