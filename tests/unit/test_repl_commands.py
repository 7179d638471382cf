"""The `%` commands over a session that only keeps books."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.processes import no_hang

from halojit.repl.command import Result
from halojit.repl.commands import TABLE, Commands
from halojit.repl.files import SAVED
from halojit.repl.libraries import wanted
from halojit.repl.outcome import (
    Completion,
    Completions,
    Declared,
    Failure,
    Outcome,
    Reason,
    Value,
)


class FakeSession:
    """Keeps every input but those that say "bad"; the ones without a semicolon have a value."""

    def __init__(self) -> None:
        self.inputs: tuple[str, ...] = ()
        self.names: dict[str, int] = {}
        self.is_closed = False
        self.asked: tuple[str, int] | None = None
        self.shows = "1"

    def run(self, text: str, meanwhile: Callable[[], None] | None = None) -> Outcome:
        if "bad" in text:
            return Outcome("error: bad\n", failure=Failure(Reason.COMPILE, "not compiled"))
        self.inputs += (text,)
        return Outcome(value=None if text.endswith(";") else Value("int", self.shows))

    def load(self, library: str) -> Outcome:
        return self.run(wanted(library))

    def undo(self, count: int = 1) -> int:
        return self._cut(max(0, len(self.inputs) - count))

    def why_not_older(self) -> str:
        return ""

    def checkpoint(self, name: str) -> None:
        self.names[name] = len(self.inputs)

    def restore(self, name: str) -> int:
        return self._cut(self.names[name])

    def _cut(self, length: int) -> int:
        taken_back = len(self.inputs) - length
        self.inputs = self.inputs[:length]
        return taken_back

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return tuple(self.names)

    def is_complete(self, text: str) -> tuple[str, int]:
        depth = text.count("{") - text.count("}")
        return ("incomplete", depth) if depth else ("complete", 0)

    def complete(self, text: str, cursor: int) -> Completions:
        self.asked = text, cursor
        return Completions(cursor - 1, (Completion("xyz", "variable", "int"),))

    def describe(self, name: str) -> str | None:
        return "int x" if name == "x" else None

    def type_of(self, expression: str) -> tuple[str | None, str]:
        return ("int", "") if expression == "x" else (None, "error: no\n")

    def declared(self) -> tuple[Declared, ...]:
        return (
            Declared("variable", "x", "int", "3"),
            Declared("variable", "words", "std::string", None),
            Declared("function", "f", "int ()", None),
        )

    def look(self, expression: str) -> Outcome:
        return Outcome(value=Value("std::string", f'"{expression}\n{"long " * 20}"'))

    def listing(self, of: str, level: int, is_ir: bool) -> tuple[str | None, str]:
        return (f"{of} {level} {is_ir}", "") if of == "f" else (None, "there is none")

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def commands() -> Commands:
    return Commands(FakeSession(), FakeSession)  # type: ignore[arg-type]


def take(commands: Commands, *texts: str) -> Result:
    """The last one's result."""
    return [commands.take(text) for text in texts][-1]


def refused(commands: Commands, text: str) -> str:
    """What an error says."""
    result = commands.take(text)
    assert not result.is_ok and not result.outcomes
    return result.text


def test_inputs_are_passed_on(commands: Commands) -> None:
    assert take(commands, "x").outcomes[0].value == Value("int", "1")
    assert not take(commands, "bad").is_ok
    assert take(commands, "  \n") == Result()
    assert commands.session.inputs == ("x",)


def test_commands_and_an_input_after_them(commands: Commands) -> None:
    result = take(commands, "%checkpoint a\n%help undo\nint x;\nint y;")
    assert commands.session.inputs == ("int x;\nint y;",)
    assert result.is_ok and len(result.outcomes) == 1
    assert "%restore a" in result.text and "%undo [N]" in result.text
    assert "no such command" in refused(commands, "%nope\nint z;")
    assert take(commands, "%time int a;\nint b;").is_ok
    assert commands.session.inputs[1:] == ("int a;\nint b;",)
    assert take(commands, "%quit\nint c;").is_over


def test_help_lists_every_command(commands: Commands) -> None:
    text = take(commands, "%help").text
    assert [line.split()[0] for line in text.splitlines()] == [f"%{name}" for name in TABLE] + [
        "?NAME"
    ]
    assert "%undo [N]" in take(commands, "%help undo").text
    assert take(commands, "%help %undo") == take(commands, "%help undo")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("%udno", ("%udno", "did you mean %undo?", "%help")),
        ("%", ("no such command", "%help")),
        ("%help nope", ("no such command", "%help")),
        ("%undo x", ("%undo", "x", "as %undo 2")),
        ("%undo 0", ("%undo", "0", "as %undo 2")),
        ("%undo 1 2", ("%undo", "1 2", "expected %undo [N]")),
        ("%undo", ("%undo", "no input")),
        ("%redo", ("%redo", "%undo")),
        ("%restore", ("%restore", "no argument", "%restore NAME")),
        ("%restore a", ("a", "no such checkpoint", "%checkpoint NAME")),
        ("%checkpoint 'w n'", ("'w n'", "without blanks and quotes")),
        ("%checkpoint ''", ("''", "expected a name")),
        ("%load /no/such", ("%load", "/no/such", "No such file")),
        ("%load 'x", ("%load", "No closing quotation", "%load FILE")),
        ("%time", ("%time", "expected %time CODE")),
        ("%quit now", ("%quit", "now")),
        ("?", ("?", "as ?std::vector")),
        ("?nope", ("nope", "no such name")),
    ],
)
def test_errors_name_command_value_and_next_step(
    commands: Commands, text: str, parts: tuple[str, ...]
) -> None:
    said = refused(commands, text)
    assert all(part in said for part in parts), said


