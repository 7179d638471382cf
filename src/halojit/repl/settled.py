"""A session whose inputs are kept once they are answered, for who answers for good.

In, out: as of a Session. `run` takes some milliseconds longer: it waits until the input is kept,
which also flushes what the input left in stdio's buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from halojit.repl.libraries import Libraries
from halojit.repl.outcome import Form, Outcome
from halojit.repl.session import Session


class SettledSession(Session):
    """Raises SessionError as a Session does."""

    def __init__(
        self,
        flags: Sequence[str] = (),
        stdio: tuple[int, int, int] | None = None,
        libraries: Libraries | None = None,
        form: Form = Form.TEXT,
    ) -> None:
        self._is_running = False
        super().__init__(flags, stdio, libraries, form=form)

    def run(
        self, source: str, data: bytes = b"", meanwhile: Callable[[], None] | None = None
    ) -> Outcome:
        """Runs one input and keeps it."""
        self._is_running = True
        try:
            outcome = super().run(source, data, meanwhile)
        finally:
            self._is_running = False
        if lost := self.settle():
            return replace(
                outcome, value=None, exception=None, failure=lost.failure, lost=lost.lost
            )
        return outcome

    def interrupt_input(self) -> None:
        """Ends the input that runs; nothing where none does. Any thread, or a signal handler."""
        if self._is_running:
            self._is_running = False  # once: Jupyter repeats it, and going back takes a moment
            self.interrupt()
