"""Outcomes, times, listings and packages in words."""

from __future__ import annotations

import pytest

from halojit.repl.listing import assembly
from halojit.repl.outcome import Failure, Frame, Outcome, Reason
from halojit.repl.package import translated
from halojit.repl.timing import Timing, source, timing
from halojit.repl.wording import FRAMES, brief, duration, message


def test_failures_in_words() -> None:
    frames = tuple(Frame(f"f{i}()", "input 7", i) for i in range(1, FRAMES + 3))
    crash = Failure(Reason.CRASH, "SIGSEGV: Segmentation fault", frames)
    lines = message(Outcome(failure=crash, lost=("int x;", "f() {\n}"))).splitlines()
    assert lines[:2] == ["taken back: SIGSEGV: Segmentation fault", "  in f1() at input 7:1"]
    lost = "lost with it: 2 inputs; %replay runs them again"
    assert lines[-4:] == ["  and 2 more", lost, "  int x;", "  f() { …"]
    deep = (Frame("f()", "input 1", 1),) * 40 + (Frame("g()"),)
    told = message(Outcome(failure=Failure(Reason.CRASH, "SIGSEGV", deep)), is_end=True)
    assert told == "at the end of the session: SIGSEGV\n  in f() at input 1:1, 40 times\n  in g()"
    assert message(Outcome("error\n", failure=Failure(Reason.COMPILE, "not compiled"))) == ""
    assert message(Outcome(failure=Failure(Reason.COMPILE, "no"))) == "taken back: no"


def test_words() -> None:
    assert brief("x" * 100).endswith("x…") and len(brief("x" * 100)) == 72
    assert [duration(s) for s in (2.0, 0.0123, 4.5e-6, 7e-9)] == [
        "2 s",
        "12.3 ms",
        "4.5 us",
        "7 ns",
    ]


def test_timings() -> None:
    assert "\n#line 1\nf(x)\n" in source("f(x)")
    assert timing('"4 8 12"') == Timing(4, (pytest.approx(2e-9), pytest.approx(3e-9)))


def test_assembly_without_directives() -> None:
    text = """
	.text
	.globl	f
f:
	.cfi_startproc
	pushq	%rbp
.Ltmp0:
	jmp	.LBB0_1
.LBB0_1:
	retq
.Lfunc_end0:
	.size	f, .Lfunc_end0-f
	.section	.gcc_except_table,"a",@progbits
GCC_except_table0:
	.byte	255
	.text
g:
	retq
"""
    assert assembly(text) == "f:\n\tpushq\t%rbp\n\tjmp\t.LBB0_1\n.LBB0_1:\n\tretq\n\ng:\n\tretq"


def test_flags_of_packages() -> None:
    flags = "-I /a -isystem/b -DX -DY=1+1 -DZ= -UW -L/c -L /c -lm -l:libn.so.1 /d/libo.a -pthread"
    assert translated(flags.split()).source.splitlines() == [
        '#pragma halo include_path("/a")',
        '#pragma halo include_path("/b")',
        "#define X 1",
        "#define Y 1+1",
        "#define Z ",
        "#undef W",
        '#pragma halo library_path("/c")',
        '#pragma comment(lib, "m")',
        '#pragma comment(lib, "libn.so.1")',
        '#pragma comment(lib, "/d/libo.a")',
    ]
