"""The session at a terminal: a prompt with history, Ctrl-C, results in colours.

In: what keys.py hands over. Out: what inputs and commands come to. It does not know what a command
does, nor how an input runs. While a text is edited the terminal is ours; while an input runs it is
the worker's, which reads and writes it as any program does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import Lexer, PygmentsLexer, SimpleLexer
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from halojit.repl.command import Result
from halojit.repl.commands import Commands
from halojit.repl.editor import Editor
from halojit.repl.keys import CommandCompleter, bindings
from halojit.repl.session import SessionError
from halojit.repl.wording import message

CONTINUATION = "....> "

CODE = Style.from_dict(
    {
        "pygments.comment": "ansibrightblack",
        "pygments.comment.preproc": "ansiyellow",
        "pygments.comment.preprocfile": "ansigreen",
        "pygments.keyword": "ansimagenta",
        "pygments.keyword.type": "ansicyan",
        "pygments.name.class": "ansicyan",
        "pygments.name.function": "ansibrightblue",
        "pygments.literal.number": "ansiyellow",
        "pygments.literal.string": "ansigreen",
    }
)
"""Colours of the terminal's own palette: they can be read on whatever its background is."""

PLAIN = Style([])
"""Styles by their attributes only."""

_MARKED = re.compile(
    r"(?P<place>.*?)"
    r"(?P<mark>(?:fatal )?error:|warning:|note:|^taken back:|^lost with it:|^uncaught )"
    r"(?P<rest>.*)"
)
_CARET = re.compile(r"[\s|]*[~^][\s~^]*$")
_STYLES = {"warning:": "ansimagenta bold", "note:": "ansicyan bold"}


class Highlighting(Lexer):
    """C++ by pygments, which takes as long to be made as the rest of the prompt: made when there is
    something to highlight."""

    @cached_property
    def _lexer(self) -> Lexer:
        from pygments.lexers.c_cpp import CppLexer

        return PygmentsLexer(CppLexer)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """As prompt_toolkit asks for it."""
        return (self._lexer if document.text else SimpleLexer()).lex_document(document)


class Console:
    """Runs until Ctrl-D or %quit. `history`: a file, made when it is not there. `modes`: of the
    terminal, for whoever else uses it, as termios has them."""

    def __init__(self, commands: Commands, prompt: str, history: Path, modes: list[Any]) -> None:
        self._commands = commands
        self._modes = modes
        self._is_running = False
        self._editor = Editor(
            (prompt, CONTINUATION),
            self._take,
            bindings(commands),
            CommandCompleter(commands),
            _open(history),
            Highlighting(),
            CODE,
            modes,
            edited=lambda: commands.session.hear(),
        )

    def run(self) -> None:
        """Goes on when the session cannot: commands still work."""

        def leave(number: int, frame: FrameType | None) -> None:
            with contextlib.suppress(termios.error):  # it may be what is gone
                termios.tcsetattr(sys.stdin, termios.TCSANOW, self._modes)
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

        handlers = {signal.SIGINT: self._interrupt, signal.SIGTERM: leave, signal.SIGHUP: leave}
        before = {
            number: signal.signal(number, handler)
            for number, handler in handlers.items()
            if signal.getsignal(number) != signal.SIG_IGN  # as of nohup
        }
        try:
            if self._editor.run():
                termios.tcsetattr(sys.stdin, termios.TCSANOW, self._modes)
                with self._lent_terminal():
                    result = self._commands.close()
                self._show(result)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Of an input, once; at other times it comes too late or too early."""
        if self._is_running:
            self._is_running = False
            with contextlib.suppress(OSError):  # %restart: the old session is closed
                self._commands.session.interrupt()

    def _take(self, text: str, leave: Callable[[], None]) -> bool:
        with contextlib.ExitStack() as lent:

            def lend() -> None:
                leave()
                lent.enter_context(self._lent_terminal())

            try:
                result = self._commands.take(text, lend)
            except SessionError as error:  # the inputs are still there
                text = f"{error}; %save FILE writes the inputs, %restart begins anew"
                result = Result(text, is_ok=False)
        leave()  # nothing could run
        self._show(result)
        return not result.is_over

    @contextlib.contextmanager
    def _lent_terminal(self) -> Iterator[None]:
        """Ctrl-C ends the input that runs; what an input did to the terminal is undone."""
        modes = termios.tcgetattr(sys.stdin)
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)
            _begin_line()

    def _show(self, result: Result) -> None:
        for outcome in result.outcomes:
            for text in (outcome.diagnostics, message(outcome, result.is_over)):
                if text:
                    self._say(coloured(text))
            if outcome.value:
                type, text = f"({outcome.value.type})", f" {outcome.value.text}"
                self._say(FormattedText([("ansicyan", type), ("", text)]))
        if result.text:
            style = "" if result.is_ok or result.outcomes else "ansired"
            self._say(FormattedText([(style, result.text)]))

    def _say(self, text: FormattedText) -> None:
        # Not that of prompt_toolkit's shortcuts, which makes all its styles anew each time.
        print_formatted_text(self._editor.output, [*text, ("", "\n")], PLAIN)


def coloured(text: str) -> FormattedText:
    """The compiler's and our own messages; what should catch the eye is in colours."""
    fragments: list[tuple[str, str]] = []
    for line in text.rstrip("\n").split("\n"):
        if _CARET.match(line):
            fragments.append(("ansigreen bold", line))
        elif found := _MARKED.match(line):
            fragments.append(("bold", found["place"]))
            fragments.append((_STYLES.get(found["mark"], "ansired bold"), found["mark"]))
            fragments.append(("bold", found["rest"]))
        else:
            fragments.append(("", line))
        fragments.append(("", "\n"))
    return FormattedText(fragments[:-1])


def _begin_line() -> None:
    """To the begin of a line; of a new one if output has stopped within one.

    A terminal's width of blanks reaches into the next line exactly when the cursor was not at the
    begin of its line.
    """
    # Not shutil's: COLUMNS in the environment may be another terminal's.
    columns = os.get_terminal_size(sys.stdout.fileno()).columns
    sys.stdout.write(" " * columns + "\r\x1b[K")
    sys.stdout.flush()


def _open(history: Path) -> History:
    try:
        history.parent.mkdir(parents=True, exist_ok=True)
        history.touch(mode=0o600)  # what people type is their own
        with history.open("ab+"):
            pass
    except OSError as error:
        print(f"no history is kept: {history}: {error.strerror}", file=sys.stderr)
        return InMemoryHistory()
    return FileHistory(history)
