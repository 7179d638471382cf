"""What inputs may come to, as exceptions.

In: an Outcome, or what a session raises. Out: nothing, or an exception. After each of them but
SessionError the interpreter goes on; after all but CppError every variable is as it was before the
input.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from signal import Signals
from typing import Any, NoReturn

from halojit.repl import session
from halojit.repl.outcome import Frame, Outcome, Reason
from halojit.repl.wording import message


class Error(Exception):
    """An input, or what else was asked for, did not come to its end."""


class SessionError(Error):
    """No session can begin, or this one cannot go on, or cannot be used here; says why."""


class StateError(Error):
    """The state that is asked for is not kept; says why."""


class CppError(Error):
    """A C++ exception that nobody caught. What the input did before stays.

    `type`: its type, as "std::runtime_error"; `what`: its what(), "" where it has none.
    """

    def __init__(self, type: str, what: str) -> None:
        super().__init__(type, what)
        self.type = type
        self.what = what

    def __str__(self) -> str:
        return f"{self.type}: {self.what}" if self.what else self.type


class CompileError(Error):
    """It is no valid C++. `diagnostics`: what clang says."""

    def __init__(self, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics


class LinkError(Error):
    """It uses what is defined nowhere; the text names it."""


class CrashError(Error):
    """It ended its process. The session goes on.

    `signal`: that killed it, None where none did; `status`: its exit status, None where there is
    none; `backtrace`: functions from the innermost one on; `lost`: earlier inputs that are gone
    with it (there are some only where the process had several threads).
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(message(outcome))
        assert outcome.failure
        self._outcome = outcome
        name, _, rest = outcome.failure.text.rpartition("SIG")[2].partition(":")
        self.signal: Signals | None = getattr(Signals, f"SIG{name}", None) if rest else None
        text = outcome.failure.text
        is_exit = outcome.failure.reason is Reason.EXIT
        self.status: int | None = int(text[text.index("(") + 1 : -1]) if is_exit else None
        self.backtrace: tuple[Frame, ...] = outcome.failure.backtrace
        self.lost: tuple[str, ...] = outcome.lost

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._outcome,), self.__dict__


class CompileWarning(UserWarning):
    """What clang says of an input that it compiled."""


@contextmanager
def translated() -> Iterator[None]:
    """What a session raises, as errors of this room."""
    try:
        yield
    except session.SessionError as error:
        raise SessionError(str(error)) from error
    except session.StateError as error:
        raise StateError(str(error)) from error


def raise_failure(outcome: Outcome) -> None:
    """Raises what came of an input, if it was no success."""
    if outcome.failure:
        _raise(outcome)
    if outcome.exception:
        raise CppError(outcome.exception.type, outcome.exception.what)


def _raise(outcome: Outcome) -> NoReturn:
    assert outcome.failure
    match outcome.failure.reason:
        case Reason.COMPILE:
            raise CompileError(outcome.diagnostics or outcome.failure.text)
        case Reason.LINK:
            raise LinkError(outcome.failure.text)
        case Reason.INTERRUPT:
            raise KeyboardInterrupt
        case _:
            raise CrashError(outcome)
