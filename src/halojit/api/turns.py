"""Turns: what is done with a session, one thing after the other, and what Ctrl-C means meanwhile.

In: a session; blocks of code. Out: errors, KeyboardInterrupt. It does not know what is done there.

A KeyboardInterrupt at any other place would leave half of what the session does to its processes
undone. So a handler only notes the signal and wakes the session, and none is lost: the turn ends
with it at the latest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import weakref
from collections.abc import Iterator
from types import FrameType

from halojit.api.errors import SessionError, translated
from halojit.repl.session import Session

_all: weakref.WeakSet[Turns] = weakref.WeakSet()


def _let_go() -> None:
    for each in list(_all):
        each.session.let_go()


os.register_at_fork(after_in_child=_let_go)


class Turns:
    """`is_interrupted`: whether Ctrl-C was pressed in this turn."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._is_taken = False
        self.is_interrupted = False
        _all.add(self)

    @property
    def is_ours(self) -> bool:
        """Whether it is of this process, and not of one that has forked this one."""
        return os.getpid() == self._process

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Other threads wait for its end. Raises SessionError, StateError; KeyboardInterrupt at the
        end."""
        if not self.is_ours:  # the lock may be taken by a thread that is not here
            raise SessionError(
                f"this interpreter is of process {self._process}, which has forked this one; make "
                "one here"
            )
        with self._lock:
            if self._is_taken:  # by this very thread, which would wait for itself
                raise SessionError(
                    "this interpreter is in the middle of something: signal handlers and __del__ "
                    "cannot use it then"
                )
            self._is_taken = True
            try:
                with translated(), self.session.interruptible(), self._noting_interrupts():
                    yield
            finally:
                self._is_taken = False

    @contextlib.contextmanager
    def _noting_interrupts(self) -> Iterator[None]:
        """Of the main thread, which alone has handlers. Where SIGINT is ignored it stays so."""
        self.is_interrupted = False
        before = signal.getsignal(signal.SIGINT)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or before in (None, signal.SIG_IGN):
            yield
            return
        signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            if self.is_interrupted:
                raise KeyboardInterrupt from None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.is_ours:
            raise KeyboardInterrupt
        self.is_interrupted = True
        with contextlib.suppress(OSError):  # the session is closed
            self.session.interrupt()
