"""Inputs that are no C++, no text, too much, or that turn against the session they run in.

Each gets a clear answer, and the session goes on with its variables.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run, value
from harness.notebook import frontend, installed_kernels
from harness.processes import descendants, no_hang
from harness.tools import Tools

from halojit.repl.outcome import Outcome, Reason
from halojit.repl.session import Session, SessionError

MEGABYTE = 1 << 20
GARBAGE = random.Random(4).randbytes(4000)
MEMORY_LIMIT_BYTES = 400 * MEGABYTE
"""Of one process of a front, whatever an input prints."""


@pytest.fixture
def session() -> Iterator[Session]:
    with no_hang(180), Session(("-std=c++20",)) as session:
        assert session.run("int kept = 7;").is_kept
        yield session
        shown = session.run("kept").value
        assert shown is not None and shown.text == "7"


def refused(session: Session, source: str) -> Outcome:
    outcome = session.run(source)
    assert outcome.failure is not None and not outcome.lost, outcome
    return outcome


# ---- what is no C++


@pytest.mark.parametrize("encoding", ["latin1", "utf-8"])
def test_binary_garbage(session: Session, encoding: str) -> None:
    text = GARBAGE.decode(encoding, "replace")
    for piece in (text, text[:50], text.replace("\0", "")):
        assert refused(session, piece).diagnostics
        session.is_complete(piece)
        session.complete(piece, len(piece))


def test_binary_garbage_in_a_pipe(tools: Tools) -> None:
    done = subprocess.run(
        [tools.halo_repl], input=GARBAGE + b"\n", capture_output=True, timeout=120
    )
    assert done.returncode == 1
    assert b"error:" in done.stderr and b"Traceback" not in done.stderr


def test_zero_bytes(session: Session) -> None:
    outcome = session.run("int a\0 = 3;\0")
    assert outcome.is_kept and "null character" in outcome.diagnostics
    assert value(session, "a") == "3"
    assert session.run("\0\0").is_kept


@pytest.mark.parametrize(
    "source",
    ["int f() {", "{ int x = 1;", "/* no end", 'R"x(no end', "#if 1", "(1 +", "]", "}}}", ");"],
)
def test_brackets_that_do_not_match(session: Session, source: str) -> None:
    assert "error:" in refused(session, source).diagnostics


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('#include "/no/such/file.h"', "file not found"),
        ('#include "/tmp"', "file not found"),
        ("#error made to fail", "made to fail"),
        ("template <int N> struct D { static constexpr int v = D<N + 1>::v; }; int d = D<0>::v;",
         "recursive template instantiation"),
        ("constexpr int f(int n) { return f(n + 1); } constexpr int k = f(0);", "constant"),
        ("export module here;", "cannot declare a module"),
        ("import std;", "module 'std' not found"),
        ("{" * 5000 + "}" * 5000, "bracket nesting level"),
    ],
)  # fmt: skip
def test_what_the_compiler_refuses(session: Session, source: str, why: str) -> None:
    assert why in refused(session, source).diagnostics


def test_a_device_is_included(session: Session) -> None:
    run(session, '#include "/dev/null"', '#include "/dev/zero"')


def test_assembly_that_is_none(session: Session) -> None:
    outcome = refused(session, 'asm("no instruction");')
    assert outcome.failure is not None and "invalid instruction" in outcome.failure.text


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000 + "1" + ")" * 100_000,
        "int " + "*" * 100_000 + "p;",
        "1" + "+1" * 500_000,
        "template <class T> struct W {}; " + "W<" * 5000 + "int" + ">" * 5000 + " w;",
    ],
    ids=["brackets", "pointers", "sum", "templates"],
)
def test_nesting_that_the_compiler_does_not_survive(session: Session, source: str) -> None:
    failure = refused(session, source).failure
    assert failure is not None and failure.reason is Reason.CRASH
    assert failure.text.startswith("the compiler ended")


@pytest.mark.parametrize(
    "source",
    [
        "int " + "x" * 10 * MEGABYTE + ";",
        'const char *text = "' + "x" * 10 * MEGABYTE + '";',
        "//" + "x" * 10 * MEGABYTE,
    ],
    ids=["name", "literal", "comment"],
)
def test_ten_megabytes_in_a_line(session: Session, source: str) -> None:
    run(session, source)


def test_a_very_long_symbol(session: Session) -> None:
    name = "n" * 100_000
    run(session, f"namespace {name} {{ int f() {{ return 3; }} }} int three = {name}::f();")
    assert value(session, "three") == "3"
    failure = refused(session, f"int missing_{name}(); three = missing_{name}();").failure
    assert failure is not None and failure.reason is Reason.LINK


# ---- what turns against the session


def test_the_locale_changes_no_values(session: Session) -> None:
    run(
        session,
        "#include <iostream>\n#include <locale>\n#include <vector>",
        "struct Odd : std::numpunct<char> {\n"
        "  char do_decimal_point() const override { return ','; }\n"
        "  char do_thousands_sep() const override { return '.'; }\n"
        '  std::string do_grouping() const override { return "\\3"; }\n};',
        "std::locale::global(std::locale(std::locale(), new Odd)); std::cout.imbue(std::locale());",
    )
    assert value(session, "1234567.5") == "1234567.5"
    assert value(session, "std::vector<double>{1234567.5}") == "{ 1234567.5 }"
    assert value(session, "1234567") == "1234567"


def test_standard_output_is_closed(session: Session) -> None:
    run(session, "#include <cstdio>\n#include <unistd.h>", "fclose(stdout); close(1); close(2);")
    assert value(session, "1 + 1") == "2"
    run(session, 'printf("nobody reads this");')


def test_every_descriptor_is_closed(session: Session) -> None:
    run(session, "#include <unistd.h>", "for (int i = 0; i < 1024; ++i) close(i);")
    assert value(session, "1 + 1") == "2"
    failure = refused(session, "close_range(0, ~0u, 0);").failure
    assert failure is not None and "descriptor" in failure.text


def test_all_signals_are_blocked(session: Session) -> None:
    run(session, "#include <csignal>", "sigset_t all;")
    run(session, "sigfillset(&all); sigprocmask(SIG_BLOCK, &all, nullptr);")
    failure = refused(session, "*(volatile int *)0 = 1;").failure
    assert failure is not None and "SIGSEGV" in failure.text
    threading.Timer(0.3, session.interrupt).start()
    failure = refused(session, "for (;;) ;").failure
    assert failure is not None and failure.reason is Reason.INTERRUPT


def test_handlers_of_its_own(session: Session) -> None:
    run(session, "#include <csetjmp>\n#include <csignal>\nint seen; sigjmp_buf out;")
    run(session, "void note(int) { ++seen; siglongjmp(out, 1); }", "signal(SIGSEGV, note);")
    run(session, "if (!sigsetjmp(out, 1)) *(volatile int *)0 = 1;")
    assert value(session, "seen") == "1"
    run(session, "signal(SIGSEGV, SIG_IGN); signal(SIGCHLD, SIG_IGN); signal(SIGPIPE, SIG_DFL);")
    failure = refused(session, "*(volatile int *)0 = 1;").failure
    assert failure is not None and "SIGSEGV" in failure.text


def test_a_signal_stack_of_its_own(session: Session) -> None:
    run(session, "#include <csignal>\n#include <cstdlib>\nstack_t place{};")
    run(session, "place.ss_sp = malloc(65536); place.ss_size = 65536; sigaltstack(&place, 0);")
    run(session, "free(place.ss_sp); place.ss_flags = SS_DISABLE; sigaltstack(&place, 0);")
    run(session, "int deep(int n) { volatile char b[4096]; b[0] = 1; return deep(n + 1) + b[0]; }")
    failure = refused(session, "deep(0);").failure
    assert failure is not None and "SIGSEGV" in failure.text


@pytest.mark.parametrize(
    "source",
    [
        "setsid(); setpgid(0, 0);",
        "prctl(PR_SET_DUMPABLE, 0); prctl(PR_SET_PDEATHSIG, 0);",
        "rlimit none{0, 0}; setrlimit(RLIMIT_FSIZE, &none); setrlimit(RLIMIT_STACK, &none);",
        "fesetround(FE_UPWARD); feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);",
        "alarm(1000); nice(19);",
        "if (fork() == 0) ++kept;",
    ],
)
def test_what_a_process_may_do_to_itself(session: Session, source: str) -> None:
    run(session, "#include <cfenv>\n#include <sys/prctl.h>\n#include <sys/resource.h>")
    run(session, "#include <unistd.h>", source)
    assert value(session, "kept + 0.25") == "7.25"
    assert refused(session, "kept = -1; __builtin_trap();")


@pytest.mark.parametrize(
    "source",
    [
        'execl("/bin/true", "true", nullptr);',
        "munmap((void *)((unsigned long)&munmap & ~4095ul), 4096);",
        "for (char *p = (char *)&kept;; ++p) *p = 1;",
        "free((void *)8);",
        "pthread_exit(nullptr);",
    ],
)
def test_what_no_process_survives(session: Session, source: str) -> None:
    run(session, "#include <cstdlib>\n#include <pthread.h>\n#include <sys/mman.h>")
    run(session, "#include <unistd.h>")
    refused(session, "kept = -1; " + source)


# ---- output without end


def largest_bytes(pid: int) -> int:
    """The most memory that a process has had so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise LookupError(f"{pid} has no VmHWM")


