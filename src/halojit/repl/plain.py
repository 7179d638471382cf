"""The session on pipes: lines in, what inputs print and show out, messages on standard error."""

from __future__ import annotations

import sys
from typing import TextIO

from halojit.repl.outcome import Outcome
from halojit.repl.session import Session


class Plain:
    """Reads inputs until the end. `status`: the exit status, 1 once an input has failed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status = 0
        self._is_over = False

    def read(self, lines: TextIO) -> None:
        """Runs what comes; an input may take several lines."""
        text = ""
        for line in lines:
            text += line
            if not text.strip():
                text = ""
                continue
            if self._session.is_complete(text)[0] != "incomplete":
                self.take(text)
                text = ""
            if self._is_over:
                return
        if text.strip():
            self.take(text)

    def take(self, text: str) -> None:
        """Runs one input or command."""
        command = text.strip()
        if command.startswith("%"):
            self._command(command)
            return
        self._show(self._session.run(text))

    def _command(self, command: str) -> None:
        name, *rest = command[1:].split()
        if name == "quit":
            self._is_over = True
        elif name == "undo":
            self._session.undo(int(rest[0]) if rest else 1)
        else:
            print(f"%{name}: no such command; %help lists them", file=sys.stderr)
            self.status = 1

    def _show(self, outcome: Outcome) -> None:
        if outcome.diagnostics:
            sys.stderr.write(outcome.diagnostics)
        if outcome.value:
            print(outcome.value, flush=True)
        if outcome.exception:
            print(f"uncaught {outcome.exception}", file=sys.stderr)
        if outcome.failure:
            print(f"{outcome.failure.reason}: {outcome.failure.text}", file=sys.stderr)
            self.status = 1
