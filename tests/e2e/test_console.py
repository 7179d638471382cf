"""halo-repl at a terminal, as a person meets it: keys in, a screen out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.terminal import Terminal
from harness.tools import Tools

from halojit import paths

PROMPT, CONTINUATION = "halo>", "....>"


class Session(Terminal):
    """A console; knows its prompts."""

    def wait_prompt(self, below: int = -1, prompt: str = PROMPT) -> None:
        self.wait_until(lambda: self.row > below and self.line == prompt, f"{prompt!r}")

    def type(self, text: str) -> int:
        """Keys that are seen where the cursor is; the row."""
        self.send(text)
        self.wait_until(lambda: self.line.endswith(text.strip()), repr(text))
        return self.row

    def ask(self, text: str) -> str:
        """Runs a line; what is shown up to the next prompt."""
        row = self.type(text)
        self.send("\r")
        self.wait_prompt(row)
        return "\n".join(self.lines(row + 1)[: self.row - row - 1])

    def run_until_a_key(self) -> int:
        """An input that now waits for a key; its row."""
        self.ask("#include <stdio.h>")
        row = self.type('puts("on" " it"); fflush(stdout); getchar();')
        self.send("\r")
        self.wait_for("on it", row + 1)
        return row

    def go_on(self, text: str, indentation: str) -> None:
        """A line after which the input is not complete."""
        row = self.type(text)
        self.send("\r")
        self.wait_until(
            lambda: self.row == row + 1 and self.line == f"{CONTINUATION} {indentation}".rstrip(),
            "a continuation",
        )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    state = str(tmp_path / "state")
    return dict(os.environ, XDG_STATE_HOME=state, COLUMNS="80", TERM="xterm-256color")


@pytest.fixture
def console(tools: Tools, environment: dict[str, str]) -> Iterator[Session]:
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_prompt()
        yield console


def test_values_come_back(console: Session) -> None:
    assert console.ask("int x = 6;") == ""
    assert console.ask("x * 7") == "(int) 42"


def test_keys_before_the_session_is_there_are_kept(
    tools: Tools, environment: dict[str, str]
) -> None:
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_for(PROMPT)  # which is there before anything else
        console.send("int x = 6;\rx * 7\r")
        console.wait_for("(int) 42")
        console.wait_prompt(2)
        assert console.lines()[:3] == ["halo> int x = 6;", "halo> x * 7", "(int) 42"]


def test_a_function_takes_several_lines(console: Session) -> None:
    console.go_on("int f(int n) {", "    ")
    console.go_on("if (n > 1) {", "        ")
    console.go_on("n = 2 * n;", "        ")
    console.go_on("}", "    ")
    console.go_on("return n;", "    ")
    assert console.ask("}") == ""
    assert f"{CONTINUATION} }}" in console.lines()
    assert console.ask("f(4)") == "(int) 8"


def test_an_empty_line_runs_what_is_not_complete(console: Session) -> None:
    console.go_on("1 +", "")
    console.send("\r")
    console.wait_prompt()
    assert "error: expected expression" in "\n".join(console.lines())


def test_an_error_has_a_caret_and_colours(console: Session) -> None:
    shown = console.ask("int y = nope;").splitlines()
    assert "error: use of undeclared identifier 'nope'" in shown[0]
    assert "^~~~" in shown[2]
    row = console.row - len(shown)
    assert console.colour(row, shown[0].index("error:")) == "red"
    assert console.colour(row + 2, shown[2].index("^")) == "green"
    assert "error:" in console.ask("y")


def test_a_crash_is_told_and_leaves_the_session(console: Session) -> None:
    console.ask("int x = 6;")
    assert "taken back: SIGSEGV" in console.ask("x = 7; *(volatile int *)0 = 1;")
    assert console.ask("x") == "(int) 6"


def test_ctrl_c_ends_the_input_only(console: Session) -> None:
    console.ask("#include <stdio.h>")
    console.ask("int x = 6;")
    row = console.type('x = 7; puts("on" " it"); fflush(stdout); for (;;) ;')
    console.send("\r")
    console.wait_for("on it", row + 1)
    console.send("\x03")
    console.wait_prompt(row)
    assert "taken back: interrupted" in console.lines(row)
    assert console.ask("x") == "(int) 6"


def test_ctrl_c_at_the_prompt_clears_the_line(console: Session) -> None:
    row = console.type("int nonsense")
    console.send("\x03")
    console.wait_prompt(row)
    assert console.ask("1 + 1") == "(int) 2"


def test_cin_reads_from_the_terminal(console: Session) -> None:
    console.ask("#include <stdio.h>")
    console.ask("int n;")
    row = console.type('puts("how " "many?"); fflush(stdout); scanf("%d", &n); n + 1')
    console.send("\r")
    console.wait_for("how many?", row + 1)
    console.send("41\r")
    console.wait_prompt(row)
    assert "(int) 42" in console.lines(row)


def test_inputs_of_another_machine_have_this_terminal(
    tools: Tools, environment: dict[str, str]
) -> None:
    executor = paths.command_dir() / "halo-executor"
    listening = subprocess.Popen([executor, "listen=:0"], stderr=subprocess.PIPE, text=True)
    with listening:
        assert listening.stderr
        endpoint = listening.stderr.readline().split()[-1]
        command = [str(tools.halo_repl), f"--oop-executor-connect={endpoint}"]
        with Session(command, environment) as console:
            console.wait_prompt()
            test_cin_reads_from_the_terminal(console)
            test_ctrl_c_ends_the_input_only(console)
            console.ask("x = 8;")
            listening.kill()
            shown = console.ask("x")
            assert "is gone" in shown and "%restart" in shown
            assert "int x = 6;" in console.ask("%history")


def test_output_without_a_newline_stays(console: Session) -> None:
    console.ask("#include <stdio.h>")
    assert console.ask('printf("abc"); fflush(stdout);') == "abc"
    assert console.ask('printf("abc"); fflush(stdout); 5') == "abc\n(int) 5"


def test_an_input_cannot_spoil_the_terminal(console: Session) -> None:
    console.ask("#include <termios.h>")
    console.ask("termios modes;")
    console.ask("tcgetattr(0, &modes); modes.c_lflag &= ~(ECHO | ISIG);")
    console.ask("tcsetattr(0, TCSANOW, &modes);")
    row = console.type("for (;;) ;")
    console.send("\r")
    console.wait_until(lambda: console.row > row, "the input to begin")
    console.send("\x03")
    console.wait_prompt(row)
    assert "taken back: interrupted" in console.lines(row)


def test_commands(console: Session, tmp_path: Path) -> None:
    console.ask("int x = 6;")
    console.ask("x = 7;")
    assert console.ask("%undo") == "took back 1 input:\n  x = 7;"
    assert console.ask("x") == "(int) 6"
    assert console.ask("%redo") == "1 input run again"
    assert console.ask("x") == "(int) 7"
    assert "%checkpoint NAME" in console.ask("%help")
    assert console.ask(f"%save {tmp_path}/saved.cpp").startswith("4 inputs written")
    assert console.ask("%restart") == "a fresh session"
    assert "error:" in console.ask("x")
    assert console.ask(f"%load {tmp_path}/saved.cpp") == "(int) 6\n(int) 7"
    assert console.ask("x") == "(int) 7"
    assert "did you mean %undo?" in console.ask("%undoo")
    assert "runs of" in console.ask("%timeit x + 1")
    assert console.ask("%time x").startswith("(int) 7\nwall time: ")


def test_a_commands_name_is_completed(console: Session) -> None:
    console.send("%checkpoint n\r")
    console.wait_for("%restore n comes back")
    console.wait_prompt(1)
    console.send("%resto\t")
    console.wait_until(lambda: console.line.endswith("%restore"), "the name")
    assert console.ask(" n") == "took back 0 inputs"


def test_completions_fit_a_low_terminal(tools: Tools, environment: dict[str, str]) -> None:
    with Session([str(tools.halo_repl)], environment, lines=6) as console:
        console.wait_prompt()
        console.ask("#include <string>")
        console.ask("std::string text;")
        console.send("text.s\t")
        console.wait_for("shrink_to_fit", 1)
        console.wait_until(lambda: console.row == 1, "completions below the line")
        console.send("\t\r")
        console.wait_until(lambda: console.line == f"{PROMPT} text.shrink_to_fit", "a choice")
        assert console.lines(2) == [""] * 4


def test_completions_go_with_their_line(console: Session) -> None:
    console.send("st\t")
    console.wait_for("static", 1)
    console.send("\x03")
    console.wait_until(lambda: console.row == 1 and console.line == PROMPT, "the next line")
    assert console.lines()[:2] == [f"{PROMPT} st", PROMPT]
    assert not any(console.lines(2))


def test_signals_from_elsewhere(console: Session) -> None:
    console.ask("int x = 6;")
    modes = termios.tcgetattr(console.end)
    row = console.type("x * 7")
    console.kill(signal.SIGINT)
    console.send("\r")
    console.wait_prompt(row)
    assert console.lines(row + 1)[0] == "(int) 42"
    assert not modes[3] & termios.ECHO
    console.kill(signal.SIGTERM)
    assert console.wait_end() == -signal.SIGTERM
    assert termios.tcgetattr(console.end)[3] & termios.ECHO


def test_keys_for_history_while_an_input_runs(console: Session) -> None:
    console.ask("6 * 7")
    row = console.run_until_a_key()
    console.send("\n\x1b[A\x1b[A\x1b[A\r")
    console.wait_for("(int) 42", row + 1)


def test_a_history_that_cannot_be_kept(tools: Tools, environment: dict[str, str]) -> None:
    history = Path(environment["XDG_STATE_HOME"]) / "halo" / "repl_history"
    history.mkdir(parents=True)
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_for("no history is kept")
        console.wait_prompt()
        assert console.ask("6 * 7") == "(int) 42"
    history.rmdir()
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_prompt()
        shutil.rmtree(history.parent)
        assert console.ask("6 * 7") == "(int) 42"


def test_tabs_are_as_wide_as_they_are(tools: Tools, environment: dict[str, str]) -> None:
    with Session([str(tools.halo_repl)], environment, lines=20) as console:
        console.wait_prompt()
        console.send("\x1b[200~" + "x\t" * 40 + "y\x1b[201~")
        console.wait_until(lambda: console.line.endswith("x   y"), "the end of the text")


def test_an_earlier_input_is_searched(console: Session) -> None:
    console.ask("int first = 6;")
    console.ask("int second = 7;")
    console.send("\x12fir")
    console.wait_until(lambda: "search" in console.line and "fir" in console.line, "the search")
    assert f"{PROMPT} int first = 6;" in console.lines()
    console.send("\r")
    console.wait_until(lambda: console.line == f"{PROMPT} int first = 6;", "the input")
    row = console.row
    console.send("\r")
    console.wait_prompt(row)


def test_what_is_pasted_is_one_input(console: Session) -> None:
    console.send("\x1b[200~int f(int n) {\n  return 2 * n;\n}\x1b[201~")
    console.wait_until(lambda: console.line == f"{CONTINUATION} }}", "the text")
    row = console.row
    console.send("\r")
    console.wait_prompt(row)
    assert console.ask("f(4)") == "(int) 8"


def test_keys_while_an_input_runs_are_kept(console: Session) -> None:
    row = console.run_until_a_key()
    console.send("\n6 * 7\r")
    console.wait_for("(int) 42", row + 1)


def test_a_terminal_that_cannot_move_its_cursor(tools: Tools, environment: dict[str, str]) -> None:
    with Session([str(tools.halo_repl)], {**environment, "TERM": "dumb"}) as console:
        console.send("6 * 7\n")
        console.wait_for("(int) 42")
        console.send("\x04")
        assert console.wait_end() == 0


def test_ctrl_d_and_quit_end_the_session(tools: Tools, environment: dict[str, str]) -> None:
    for keys in ("\x04", "%quit\r"):
        with Session([str(tools.halo_repl)], environment) as console:
            console.wait_prompt()
            console.send(keys)
            assert console.wait_end() == 0


def test_no_key_is_lost_from_the_first_prompt_on(tools: Tools, environment: dict[str, str]) -> None:
    """A terminal that gathers lines forgets Ctrl-D when it ceases to."""
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_for("halo>")
        while console.is_on(termios.ISIG):  # Ctrl-C is a key once the editor is there
            assert not console.is_on(termios.ICANON)
        console.send("\x04")
        assert console.wait_end() == 0
        assert console.is_on(termios.ICANON) and console.is_on(termios.ECHO)


def test_ctrl_z_leaves_to_the_shell_and_back(tools: Tools, environment: dict[str, str]) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with Session(shell, environment | {"PS1": "shell> "}) as console:
        console.wait_prompt(prompt="shell>")
        console.send(f"{tools.halo_repl}\r")
        console.wait_prompt()
        console.ask("int x = 5;")
        console.type("x + ")
        console.send("\x1a")
        console.wait_for("Stopped")
        console.wait_prompt(prompt="shell>")
        console.send("fg\r")
        console.wait_until(lambda: console.line == "halo> x +", "the line")
        console.send("1\r")
        console.wait_for("(int) 6")


def test_history_is_kept_between_sessions(tools: Tools, environment: dict[str, str]) -> None:
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_prompt()
        console.ask("40 + 2")
        console.send("\x04")
        assert console.wait_end() == 0
    with Session([str(tools.halo_repl)], environment) as console:
        console.wait_prompt()
        console.send("\x1b[A")
        console.wait_until(lambda: console.line == f"{PROMPT} 40 + 2", "the last input")
        row = console.row
        console.send("\r")
        console.wait_prompt(row)
        assert console.lines(row + 1)[0] == "(int) 42"
    history = Path(environment["XDG_STATE_HOME"]) / "halo" / "repl_history"
    assert history.stat().st_mode & 0o077 == 0
