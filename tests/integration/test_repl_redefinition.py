"""Inputs that define again what an earlier one has defined."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value

from halojit.repl.outcome import Value
from halojit.repl.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        yield session


def test_variables_and_functions_may_be_defined_again(session: Session) -> None:
    run(session, "int x = 1;", "int get() { return x; }", "int twice(int n) { return 2 * n; }")
    run(session, "int four() { return twice(2); }", "double x = 2.5;")
    assert session.run("x").value == Value("double", "2.5")
    assert value(session, "get()") == "1"
    run(session, "int twice(int n) { return 200 * n; }")
    assert value(session, "twice(1)") == "200"
    assert value(session, "four()") == "400"
    run(session, "double twice(double n) { return n; }")
    assert value(session, "twice(1.5) + twice(1)") == "201.5"
    outcome = session.run("int z = 1; int z = 2;")
    assert outcome.failure is not None and "redefinition" in outcome.diagnostics


def test_cells_run_again(session: Session) -> None:
    cell = """
struct P { int a; int twice() { return 2 * a; } };
enum class Color { Red, Green };
template <class T> T same(T x) { return x; }
using Q = P;
int y = 4;
"""
    run(session, cell, cell.replace("int a; ", "int   a; /* the same */ "))
    assert value(session, "Q{same(3)}.twice() + y") == "10"
    outcome = session.run("struct P { double other; };")
    assert outcome.failure is not None and "%undo" in outcome.failure.text
    assert value(session, "P{3}.twice()") == "6"


def test_names_of_the_c_library_may_be_variables(session: Session) -> None:
    run(session, "#include <cstring>", "#include <cmath>", "int index = 3;", "double y1 = 2.5;")
    assert value(session, "index + y1") == "5.5"
