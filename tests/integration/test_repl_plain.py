"""halo-repl without a terminal: inputs from a pipe or from the command line."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from harness.processes import no_hang
from harness.tools import Tools

from halojit.repl.session import END_LIMIT_S


def repl(tools: Tools, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tools.halo_repl), *arguments], input=stdin, capture_output=True, text=True, timeout=120
    )


def test_inputs_come_from_a_pipe(tools: Tools) -> None:
    done = repl(tools, stdin="int x = 6;\nint f() {\n  return x * 7;\n}\nf()\n%undo\n%history\n")
    assert done.stdout == (
        "(int) 42\ntook back 1 input:\n  f()\n"
        "1  int x = 6;\n2  int f() {\n     return x * 7;\n   }\n"
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_comment_belongs_to_what_it_stands_before(tools: Tools) -> None:
    code = (
        "/// Adds two\n/// numbers.\nint add(int a, int b);\n/* a\n command */\n%history\n// end\n"
    )
    assert repl(tools, stdin=code + "?add").stdout == (
        "1  /// Adds two\n   /// numbers.\n   int add(int a, int b);\n2  /* a\n    command */\n"
        "int add(int a, int b)\n  Adds two\n  numbers.\n\n"
    )


def test_a_statement_goes_on_with_the_next_line_of_a_file(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "inputs"
    file.write_text(
        "int x = 1;\nif (x == 2) x = 3;\nelse if (x == 1)\n{\n  x = 4;\n}\nelse { x = 5; }\n"
        "try { throw x; }\ncatch (char) { x = 6; }\ncatch (int thrown) { x = 10 * thrown; }\nx\n"
    )
    with file.open() as stdin:
        done = subprocess.run(
            [str(tools.halo_repl)], stdin=stdin, capture_output=True, text=True, timeout=120
        )
    assert (done.stdout, done.stderr) == ("(int) 40\n", "")


def test_inputs_come_from_the_command_line(tools: Tools) -> None:
    done = repl(tools, "int n = 0;", '#include <cstdio>\nscanf("%d", &n);', "n", stdin="42\n")
    assert (done.stdout, done.stderr, done.returncode) == ("(int) 42\n", "", 0)


def test_a_prompt_comes_before_what_it_asks_for(tools: Tools) -> None:
    ask = '#include <cstdio>\nint n;\nprintf("num? "); scanf("%d", &n);'
    with subprocess.Popen(
        [str(tools.halo_repl), ask, "n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout
        with no_hang(60):
            assert process.stdout.read(5) == b"num? "
        assert process.communicate(b"42\n")[0] == b"(int) 42\n"


def test_an_input_does_not_read_the_inputs(tools: Tools) -> None:
    done = repl(tools, stdin='#include <cstdio>\nint n = 5;\nscanf("%d", &n)\n7\nn\n')
    assert done.stdout == "(int) -1\n(int) 7\n(int) 5\n"


def test_a_failure_is_told_on_standard_error_and_in_the_status(tools: Tools) -> None:
    done = repl(tools, stdin="int x = 6;\nnope\nx = 7; __builtin_trap();\n%nope\nx\n")
    assert done.stdout == "(int) 6\n"
    assert "error: use of undeclared identifier 'nope'" in done.stderr
    assert "taken back: SIGILL" in done.stderr
    assert "%nope: no such command" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode == 1


def test_nothing_runs_after_quit(tools: Tools) -> None:
    assert repl(tools, stdin="1\n%quit\n2\n").stdout == "(int) 1\n"
    assert repl(tools, "1", "%quit", "2").stdout == "(int) 1\n"


def test_ctrl_c_ends_it(tools: Tools) -> None:
    with (
        no_hang(60),
        subprocess.Popen(
            [str(tools.halo_repl), '#include <cstdio>\nputs("on"); for (;;) ;'],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_ctrl_c_ends_what_a_pipe_has_begun(tools: Tools) -> None:
    with (
        no_hang(60),
        subprocess.Popen(
            [str(tools.halo_repl)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write('#include <cstdio>\nputs("on"); for (;;) ;\n1\n')
        process.stdin.flush()
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.wait(60) == 130
        assert time.monotonic() - begun < END_LIMIT_S
        assert process.stderr.read() == "taken back: interrupted\n"
        assert process.stdout.read() == ""


def test_lines_are_seen_unless_an_input_says_otherwise(tools: Tools, tmp_path: Path) -> None:
    header, crash = "#include <cstdio>\n", 'puts("line"); __builtin_trap();'
    assert repl(tools, header, crash).stdout == "line\n"
    assert repl(tools, stdin=header + crash).stdout == "line\n"
    assert repl(tools, header + "setvbuf(stdout, nullptr, _IOFBF, 0);", crash).stdout == ""
    file = tmp_path / "printed"
    repl(tools, f'{header}freopen("{file}", "w", stdout);', crash)
    assert file.read_text() == ""


def test_an_exception_that_nobody_catches_is_in_the_status(tools: Tools) -> None:
    done = repl(tools, "throw 3;", "1")
    assert (done.stdout, done.stderr, done.returncode) == ("(int) 1\n", "uncaught int\n", 1)


def test_heads_go_on_in_the_next_line(tools: Tools) -> None:
    done = repl(tools, stdin="int i = 0;\nif (nope)\n  i = 9;\ndo\n  ++i;\nwhile (i < 3);\ni\n")
    assert done.stdout == "(int) 3\n"


def test_a_session_that_cannot_begin_says_why(tools: Tools) -> None:
    done = repl(tools, "-Xcc", "-std=nonsense", "1")
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "__asan_init" in repl(tools, "-Xcc", "-fsanitize=address", "1").stderr
    assert "Traceback" not in done.stderr


def test_another_orc_runtime(tools: Tools, tmp_path: Path) -> None:
    libraries = tools.clang.parent.parent / "lib/clang/22/lib/linux"
    (runtime,) = libraries.glob("liborc_rt-*.a")
    copy = tmp_path / "runtime.a"
    copy.write_bytes(runtime.read_bytes())
    assert repl(tools, f"--orc-runtime={copy}", "6 * 7").stdout == "(int) 42\n"
    copy.write_bytes(b"nothing")
    done = repl(tools, f"--orc-runtime={copy}", "6 * 7")
    assert done.returncode == 1 and str(copy) in done.stderr
    done = repl(tools, "--orc-runtime=/nowhere/x.a", "6 * 7")
    assert done.returncode == 2 and "/nowhere/x.a" in done.stderr