def test_undo_and_redo(commands: Commands) -> None:
    take(commands, "a;", "b;", "c;")
    assert take(commands, "%undo 2").text == "took back 2 inputs:\n  b;\n  c;"
    assert commands.session.inputs == ("a;",)
    result = take(commands, "d;", "%redo")
    assert result.text == "2 inputs run again" and len(result.outcomes) == 2
    assert commands.session.inputs == ("a;", "d;", "b;", "c;")
    assert "nothing to run again" in refused(commands, "%redo")
    assert take(commands, "%undo 9").text.startswith("took back 4 inputs, not 9:")


def test_redo_keeps_what_it_could_not_run(commands: Commands) -> None:
    take(commands, "a;", "b;", "c;", "%undo 3")
    run = commands.session.run
    commands.session.run = lambda text, meanwhile: run("bad" if text == "b;" else text)  # type: ignore
    result = take(commands, "%redo")
    assert not result.is_ok
    assert result.text == "1 input run again, 2 inputs left for %redo"
    commands.session.run = run  # type: ignore
    assert take(commands, "%redo").text == "2 inputs run again"
    assert commands.session.inputs == ("a;", "b;", "c;")


def test_checkpoints(commands: Commands) -> None:
    assert "%checkpoint NAME" in take(commands, "%checkpoints").text
    take(commands, "a;", "%checkpoint here", "b;")
    assert take(commands, "%checkpoints").text == "here"
    assert take(commands, "%restore here").text == "took back 1 input:\n  b;"
    assert take(commands, "%restore here").text == "took back 0 inputs"
    assert "there are here" in refused(commands, "%restore there")
    assert take(commands, "%redo").text == "1 input run again"


