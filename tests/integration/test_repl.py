"""Sessions of interactive C++: what inputs do, and that a failed one leaves nothing behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value
from harness.processes import wait_until

from halojit.repl.outcome import Completion, Exception_, Frame, Reason, Value
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


def test_completion_and_description(session: Session) -> None:
    run(session, "/// Doubles.\nint twice(int n) { return 2 * n; }")
    run(session, "struct Point { int x_pos; int sum() const { return x_pos; } } point;")

    def texts(text: str) -> list[str]:
        return [each.text for each in session.complete(text, len(text)).items]

    assert texts("twi") == ["twice"]
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


def test_processes_that_are_killed_are_replaced(session: Session) -> None:
    run(session, "int x = 5;")
    for who in ("worker", "interpreter"):
        pid = session.processes()[who]
        assert pid
        os.kill(pid, signal.SIGKILL)
        outcome = session.run("++x;")
        assert outcome.failure is not None
        assert value(session, "x") == "5"


def test_an_endless_input_can_be_interrupted(session: Session) -> None:
    run(session, "int x = 5;")
    threading.Timer(0.3, session.interrupt).start()
    outcome = session.run("x = 6; for (volatile int i = 0;;) i = i + 1;")
    assert outcome.failure is not None and outcome.failure.reason == "interrupt"
    assert value(session, "x") == "5"


def test_undo_gives_values_back(session: Session) -> None:
    run(session, "int x = 1;", "x = 2;", "int y = 3;")
    assert session.undo(2) == 2
    assert value(session, "x") == "1"
    assert session.run("y").failure is not None


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
        ('R"(abc', "incomplete"),
        ("/* no end", "incomplete"),
        ("#if 1\nint x;", "incomplete"),
        ("#define A \\", "incomplete"),
        ("#include <vector>\n#define A 1", "complete"),
        ("#define TEMPLATE\nint f()", "incomplete"),
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


SPEAKS = """#include <cstdio>
struct Speaks {
  const char *name;
  Speaks(const char *name) : name(name) { std::printf("+%s ", name); }
  ~Speaks() { std::printf("-%s ", name); }
};
template <class T> struct Of { static Speaks all; };
template <class T> Speaks Of<T>::all{"template"};
"""


def test_initializers_of_an_input_run_in_their_order(capfd: pytest.CaptureFixture[str]) -> None:
    with Session() as session:
        run(session, SPEAKS)
        run(
            session,
            """
            __attribute__((constructor(300))) void third() { std::printf("third "); }
            __attribute__((constructor)) void late() { std::printf("late "); }
            Speaks a("a");
            __attribute__((init_priority(200))) Speaks b("b");
            std::printf("statement ");
            __attribute__((constructor(150))) void first() { std::printf("first "); }
            static Speaks c("c");
            """,
        )
        assert capfd.readouterr().out == "first +b third late +a statement +c "
        run(session, "Speaks d(Of<int>::all.name); std::puts(d.name);")
        assert capfd.readouterr().out == "+template +template template\n"
        run(session, ";", "int unused() { return 1; }", "std::puts(Of<int>::all.name);")
        assert capfd.readouterr().out == "template\n"
        session.run('Speaks undone("undone");')
        session.undo()
        run(session, 'Speaks e("e");')
        assert capfd.readouterr().out == "+undone +e "
        assert session.close() is None
    assert capfd.readouterr().out == "-e -template -template -c -a -b "


def test_what_an_initializer_throws_ends_that_one(capfd: pytest.CaptureFixture[str]) -> None:
    with Session() as session:
        run(session, SPEAKS)
        outcome = session.run(
            'Speaks a("a"); __attribute__((constructor(200))) void bad() { throw 1; }'
            'Speaks b("b"); throw "text"; Speaks never("never");'
        )
        assert outcome.is_kept and outcome.exception == Exception_("char const*", "")
        assert capfd.readouterr().out == "+a +b "
        for text in ("*(volatile int *)0 = 1", "std::abort()", "std::exit(3)"):
            outcome = session.run(
                'Speaks lost("lost"); int half = 1;'
                f"__attribute__((constructor(300))) void ends() {{ {text}; }}"
            )
            assert outcome.failure and not outcome.lost, outcome
        assert "half" in session.run("half").diagnostics
        run(session, 'int half = 2; Speaks c("c");')
        assert session.close() is None
    assert capfd.readouterr().out == "+c -c -b -a "


def test_initializers_in_c(capfd: pytest.CaptureFixture[str]) -> None:
    with Session(("-xc",)) as session:
        run(session, "#include <stdio.h>", "#include <stdlib.h>")
        run(
            session,
            'static void late(void) { puts("late"); }'
            '__attribute__((constructor)) static void early(void) { puts("early"); }'
            'int x = 1; x += 2; printf("%d\\n", x); atexit(late);',
        )
        run(session, "x += 2;")
        assert value(session, "x") == "5"
        assert session.close() is None
    assert capfd.readouterr().out == "early\n3\nlate\n"


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
    assert session.listing("nothing")[0] is None
    assert session.listing("9")[0] is None
    assert value(session, "n") == "42"
