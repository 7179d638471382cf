"""Sessions of interactive C++: what inputs do, and that a failed one leaves nothing behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value

from halojit.repl.outcome import Exception_, Frame, Reason, Value
from halojit.repl.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        yield session


def test_statements_declarations_and_values(session: Session) -> None:
    run(session, "int x = 6;", "int twice(int n) { return 2 * n; }", "x = twice(x) + 30;")
    assert session.run("x").value == Value("int", "42")
    run(session, "for (int i = 0; i < 3; ++i) x += i;")
    assert value(session, "x") == "45"


@pytest.mark.parametrize(
    ("source", "type", "text"),
    [
        ("1 + 2", "int", "3"),
        ("3.25", "double", "3.25"),
        ("2.0f", "float", "2.0"),
        ("1e300 * 1e10", "double", "inf"),
        ("true", "bool", "true"),
        ("'a'", "char", "'a'"),
        ("'\\n'", "char", "'\\n'"),
        ('"abc"', "const char[4]", '"abc"'),
        ("(const char *)nullptr", "const char *", "nullptr"),
        ("(const char *)8", "const char *", "0x8"),
        ("nullptr", "std::nullptr_t", "nullptr"),
        ("(unsigned char)200", "unsigned char", "'\\xc8'"),
        ("-5L", "long", "-5"),
        ("(__int128)1 << 100", "__int128", "1267650600228229401496703205376"),
        ("7.5L", "long double", "7.5"),
    ],
)
def test_scalars(session: Session, source: str, type: str, text: str) -> None:
    shown = session.run(source).value
    assert shown is not None
    assert shown.text == text
    assert shown.type == type


def test_a_semicolon_shows_nothing(session: Session) -> None:
    assert session.run("1 + 2;").value is None


def test_an_uncaught_exception_keeps_what_the_input_did(session: Session) -> None:
    run(session, "#include <stdexcept>", "int x = 1;")
    outcome = session.run('x = 2; throw std::runtime_error("no");')
    assert outcome.exception == Exception_("std::runtime_error", "no")
    assert value(session, "x") == "2"
    assert session.run("throw 5;").exception == Exception_("int", "")


def crashes(session: Session, source: str, signal_: signal.Signals | None = None) -> None:
    """The input is taken back, and the session goes on."""
    before = value(session, "kept")
    outcome = session.run("kept = -1; " + source)
    assert outcome.failure is not None and outcome.failure.reason in (Reason.CRASH, Reason.EXIT), (
        outcome
    )
    if signal_:
        assert signal_.name in outcome.failure.text
    assert value(session, "kept") == before


def test_crashes_leave_nothing_behind(session: Session) -> None:
    run(session, "#include <cstdlib>", "#include <unistd.h>", "int kept = 7;")
    crashes(session, "*(volatile int *)0 = 1;", signal.SIGSEGV)
    crashes(session, "abort();", signal.SIGABRT)
    crashes(session, "__builtin_trap();", signal.SIGILL)
    crashes(session, "volatile int z = 0; kept = 1 / z;", signal.SIGFPE)
    crashes(session, "exit(3);")
    crashes(session, "_exit(4);")
    crashes(
        session,
        "struct R { static int f(int n) { volatile char b[4096]; b[0] = 1; "
        "return f(n + 1) + b[0]; } }; R::f(0);",
    )


def test_a_crash_names_the_line_and_who_called(session: Session) -> None:
    run(session, "int deref(int *p) {\n  return *p;\n}\nint outer(int *p) { return deref(p) + 1; }")
    outcome = session.run("int z = 1;\nz = outer(nullptr);")
    assert outcome.failure is not None
    assert outcome.failure.backtrace == (
        Frame("deref(int*)", "input 1", 2),
        Frame("outer(int*)", "input 1", 4),
        Frame("the input", "input 2", 2),
    )
    outcome = session.run("int bad = outer((int *)8);")
    assert outcome.failure is not None
    assert [each.function for each in outcome.failure.backtrace] == [
        "deref(int*)",
        "outer(int*)",
        "the input",
    ]


def test_failed_inputs_leave_nothing_behind(session: Session) -> None:
    run(session, "int x = 3;")
    outcome = session.run("int y = 4; x = no_such_name;")
    assert outcome.failure is not None and outcome.failure.reason == "compile"
    assert "no_such_name" in outcome.diagnostics
    assert session.run("y").failure is not None
    outcome = session.run("int not_defined(); int z = not_defined();")
    assert outcome.failure is not None and outcome.failure.reason == "link"
    assert "not_defined" in outcome.failure.text
    run(session, "double y = 1.5;")
    assert value(session, "x + y") == "4.5"


def test_an_endless_input_can_be_interrupted(session: Session) -> None:
    run(session, "int x = 5;")
    threading.Timer(0.3, session.interrupt).start()
    outcome = session.run("x = 6; for (volatile int i = 0;;) i = i + 1;")
    assert outcome.failure is not None and outcome.failure.reason == "interrupt"
    assert value(session, "x") == "5"


def test_a_return_that_is_in_no_function(session: Session) -> None:
    for source in ("return 3;", "if (1) return;"):
        assert session.run(source).diagnostics == "error: 'return' outside of a function\n"
    run(session, "#define GIVE return", "auto three = [] { GIVE 3; };")
    assert value(session, "three()") == "3"


def test_lambdas_become_functions_in_the_middle_of_a_statement(session: Session) -> None:
    """clang 22 itself crashes on each."""
    run(session, "#include <functional>\n#include <map>", "std::function<int(int)> f;")
    run(session, "f = [](int x) { return x + 1; };")
    assert value(session, "f(1)") == "2"
    assert value(session, "std::function<int(int)>([](int x) { return x; })(3)") == "3"
    run(session, "std::map<int, std::function<int()>> m;", "m[1] = [] { return 4; };")
    assert value(session, "m[1]()") == "4"
    assert value(session, "[](std::function<int()> g) { return g(); }([] { return 5; })") == "5"
    assert value(session, "std::bind([](int x) { return x; }, 6)()") == "6"


@pytest.mark.parametrize(
    "source",
    [
        "using namespace std; nope;",
        "nope; using namespace std;",
        "namespace { int a; nope; }",
        "namespace n { int b; } using namespace n; nope;",
    ],
)
def test_errors_among_directives(session: Session, source: str) -> None:
    """clang 22 itself crashes on each."""
    outcome = session.run(source)
    assert "'nope'" in outcome.diagnostics
    run(session, "namespace { int a = 1; }", "#include <vector>", "using namespace std;")
    assert value(session, "vector<int>{a}") == "{ 1 }"


def test_a_member_of_a_temporary(session: Session) -> None:
    run(session, "#include <string>", "int ended = 0;")
    run(session, "struct P { std::string name; int age; }; P make() { return {std::string(), 5}; }")
    assert value(session, "make().age") == "5"
    run(session, "struct Q { int n; ~Q() { ++ended; } };")
    assert value(session, "Q{3}.n") == "3"
    assert value(session, "ended") == "1"


def test_lambdas_that_would_capture_everything(session: Session, tmp_path: Path) -> None:
    run(session, "int n = 2; struct Own { int m = 5; int f() { return [&] { return m; }(); } };")
    run(
        session,
        "auto f = [&](int x) { return x + n; }, g = f;\nauto h = [=, y = 4] { return n + y; };",
    )
    run(session, "namespace inner { auto k = [ & ] { return [&] { return n; }(); }; }")
    run(session, "n = 3;")
    assert value(session, "f(1) + h() + inner::k() + Own().f()") == "19"
    header = tmp_path / "captures.h"
    header.write_text("auto late = [&] { return n; };\n")
    outcome = session.run(f'#include "{header}"')
    assert outcome.failure and "cannot have a capture-default" in outcome.diagnostics
    outcome = session.run("#define ALL [&]\nauto m = ALL { return n; };")
    assert outcome.failure and "cannot have a capture-default" in outcome.diagnostics


def test_symbols_are_named_as_people_name_them(session: Session) -> None:
    failure = session.run("struct Nowhere { Nowhere(); } nowhere;").failure
    assert failure and "Nowhere::Nowhere()" in failure.text


def test_what_is_local_to_a_statement(session: Session) -> None:
    """clang 22 itself crashes on each."""
    run(session, "int n = 0;", "template <class F> int call(F f) { return f(); }")
    run(session, "{ auto add = [](int x) { return x + 1; }; n = add(n); }")
    run(session, "for (int i = 0; i < 3; ++i) { static int count = 10; n = ++count; }")
    assert value(session, "n") == "13"
    run(session, "{ struct Local { int get() { return 4; } }; n = Local().get(); }")
    run(session, "{ struct Local { int get() { return 5; } }; n += Local().get(); }")
    assert value(session, "n") == "9"
    assert value(session, "[](auto x) { return x + 1; }(41)") == "42"
    assert value(session, "call([] { for (;;) return n; })") == "9"


@pytest.mark.parametrize("text", ["int f() {", "/* no end", 'R"(no end', "#if 1", "(1 +"])
def test_an_input_that_is_cut_is_refused(session: Session, text: str) -> None:
    outcome = session.run(text)
    assert outcome.failure is not None and "ends" in outcome.diagnostics
    assert value(session, "1") == "1"


def test_classes_show_themselves(session: Session) -> None:
    for name in ("string", "vector", "map", "optional", "variant", "tuple", "complex", "chrono"):
        run(session, f"#include <{name}>")
    run(session, "#include <memory>", "#include <iostream>", "using namespace std;")
    run(session, "struct P { int x; private: char c = 'q'; public: P(int n) : x(n) {} };")
    run(
        session,
        "struct Q { int z; }; ostream &operator<<(ostream &o, Q q) { return o << 'Q' << q.z; }",
    )
    for source, text in (
        ('string("hi\\n")', '"hi\\n"'),
        ('string_view("abc")', '"abc"'),
        ("vector<int>{1, 2}", "{ 1, 2 }"),
        ("vector<vector<int>>(2, vector<int>(2, 7))", "{ { 7, 7 }, { 7, 7 } }"),
        ('map<string, int>{{"a", 1}, {"b", 2}}', '{ "a": 1, "b": 2 }'),
        ("optional<int>(3)", "3"),
        ("optional<int>()", "nullopt"),
        ('variant<int, string>("v")', '"v"'),
        ('make_tuple(1, string("z"), 2.5)', '{ 1, "z", 2.5 }'),
        ("make_pair(1, true)", "{ 1, true }"),
        ("complex<double>(1, 2)", "1.0 + 2.0i"),
        ("chrono::milliseconds(5)", "5 ms"),
        ("unique_ptr<int>()", "nullptr"),
        ("P(4)", "{ .x = 4, .c = 'q' }"),
        ("vector<P>{P(1)}", "{ { .x = 1, .c = 'q' } }"),
        ("Q{8}", "Q8"),
    ):
        assert value(session, source) == text, source


def test_thread_local_variables_of_libraries(session: Session) -> None:
    run(session, "#include <future>", "#include <mutex>", "std::once_flag once; int calls = 0;")
    run(session, "for (int i = 0; i < 3; ++i) std::call_once(once, [] { ++calls; });")
    assert value(session, "calls") == "1"
    run(session, "auto later = std::async(std::launch::async, [] { return 42; });")
    assert value(session, "later.get()") == "42"
    run(session, "std::promise<int> promise; auto kept = promise.get_future();")
    run(session, "std::thread([] { promise.set_value(7); }).join();")
    assert value(session, "kept.get()") == "7"
    run(session, "errno = 5;", "thread_local int own = 1;", "own = 2; int seen = 0;")
    run(session, "std::thread([] { seen = own; }).join();")
    assert (value(session, "errno"), value(session, "own"), value(session, "seen")) == (
        "5",
        "2",
        "1",
    )
    outcome = session.run("extern thread_local int nowhere; nowhere")
    assert outcome.failure and "nowhere" in outcome.failure.text


def test_headers_that_flags_include_come_with_their_code(tmp_path: Path) -> None:
    header = tmp_path / "own.h"
    header.write_text(
        "#pragma once\nint counter = 5;\n"
        "struct Adds { Adds() { counter += 2; } };\nstatic Adds adds;\n"
        "int twice(int x) { return 2 * x; }\n"
    )
    with Session(("-include", str(header))) as session:
        assert (value(session, "counter"), value(session, "twice(4)")) == ("7", "8")


def test_functions_that_need_passes_without_optimization() -> None:
    with Session(("-std=c++20",)) as session:
        run(
            session,
            "#include <coroutine>",
            "struct Task { struct promise_type { int n; Task get_return_object() { return {this}; }"
            " std::suspend_never initial_suspend() { return {}; }"
            " std::suspend_always final_suspend() noexcept { return {}; }"
            " void return_value(int x) { n = x; } void unhandled_exception() {} };"
            " promise_type *p; };",
            "Task answer() { co_return 42; }",
            "__attribute__((always_inline)) inline int twice(int x) { return 2 * x; }",
        )
        assert (value(session, "answer().p->n"), value(session, "twice(4)")) == ("42", "8")


def test_c_shows_what_is_no_constant() -> None:
    with Session(("-xc",)) as session:
        run(session, "int three(void) { return 3; }", "int x = 4;")
        assert (value(session, "three()"), value(session, "x + 1")) == ("3", "5")
        run(session, "int a[2] = {1, 2};")
        assert value(session, "a") == "{ 1, 2 }"
