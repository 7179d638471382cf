"""The session on pipes: lines in, what inputs print and show out, messages on standard error."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from itertools import chain, pairwise
from types import FrameType
from typing import TextIO

from halojit.repl.command import Result
from halojit.repl.commands import Commands
from halojit.repl.wording import message

# Comments alone: they belong to what they stand before.
_COMMENTS = re.compile(r"(?:\s|//[^\n]*\n|(?>/\*.*?\*/))*+", re.DOTALL)
# A line that goes on with a statement that was whole without it.
_MORE = re.compile(r"\s*(?:else|catch)\b")


class Plain:
    """Reads inputs until the end. `status`: the exit status, 1 once an input has failed or thrown
    what nobody catches."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.status = 0
        self._is_over = self._is_running = self._is_interrupted = False

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler: the input that runs is taken back. KeyboardInterrupt, then or at
        once."""
        if not self._is_running:
            raise KeyboardInterrupt
        self._is_interrupted = True
        self._commands.session.interrupt()

    def read(self, lines: TextIO) -> None:
        """Runs what comes; an input may take several lines. What ends with a line that `else` or
        `catch` follows goes on with it only where lines come from a file: who writes to a pipe may
        wait for what comes of a line before writing the next one."""
        text = ""
        for line, following in _with_next(lines):
            if line.lstrip().startswith(("%", "?")) and _COMMENTS.fullmatch(text):
                self.take(text)
                text = ""
            text += line
            if not text.strip():
                text = ""
            elif self._is_whole(text, following):
                self.take(text)
                text = ""
            if self._is_over:
                return
        self.take(text)

    def _is_whole(self, text: str, following: str) -> bool:
        if _COMMENTS.fullmatch(text) or _MORE.match(following):
            return False
        return self._commands.is_complete(text)[0] != "incomplete"

    def end(self) -> None:
        """After the last input, whatever it was."""
        if not self._is_over:
            self._note(self._commands.close())

    def take(self, text: str) -> None:
        """Runs one input or command; nothing after %quit."""
        if self._is_over or not text.strip():
            return
        self._is_running = True
        try:
            result = self._commands.take(text)
        finally:
            self._is_running = False
        self._note(result)
        if self._is_interrupted:
            raise KeyboardInterrupt

    def _note(self, result: Result) -> None:
        self._show(result)
        self._is_over = result.is_over
        if not result.is_ok or any(each.exception for each in result.outcomes):
            self.status = 1

    def _show(self, result: Result) -> None:
        for outcome in result.outcomes:
            sys.stderr.write(outcome.diagnostics)
            if outcome.value:
                print(outcome.value, flush=True)
            if text := message(outcome, result.is_over):
                print(text, file=sys.stderr)
        if result.text:
            is_said = result.is_ok or result.outcomes
            print(result.text, file=sys.stdout if is_said else sys.stderr, flush=True)


def _with_next(lines: TextIO) -> Iterable[tuple[str, str]]:
    """Each with the next one, where that is known without waiting; else with ""."""
    if stat.S_ISREG(os.fstat(lines.fileno()).st_mode):
        return pairwise(chain(lines, [""]))
    return ((line, "") for line in lines)
