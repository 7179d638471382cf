"""What a text may go on with, and whether it must: completion, completeness."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value
from harness.processes import wait_until

from halojit.repl.outcome import Completion
from halojit.repl.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        yield session


def test_completion_and_description(session: Session) -> None:
    run(session, "/// Doubles.\nint twice(int n) { return 2 * n; }")
    run(session, "struct Point { int x_pos; int sum() const { return x_pos; } } point;")

    def texts(text: str) -> list[str]:
        return [each.text for each in session.complete(text, len(text)).items]

    assert texts("twi") == ["twice"]
    assert {"twice", "point", "Point"} == set(texts("twice(")[:3])
    assert session.complete("point.x_", 8).start == 6
    assert texts("point.x_") == ["x_pos"]
    assert {"sum", "x_pos"} <= set(texts("point."))
    assert texts("int f(int lo_cal) { return lo_") == ["lo_cal"]
    assert "vector>" in texts("#include <vec")
    assert "while" in texts("whi")
    assert session.complete("retur", 5).items[0] == Completion("return", "keyword", "return;")
    assert session.complete("twice", 5).items[0].signature == "int twice(int n)"
    assert session.describe("twice") == "int twice(int n)\n  Doubles.\n"
    assert session.describe("point.sum() + 1.5") == "double"
    assert session.describe("nothing") is None
    assert value(session, "twice(4)") == "8"


def test_names_have_letters_beyond_ascii(session: Session) -> None:
    run(session, "namespace çà { int élan; } int éa, été_long, e; struct { int né; } Ö;")

    def found(text: str) -> tuple[int, list[str]]:
        completions = session.complete(text, len(text))
        return completions.start, [each.text for each in completions.items]

    assert found("é") == (0, ["éa", "été_long"])
    assert found("1 + ét") == (4, ["été_long"])
    assert found("çà::é") == (4, ["élan"])
    assert found("Ö.n") == (2, ["né"])


@pytest.mark.parametrize("flags", [("-std=c++20",), ("-xc",)])
def test_members_are_described(flags: tuple[str, ...]) -> None:
    with Session(flags) as session:
        run(session, "struct Point { int x; struct Point *next; } point;")
        assert session.describe("point.x") == session.describe("point.next->x") == "int"
        assert session.describe("point.nothing") is None
        if "-xc" in flags:
            return
        run(session, "struct Base { /// Adds.\nint add(int); }; struct Sum : Base {} sum, *to;")
        assert session.describe("sum.add") == "int add(int)\n  Adds.\n"
        assert session.describe("to->add") == session.describe("(*to).add")
        assert session.describe("sum.nothing") is None


def test_completion_of_what_headers_declare(session: Session) -> None:
    run(
        session,
        "#include <vector>\n#include <string>\n#include <chrono>",
        "namespace c = std::chrono;",
    )

    def texts(text: str) -> list[str]:
        return [each.text for each in session.complete(text, len(text)).items]

    assert texts("std::vec") == ["vector"]
    assert texts("c::steady_c") == ["steady_clock"]
    assert texts("std::string::np") == ["npos"]
    assert "iterator" in texts("std::vector<int>::iter")
    assert texts("NUL") == ["NULL"]
    assert {"abort", "abs"} <= set(texts("std::"))  # not all of them: there are too many
    assert "vector" not in texts("vec")
    run(session, "using namespace std;")
    assert "vector" in texts("vec")
    assert "vector" in texts("int f() { vec")


def test_what_is_read_ahead_is_no_input(session: Session) -> None:
    wait_until_idle(session)
    assert session.declared() == ()
    assert "input 1:1:9: error" in session.run("int a = nope;").diagnostics
    run(session, "#define map nonsense", "int b = 1;")
    wait_until_idle(session)
    assert "input 3:1:9: error" in session.run("int c = nope;").diagnostics
    assert session.inputs == ("#define map nonsense", "int b = 1;")


def wait_until_idle(session: Session) -> None:
    """Until its interpreter has done nothing for a while."""
    stat = Path(f"/proc/{session.processes()['interpreter']}/schedstat")
    readings: list[str] = []

    def is_idle() -> bool:
        readings.append(stat.read_text())
        return len(readings) > 20 and len(set(readings[-20:])) == 1

    wait_until(is_idle, "the interpreter to have nothing to do")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("int f() { return 1; }", "complete"),
        ("int f()", "incomplete"),
        ("1 + 2", "complete"),
        ("1 +", "incomplete"),
        ("a[f(1, -b)].c->d++", "complete"),
        ("std::cout << 1 << f()", "complete"),
        ("2 * !a && *b", "complete"),
        ("Point * p", "incomplete"),
        ("Point::Point(Point)", "incomplete"),
        ("one_type another", "invalid"),
        ("int a = no_such", "invalid"),
        ("[]", "incomplete"),
        ("[](int n) { return n; }(1)", "complete"),
        ("if (1)", "incomplete"),
        ("FOREVER", "incomplete"),
        ("if (no_such > 1)", "incomplete"),
        ("if (no_such > 1) f();", "complete"),
        ("if (no_such(1)) f(); else", "incomplete"),
        ("if constexpr (1)", "incomplete"),
        ("for (auto &each : no_such)", "incomplete"),
        ("do\n  ++no_such;", "incomplete"),
        ("do {\n  ++no_such;\n}", "incomplete"),
        ("do ++no_such; while (no_such);", "complete"),
        ("do while (no_such) f(); while (no_such);", "complete"),
        ("#define IF if (1)", "complete"),
        ('R"(abc', "incomplete"),
        ("/* no end", "incomplete"),
        ("#if 1\nint x;", "incomplete"),
        ("#define A \\", "incomplete"),
        ("#include <vector>\n#define A 1", "complete"),
        ("#define TEMPLATE\nint f()", "incomplete"),
        ("#define OPEN {", "complete"),
        ('#if 0\n{ "\n#endif', "complete"),
        ("#if 0\n{\n#else\nint x;\n#endif", "complete"),
        ("#if 1\nint x;\n#elif 0\n((\n#endif", "complete"),
        ("#ifdef NO\nstruct A : B {\n#else\nstruct A {\n#endif\n", "incomplete"),
        ("#ifdef NO\nstruct A : B {\n#else\nstruct A {\n#endif\n};", "complete"),
        ("enum Colour", "incomplete"),
        ("enum Colour\n{\n};", "complete"),
        ("enum class Size : char", "incomplete"),
        ("int a; enum\nclass Size", "incomplete"),
        ("typedef struct", "incomplete"),
        ("typedef struct\n{\n} T;", "complete"),
        ("typedef int T;", "complete"),
    ],
)
def test_completeness(every: Session, text: str, state: str) -> None:
    assert every.is_complete(text)[0] == state


@pytest.fixture(scope="module")
def every() -> Iterator[Session]:
    """For what changes nothing."""
    with Session() as session:
        run(session, "struct Point { Point(); Point(Point&&); };", "#define FOREVER for (;;)")
        run(session, "#include <iostream>")
        yield session


def test_completeness_tells_the_depth(session: Session) -> None:
    assert session.is_complete("int f() {") == ("incomplete", 1)
    assert value(session, "1") == "1"