def test_endless_output_into_a_pipe(tools: Tools) -> None:
    source = '#include <cstdio>\nfor (;;) puts("and on and on and on and on and on and on");'
    with no_hang(120), subprocess.Popen([tools.halo_repl, source], stdout=subprocess.PIPE) as repl:
        assert repl.stdout
        for _ in range(64):
            assert len(repl.stdout.read(MEGABYTE)) == MEGABYTE
        for each in (repl.pid, *(each.pid for each in descendants(repl.pid))):
            assert largest_bytes(each) < MEMORY_LIMIT_BYTES
        repl.send_signal(signal.SIGINT)
        while repl.stdout.read(MEGABYTE):
            pass
        assert repl.wait() == 130


def test_endless_output_into_a_notebook(tmp_path: Path) -> None:
    with no_hang(180), installed_kernels(tmp_path), frontend() as notebook:
        assert notebook.run("#include <cstdio>\nint kept = 7;").content["status"] == "ok"
        pid = notebook.manager.provisioner.pid
        lines = 0

        def interrupt(printed: str) -> None:
            nonlocal lines
            lines = printed.count("\n")
            if len(printed) > 4 * MEGABYTE:
                notebook.manager.interrupt_kernel()

        reply = notebook.run('for (;;) puts("and on and on and on and on");', None, interrupt)
        assert reply.content["ename"] == "KeyboardInterrupt"
        assert lines > 0
        assert largest_bytes(pid) < MEMORY_LIMIT_BYTES
        assert notebook.run("kept").values == ["(int) 7"]


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("file.cpp", "a flag names a file, file.cpp"),
        ("-m32", "inputs would be for i386"),
        ("-std=c++98", "expected -std=c++17"),
        ("-std=c++99", "invalid value 'c++99'"),
        ("-include no_such.h", "'no_such.h' file not found"),
    ],
)
def test_flags_that_no_session_can_have(
    flag: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SessionError, match=re.escape(why)):
        Session(flag.split())
    assert capfd.readouterr().err == ""


def test_pragmas_that_stay_in_effect(session: Session) -> None:
    run(session, "#pragma pack(push, 1)", "struct S { char a; int b; };", "#pragma pack(pop)")
    assert value(session, "sizeof(S)") == "5"
