"""Initializers of an input: their order, what they throw, in C."""

from __future__ import annotations

import pytest
from harness.inputs import run_clean as run
from harness.inputs import value

from halojit.repl.outcome import Exception_
from halojit.repl.session import Session

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