def test_saved_inputs_are_the_same_inputs_again(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "a file.cpp"
    inputs = ("int x = 1;", "x // shown \\", "f() {\n\n}")
    take(commands, *inputs)
    assert take(commands, f"%save '{file}'").text == f"3 inputs written to {file}"
    mark = "// ---- input\n"
    text = f"{SAVED}\n{mark}int x = 1;\n{mark}x // shown \\\n{mark}f() {{\n\n}}\n"
    assert file.read_text() == text
    assert take(commands, f"%save '{file}'").is_ok
    assert len(take(commands, "%restart", f"%load '{file}'").outcomes) == 3
    assert commands.session.inputs == inputs
    take(commands, text, f"%save '{file}'", "%restart", f"%load '{file}'")
    assert commands.session.inputs == (*inputs, text.rstrip())


def test_a_saved_file_stops_where_an_input_fails(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "saved.cpp"
    take(commands, "a;", "b;", "c;", f"%save {file}", "%restart")
    file.write_text(file.read_text().replace("b;", "bad"))
    result = take(commands, f"%load {file}")
    assert not result.is_ok and result.text == "1 of 3 inputs run"
    assert commands.session.inputs == ("a;",)


def test_files_without_separators_are_one_input(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "saved.cpp"
    for text in (f"{SAVED}\nint x = 1;\nx\n;\n", f"{SAVED}\n", f"{SAVED}\n// ---- input", ""):
        file.write_text(text)
        take(commands, "%restart", f"%load {file}")
        assert commands.session.inputs == (text,)


def test_files_of_others_stay(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "main.cpp"
    file.write_text("int main() {}\n")
    assert "is not replaced" in refused(commands, f"%save {file}")
    assert file.read_text() == "int main() {}\n"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\x00")
    assert "not UTF-8" in refused(commands, f"%load {binary}")
    assert "choose another name" in refused(commands, f"%save {tmp_path}")


def test_files_without_an_end_are_not_read(commands: Commands, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with no_hang(10):
        for file, what in ((Path("/dev/zero"), "a character device"), (pipe, "a pipe")):
            said = refused(commands, f"%load {file}")
            assert said == f"%load: {file}: is {what}; expected a regular file of C++"
            said = refused(commands, f"%save {file}")
            assert said == f"%save: {file}: is {what}; choose another name"


def test_libraries_are_inputs(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    take(commands, "%lib z", "%lib ./a/libb.so", "%lib '/a \"b/x.a'")
    assert commands.session.inputs == (
        '#pragma comment(lib, "z")',
        '#pragma comment(lib, "/a/libb.so")',
        '#pragma comment(lib, "/a \\"b/x.a")',
    )
    assert not take(commands, "%lib bad").is_ok
    assert take(commands, "%undo 2").text.startswith("took back 2 inputs")


def test_packages(commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pkg-config"
    program.write_text('#!/bin/sh\n[ "$4" = one ] && echo -I/i -lone -mavx\n')
    program.chmod(0o755)
    monkeypatch.setenv("PKG_CONFIG", str(program))
    assert take(commands, "%pkg one").text == "not for a session: -mavx"
    assert commands.session.inputs == (
        '#pragma halo include_path("/i")\n#pragma comment(lib, "one")',
    )
    assert "ended with 1" in refused(commands, "%pkg two")
    monkeypatch.setenv("PKG_CONFIG", "/no/such")
    assert "install pkg-config" in refused(commands, "%pkg one")


def test_history_is_numbered(commands: Commands) -> None:
    assert take(commands, "%history").text == "no inputs yet"
    take(commands, "a;", "b {\n}", "bad")
    assert take(commands, "%history").text == "1  a;\n2  b {\n   }"


def test_time_runs_the_input(commands: Commands) -> None:
    result = take(commands, '%time f("a  b")')
    assert result.text.startswith("wall time: ") and result.outcomes[0].value
    assert commands.session.inputs == ('f("a  b")',)
    assert not take(commands, "%time bad").is_ok


def test_timeit_leaves_nothing_behind(commands: Commands) -> None:
    commands.session.shows = '"10 30 10 20"'  # type: ignore[attr-defined]
    result = take(commands, "a;", "%timeit f()")
    assert result.text == "2 ns (median of 3 runs of 10; 1 ns to 3 ns)"
    assert commands.session.inputs == ("a;",)
    assert not take(commands, "%timeit bad").is_ok


def test_restart_is_another_session(commands: Commands) -> None:
    first = commands.session
    take(commands, "a;", "%undo", "%restart")
    assert first.is_closed and commands.session is not first  # type: ignore[attr-defined]
    assert "nothing to run again" in refused(commands, "%redo")
    assert take(commands, "%quit").is_over


def test_describe(commands: Commands) -> None:
    assert take(commands, "? x").text == "int x"


def test_completeness_of_commands(commands: Commands) -> None:
    assert commands.is_complete("f {") == ("incomplete", 1)
    assert commands.is_complete("%time f {") == ("incomplete", 1)
    assert commands.is_complete("%load {")[0] == "complete"
    assert commands.is_complete("%time")[0] == "complete"
    assert commands.is_complete("?f {")[0] == "complete"


def completed(commands: Commands, text: str) -> tuple[int, list[str]]:
    found = commands.complete(text, len(text))
    return found.start, [each.text for each in found.items]


def test_completions(commands: Commands, tmp_path: Path) -> None:
    assert completed(commands, "%re") == (0, ["%redo", "%replay", "%restore", "%restart"])
    assert completed(commands, "%")[1] == [f"%{name}" for name in TABLE]
    assert completed(commands, "%help ti") == (6, ["time", "timeit"])
    take(commands, "%checkpoint one")
    assert completed(commands, "%restore o") == (9, ["one"])
    (tmp_path / "a.cpp").touch()
    (tmp_path / "ab").mkdir()
    text = f"%load {tmp_path}/a"
    assert completed(commands, text) == (6, [f"{tmp_path}/a.cpp", f"{tmp_path}/ab/"])
    assert completed(commands, "%load /no/such/") == (6, [])
    assert completed(commands, "%quit ") == (6, [])


def test_completions_of_code(commands: Commands) -> None:
    session = commands.session
    assert completed(commands, "a.x") == (2, ["xyz"])
    assert session.asked == ("a.x", 3)  # type: ignore[attr-defined]
    assert completed(commands, "%time  a.x") == (9, ["xyz"])
    assert session.asked == ("a.x", 3)  # type: ignore[attr-defined]


def test_what_is_declared_is_a_table(commands: Commands) -> None:
    lines = take(commands, "%who").text.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["name", "kind", "type"],
        ["x", "variable", "int"],
        ["words", "variable", "std::string"],
    ]
    assert lines[1].endswith("3") and '"words long' in lines[2] and lines[2].endswith("...")
    assert len(lines) == 4


def test_types_and_code(commands: Commands) -> None:
    assert take(commands, "%type x").text == "int"
    assert "error: no" in refused(commands, "%type y")
    assert take(commands, "%asm f").text == "f 0 False"
    assert take(commands, "%ir -O2 f").text == "f 2 True"
    assert "-O9" in refused(commands, "%ir -O9 f")
    assert "there is none" in refused(commands, "%asm g")
    assert commands.is_complete("%type std::string::size_type") == ("complete", 0)
    assert [each.text for each in commands.complete("%asm -O2 ", 9).items] == ["f"]
