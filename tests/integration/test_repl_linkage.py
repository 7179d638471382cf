"""What is static, unnamed or in an unnamed namespace is one thing for all inputs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value
from harness.processes import wait_until
from harness.tools import Tools

from halojit.repl import headers
from halojit.repl.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        run(session, "#include <string>", "int begun = 0; int begin(int n) { ++begun; return n; }")
        yield session


@pytest.mark.parametrize(
    "declaration",
    [
        "static int x = 5;",
        "static int x = begin(5);",
        "static thread_local int x = 5;",
        "static thread_local int x = begin(5);",
        "namespace { int x = begin(5); }",
        "namespace { namespace inner { int x = begin(5); } using inner::x; }",
        "static struct { int n = begin(5); operator int &() { return n; } } x;",
        "struct { int n = 5; operator int &() { return n; } } x;",
        "static union { int x = 5; float y; };",
        "static int numbers[] = {1, 5}; static int &x = numbers[1];",
        'extern "C" { static int x = begin(5); }',
    ],
)
def test_a_variable(session: Session, declaration: str) -> None:
    run(session, declaration, "int &alias = x;", "alias = 10;")
    assert value(session, "(int &)x") == "10"
    run(session, "(int &)x += 1;")
    assert value(session, "alias") == "11"
    assert value(session, "begun <= 1") == "true"


@pytest.mark.parametrize(
    ("declaration", "call"),
    [
        ("static int f() { static int n = begin(0); return ++n; }", "f()"),
        (
            "static int f(); int g() { return 0; } static int f() { static int n; return ++n; }",
            "f()",
        ),
        ("static inline int f() { static int n = 0; return ++n; }", "f()"),
        ("namespace { int f() { static int n = 0; return ++n; } }", "f()"),
        ("namespace { struct S { static int f() { static int n; return ++n; } }; }", "S::f()"),
        ("template <class T> static T f() { static T n = 0; return ++n; }", "f<int>()"),
        ("auto f = [] { static int n = begin(0); return ++n; };", "f()"),
        ("auto f = [n = begin(0)]() mutable { return ++n; };", "f()"),
        ('auto f = [s = std::string("")]() mutable { s += "."; return s.size(); };', "f()"),
        ("auto f = [](auto by) { static int n = 0; return n += by; };", "f(1)"),
        ("struct { int operator()() { static int n; return ++n; } } f;", "f()"),
    ],
)
def test_a_function_with_a_state(session: Session, declaration: str, call: str) -> None:
    run(session, declaration, f"auto before = {call};")
    assert [value(session, call) for _ in range(3)] == ["2", "3", "4"]
    assert value(session, "before") == "1"
    assert value(session, "begun <= 1") == "true"


@pytest.mark.parametrize(
    "declaration",
    [
        "const int x = n + 1;",
        "static int x = n + 1;",
        "static const int x = n + 1;",
        "inline int x = n + 1;",
        "namespace { int x = n + 1; }",
        "static const int &x = n + 1;",
    ],
)
def test_it_is_initialized_by_the_input_that_declares_it(
    session: Session, declaration: str
) -> None:
    run(session, "int n = 1;", declaration, "n = 50;")
    assert value(session, "x") == "2"


def test_types_are_the_same_in_all_inputs(session: Session) -> None:
    run(session, "namespace { struct Hidden { int n; virtual ~Hidden() {} }; }")
    run(session, "void fail() { Hidden thrown; thrown.n = 3; throw thrown; } int caught = 0;")
    run(session, "try { fail(); } catch (const Hidden &each) { caught = each.n; }")
    assert value(session, "caught") == "3"
    run(session, "#include <typeinfo>", "auto &first = typeid(Hidden);")
    assert value(session, "first == typeid(Hidden)") == "true"


def test_it_may_be_defined_again(session: Session) -> None:
    run(session, "static int x = 1; static int f() { return x; } int g() { return f(); }")
    run(session, "static int x = 2;", "static int f() { return 10 + x; }")
    assert value(session, "f() + 100 * g()") == "1212"
    run(session, "inline int h() { return 1; }", "inline int h() { return 2; }")
    assert value(session, "h()") == "2"


def test_those_of_headers(session: Session, tmp_path: Path) -> None:
    header = tmp_path / "state.h"
    header.write_text("static int x = begin(1);\nnamespace { int y = begin(2); }\n")
    run(session, f'#include "{header}"', "x = 5; y = 6;", "int z = x;")
    assert value(session, "x + 10 * y + 100 * z + 1000 * begun") == "2565"


def test_those_of_headers_that_are_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    header = tmp_path / "state.h"
    header.write_text("inline int begin(int n) { return n; }\nstatic int x = begin(1);\n")
    flags = ("-std=c++20", "-include", str(header))
    cached = headers.path(flags)
    assert cached
    headers.make(flags)
    wait_until(cached.exists, "the header cache")
    with Session(flags) as session:
        run(session, "int *used = &x;", "x = 5;")
        assert value(session, "*used") == "5"
        assert value(session, "x") == "5"


def test_in_c() -> None:
    with Session(("-xc",)) as session:
        run(
            session,
            "static int x; static int x = 5; static int f(void) { static int n; return ++n; }",
        )
        run(session, "x = 6;", "f();")
        assert value(session, "x + f()") == "8"


def test_without_debug_information() -> None:
    with Session(("-std=c++20", "-g0")) as session:
        run(session, "int begin() { return 1; }", "static int x = begin();", "x = 5;")
        assert value(session, "x") == "5"


HEADER = """
struct Registry {
  int items;
  static Registry &get() { static Registry made{begin()}; return made; }
};
inline int level = 3;
inline int begun = begin();
template <class T> struct Holder { static T value; };
template <class T> T Holder<T>::value = T(1);
"""
SOURCE = """
static int count;
int begin() { return ++count; }
int begins() { return count; }
%s
int items() { return Registry::get().items; }
int get_level() { return level; }
int *holder() { return &Holder<int>::value; }
int get_begun() { return begun; }
"""


def test_variables_of_headers_are_those_of_libraries(tools: Tools, tmp_path: Path) -> None:
    header, library = tmp_path / "shared.h", tmp_path / "libshared.so"
    header.write_text(f"int begin();{HEADER}")
    source = tmp_path / "shared.cpp"
    source.write_text(SOURCE % HEADER)
    subprocess.run([tools.clangxx, "-shared", "-fPIC", source, "-o", library], check=True)
    with Session(("-std=c++17",)) as session:
        assert session.load(str(library)).is_kept
        for each in (
            f'#include "{header}"',
            "int begins(); int items(); int get_level(); int *holder(); int get_begun();",
            "int before = items(); Registry::get().items += 10; level = 5; Holder<int>::value = 7;",
        ):
            outcome = session.run(each)
            assert outcome.is_kept, outcome
        expected = {
            "items() - before": "10",
            "get_level()": "5",
            "*holder()": "7",
            "holder() == &Holder<int>::value": "true",
            "get_begun() == begun": "true",
            "begins()": "2",
        }
        for expression, text in expected.items():
            outcome = session.run(expression)
            assert outcome.value and (expression, outcome.value.text) == (expression, text)
