"""What keys do to the text at the prompt, without a terminal and without a session."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.shortcuts import PromptSession

from halojit.repl import keys
from halojit.repl.commands import Commands
from halojit.repl.console import coloured
from halojit.repl.outcome import Completion, Completions
from halojit.repl.session import SessionError


class FakeSession:
    """Counts braces; completes what begins with "twi"; has no answer to "hang"."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()
        self.is_gone = False

    def is_complete(self, text: str) -> tuple[str, int]:
        if self.is_gone:
            raise SessionError("no state is left")
        if "hang" in text:
            assert self._interrupted.wait(60)
            return "invalid", 0
        depth = text.count("{") - text.count("}")
        return ("incomplete", depth) if depth else ("complete", 0)

    def complete(self, text: str, cursor: int) -> Completions:
        if text == "gone":
            raise SessionError("no state is left")
        names = ("twice", "twig") if text == "a.twi" else ()
        return Completions(2, tuple(Completion(each, "member", "") for each in names))

    def interrupt(self) -> None:
        self._interrupted.set()


@pytest.fixture
def pipe() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def edit(pipe: PipeInput, typed: str, session: FakeSession | None = None, *history: str) -> str:
    """The text that is handed over."""
    commands = Commands(session or FakeSession(), FakeSession)  # type: ignore[arg-type]
    prompt: PromptSession[str] = PromptSession(
        multiline=True,
        history=InMemoryHistory(history),
        completer=keys.CommandCompleter(commands),
        complete_while_typing=False,
        key_bindings=keys.bindings(commands),
    )
    pipe.send_text(typed)
    return prompt.prompt()


def test_enter_hands_over_what_is_complete(pipe: PipeInput) -> None:
    assert edit(pipe, "int x;\r") == "int x;"
    assert edit(pipe, "\r") == ""


def test_enter_goes_on_with_what_is_not_and_indents(pipe: PipeInput) -> None:
    typed = "f() {\rif (a) {\rb;\r}\rc;\r}\r"
    assert edit(pipe, typed) == "f() {\n    if (a) {\n        b;\n    }\n    c;\n}"


def test_an_empty_line_hands_over(pipe: PipeInput) -> None:
    assert edit(pipe, "f() {\r\r") == "f() {"


def test_enter_in_the_middle_makes_a_line(pipe: PipeInput) -> None:
    up = "\x1b[A"
    history = "f() {\n}"
    assert edit(pipe, f"{up}{up}\x05\ra;\x1b[B\x05\r", None, history) == "f() {\na;\n}"


def test_tab_indents_where_there_is_nothing_to_complete(pipe: PipeInput) -> None:
    assert edit(pipe, "\tx\r") == "    x"


def completed(text: str) -> list[tuple[str, int]]:
    commands = Commands(FakeSession(), FakeSession)  # type: ignore[arg-type]
    completer = keys.CommandCompleter(commands)
    found = completer.get_completions(Document(text), CompleteEvent())
    return [(each.text, each.start_position) for each in found]


def test_completions_replace_what_they_complete() -> None:
    assert completed("a.twi") == [("twice", -3), ("twig", -3)]
    assert completed("%checkp") == [("%checkpoint", -7), ("%checkpoints", -7)]
    assert completed("gone") == []


def test_a_question_without_an_answer_is_given_up(
    pipe: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE_S", 0.01)
    assert edit(pipe, "hang\r") == "hang"


def test_a_session_that_is_gone_ends_the_prompt(pipe: PipeInput) -> None:
    session = FakeSession()
    session.is_gone = True
    with pytest.raises(SessionError, match="no state"):
        edit(pipe, "x\r", session)


def test_messages_are_coloured() -> None:
    text = (
        "input 1:1:9: error: no 'x'\n    1 | y = x;\n      |     ^~\n"
        "note: here\ntaken back: SIGSEGV\n"
    )
    fragments = coloured(text)
    assert "".join(each[1] for each in fragments) == text[:-1]
    styles = {each[1]: each[0] for each in fragments}
    assert styles["error:"] == styles["taken back:"] == "ansired bold"
    assert styles["note:"] == "ansicyan bold"
    assert styles["      |     ^~"] == "ansigreen bold"
    assert styles["    1 | y = x;"] == ""
