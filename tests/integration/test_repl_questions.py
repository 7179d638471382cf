"""What a session tells of what its inputs have made."""

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


def test_what_is_declared(session: Session) -> None:
    run(
        session,
        "#include <string>",
        'int n = 3; int &r = n; std::string s = "text"; using Number = int;',
        "struct P { int x; }; P p{4}; template <class T> T same(T x) { return x; }",
        "namespace inner { int hidden; } enum E { A }; int twice(int x) { return 2 * x; }",
        "double n = 1.5;",
    )
    found = [(each.kind, each.name, each.type, each.text) for each in session.declared()]
    assert found == [
        ("variable", "r", "int &", None),
        ("variable", "s", "std::string", None),
        ("type", "Number", "int", None),
        ("type", "P", "struct", None),
        ("variable", "p", "P", None),
        ("template", "same", "function", None),
        ("namespace", "inner", "", None),
        ("type", "E", "enum", None),
        ("function", "twice", "int (int)", None),
        ("variable", "n", "double", "1.5"),
    ]
    look = session.look("s")
    assert look.value == Value("std::string", '"text"') and len(session.inputs) == 5


def test_a_look_changes_nothing(session: Session) -> None:
    run(session, "int x = 1; int next() { return ++x; }")
    outcome = session.look("next()")
    assert outcome.failure is not None and "effects" in outcome.diagnostics
    assert session.look("x").value == Value("int", "1")
    assert session.look("no_such").failure is not None
    assert session.inputs == ("int x = 1; int next() { return ++x; }",)


def test_types_of_expressions(session: Session) -> None:
    run(session, "#include <vector>", "int n = 1; int next() { return ++n; }")
    assert session.type_of("next() + 1.5") == ("double", "")
    assert session.type_of("n") == ("int", "")
    assert session.type_of("std::vector<int>::value_type") == ("int", "")
    text, diagnostics = session.type_of("no_such")
    assert text is None and "no_such" in diagnostics
    assert value(session, "n") == "1"


def test_code_of_functions_and_inputs(session: Session) -> None:
    run(
        session,
        "int twice(int x) { return 2 * x; }",
        "template <class T> T same(T x) { return x; } struct S { int get() { return 7; } };",
        "int n = twice(same(21)); S().get();",
    )
    ir, _ = session.listing("twice", is_ir=True)
    assert ir is not None and "@_Z5twicei" in ir and "alloca" in ir and "optnone" in ir
    optimized, _ = session.listing("twice", 2, is_ir=True)
    assert optimized is not None and "alloca" not in optimized and "optnone" not in optimized
    for name, symbol in (
        ("same", "_Z4sameIiET_S0_"),
        ("S::get", "_ZN1S3getEv"),
        ("3", "_Z5twicei"),
    ):
        assembly, _ = session.listing(name)
        assert assembly is not None and symbol in assembly
    run(session, "static int thrice(int n) { return 3 * n; }", "int nine = thrice(3);")
    assert "imull" in (session.listing("thrice")[0] or "")
    assert session.listing("nothing")[0] is None
    assert session.listing("9")[0] is None
    assert value(session, "n") == "42"
