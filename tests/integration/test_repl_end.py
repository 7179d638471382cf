"""Ends of sessions: destructors and handlers run, and an end that fails is told."""

from __future__ import annotations

import pytest
from harness.inputs import run_clean as run

from halojit.repl.outcome import Frame, Reason
from halojit.repl.session import Session

SAYS = "#include <cstdio>\nstruct Says { const char *what; ~Says() { std::puts(what); } };"


def test_destructors_and_handlers_run_once_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    with Session() as session:
        run(session, "#include <cstdlib>", SAYS, 'Says one{"one"}; Says two{"two"};')
        run(session, 'std::atexit([] { puts("handler"); });', 'Says three{"three"};')
        session.run("*(volatile int *)0 = 1;")
        session.run('Says undone{"undone"};')
        session.undo()
        assert capfd.readouterr().out == ""
        assert session.close() is None
    assert capfd.readouterr().out == "three\nhandler\ntwo\none\n"


def test_an_end_that_fails_is_told() -> None:
    with Session() as session:
        run(session, "struct Bad { ~Bad() { *(volatile int *)0 = 1; } } bad;")
        outcome = session.close()
    assert outcome and outcome.failure and outcome.failure.reason is Reason.CRASH
    assert outcome.failure.backtrace == (Frame("Bad::~Bad()", "input 1", 1),)
    with Session() as session:
        run(session, "struct Slow { ~Slow() { for (;;) ; } } slow;")
        outcome = session.close(0.5)
    assert outcome and outcome.failure and "do not come to an end" in outcome.failure.text
