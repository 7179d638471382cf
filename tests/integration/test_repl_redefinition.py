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


@pytest.mark.parametrize(
    ("cell", "shown", "text"),
    [
        ("template <class T, class U = int> struct Box { T t; U u; };", "Box<int>{1, 2}.u", "2"),
        (
            "template <class T> struct S { T t; }; template <> struct S<int> { int q; };"
            "template <class T> struct S<T *> { T *p; };",
            "S<int>{3}.q",
            "3",
        ),
        (
            "template <class T> struct S { int f(); };"
            "template <class T> int S<T>::f() { return 1; }",
            "S<int>().f()",
            "1",
        ),
        ("namespace n { struct N {}; int f() { return 1; } int v = 3; }", "n::f() + n::v", "4"),
        ("namespace { int f() { return 1; } struct N { int v = 3; }; }", "f() + N().v", "4"),
        (
            "struct V { int x; }; V operator+(V a, V b) { return {a.x + b.x}; }",
            "(V{1} + V{2}).x",
            "3",
        ),
        ('int operator""_k(unsigned long long n) { return n; }', "3_k", "3"),
        ("template <class T> concept Adds = requires(T t) { t + t; };", "Adds<int>", "true"),
        ("int f(int x, int y = 2) { return x + y; }", "f(1)", "3"),
        (
            "struct S { static int n; int f(); }; int S::n = 7; int S::f() { return n; }",
            "S().f()",
            "7",
        ),
        ("struct S; struct S { S *next; };", "S{}.next == nullptr", "true"),
        ("typedef struct { int a; } T;", "T{3}.a", "3"),
        ("enum { a = 3 };", "a + 0", "3"),
        ("int f(int); int f(int x) { return x; } extern int v; int v = 2;", "f(1) + v", "3"),
        ("#include <utility>\nauto [a, b] = std::pair{1, 2};", "a + b", "3"),
        ("struct S { int a, b; }; auto [c, d] = S{1, 2};", "c + d", "3"),
        ('extern "C" int f(int x) { return x; }', "f(3)", "3"),
        ('extern "C" { struct S { int a; }; int v = 3; }', "v + S().a", "3"),
        ("struct A { int a = 1; } a; struct B : A { int b = 2; } b = {};", "a.a + b.b", "3"),
        ("enum E { one, two } e = two;", "e + 0", "1"),
        ("template <class T> constexpr T v = T(3);", "v<int>", "3"),
        (
            "template <class... T> struct O : T... { using T::operator()...; };"
            "template <class... T> O(T...) -> O<T...>;",
            "O{[] { return 3; }}()",
            "3",
        ),
        ("struct alignas(16) S { int x = 3; }; S s;", "s.x", "3"),
    ],
)
def test_any_cell_runs_again(session: Session, cell: str, shown: str, text: str) -> None:
    run(session, cell, cell, cell)
    assert value(session, shown) == text


def test_what_is_twice_in_one_input_stays_an_error(session: Session) -> None:
    outcome = session.run("struct S {}; struct S {};")
    assert "redefinition of 'S'" in outcome.diagnostics


def test_names_of_the_c_library_may_be_variables(session: Session) -> None:
    run(session, "#include <cstring>", "#include <cmath>", "int index = 3;", "double y1 = 2.5;")
    assert value(session, "index + y1") == "5.5"
