"""The states of a session that it can go back to.

A *commit* is a frozen pair (pair.py) and how many inputs there were by then. A failed input leads
back to the newest, `undo` and `restore` to older ones. Where none is left, the session begins anew,
empty.

In: inputs that have succeeded, or why the pair is of no use any more. Out: a pair to go on with,
and which inputs are lost. Does not know what an input is.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from halojit.repl.death import Death, describe, describe_early
from halojit.repl.keeper import KeeperGone
from halojit.repl.outcome import Failure, Frame, Outcome, Reason
from halojit.repl.pair import Interrupted, Pair, PairError
from halojit.repl.start import SessionError

STEPS = 14
"""Inputs that can be taken back one by one: the commits before them are kept, besides the first one
and those with names. Each holds copies of what has changed since."""

INTERRUPTED = Failure(Reason.INTERRUPT, "interrupted")
NO_STATES = "this session keeps no states (--no-checkpoint)"


class StateError(RuntimeError):
    """The state that is asked for is not kept; says why and what to do."""


@dataclass
class _Commit:
    id: int
    inputs: int  # how many there were
    names: list[str] = field(default_factory=list)


class States:
    """`start`: makes a fresh pair or raises SessionError, as this does. `keeps`: without, there are
    no commits."""

    def __init__(self, start: Callable[[], Pair], keeps: bool) -> None:
        self.keeps = keeps
        self.inputs: list[str] = []
        """Those whose effects are there, in their order."""
        self.over: str | None = None
        """Why nothing can go on."""
        self.untold: Outcome | None = None
        """What was lost while nobody listened."""
        self._start = start
        self._commits: list[_Commit] = []
        self._next_id = 0
        self._is_astray = False  # what the pair says next may be for something earlier
        self._begin()

    def _begin(self) -> None:
        """Empty. Raises SessionError."""
        self.pair = self._start()
        self._commits.clear()
        self.inputs.clear()
        self._pending: int | None = None
        self._unkept = ""  # why the last input is in no commit
        if not self.keeps:
            self._is_astray = False
            return
        id = self.next_id()
        try:
            self.pair.send({"commit": id})
            unkept = self.pair.settle(id)
        except KeeperGone as gone:
            unkept = str(gone)
        if unkept is not None:
            self.pair.close()
            if isinstance(unkept, Death):
                raise SessionError(describe_early(unkept))
            raise SessionError(f"no state can be kept: {unkept}; try --no-checkpoint")
        self._commits.append(_Commit(id, 0))
        self._is_astray = False

    def end(self) -> None:
        """Ends the pair; the inputs can still be read."""
        self.over = self.over or "the session is closed"
        self.pair.close()

    # ---- forth

    def next_id(self) -> int:
        """For the commit of what is tried next."""
        id = self._next_id
        self._next_id += 1
        return id

    def add(self, source: str, id: int) -> None:
        """An input has succeeded; its commit is being made."""
        self._pending = id if self.keeps else None
        self.inputs.append(source)

    @contextmanager
    def answer_due(self) -> Iterator[None]:
        """From a request until its answer is read. An exception that is none of a Pair's leaves the
        answer unread: the session goes back, and does so before the next request where another
        exception has cut that short."""
        self._is_astray = True
        try:
            yield
        except (Interrupted, KeeperGone, TimeoutError):
            raise  # who asked goes back
        except BaseException:
            self.back_untold(INTERRUPTED)
            raise
        self._is_astray = False

    @property
    def is_pending(self) -> bool:
        """Whether it is not known yet if the last input is kept."""
        return self._pending is not None

    @property
    def is_kept(self) -> bool:
        """Whether the present state is a commit."""
        return bool(self._commits) and self._commits[-1].inputs == len(self.inputs)

    def settle(self) -> Outcome | None:
        """Waits until the last input is kept. An outcome: it is lost, its process has ended."""
        if self.over:
            raise SessionError(self.over)
        if self._is_astray:
            self.back_untold(INTERRUPTED)
            return self.take_untold()
        if self._pending is None:
            return None
        id = self._pending
        try:
            unkept = self.pair.settle(id)
        except KeeperGone as gone:
            return self.back(Failure(Reason.CRASH, str(gone)))
        self._pending = None
        if unkept is None:
            self._commits.append(_Commit(id, len(self.inputs)))
            self._thin_out()
            self._unkept = ""
            return None
        lost = self.back(self.failure(unkept)) if isinstance(unkept, Death) else None
        self.pair.drop(id)  # one side may have made it
        self._unkept = "" if isinstance(unkept, Death) else unkept
        return lost

    def settle_untold(self) -> bool:
        """As `settle`, where nobody listens. Whether something is lost, which is told later."""
        self.untold = self.untold or self.settle()
        return self.untold is not None

    def take_untold(self) -> Outcome | None:
        """What was lost while nobody listened, once."""
        lost, self.untold = self.untold, None
        return lost

    def _settle_for_good(self) -> None:
        """Raises StateError when the last input is lost."""
        if (lost := self.take_untold() or self.settle()) and lost.failure:
            raise StateError(f"the last input is lost: {lost.failure.text}")

    def _thin_out(self) -> None:
        unnamed = [each for each in self._commits[1:-1] if not each.names]
        for each in unnamed[: max(0, len(unnamed) - STEPS)]:
            self._commits.remove(each)
            self.pair.drop(each.id)

    # ---- where a person wants to be

    def undo(self, count: int) -> int:
        """As of a Session, and so below."""
        self._settle_for_good()
        wanted = len(self.inputs) - count
        for each in self._commits:
            if each.inputs >= wanted:
                if count and self.inputs and each.inputs == len(self.inputs):
                    raise StateError(self.why_not_older())
                return self._return(each)
        raise StateError(self._why_unkept())

    def why_not_older(self) -> str:
        """Why `undo` cannot take one more input back; "": there is none, or it can."""
        older = [each.inputs for each in self._commits if each.inputs < len(self.inputs)]
        ago = len(self.inputs) - max(older, default=len(self.inputs))
        if ago < 2:
            return ""
        return (
            f"older states are not kept (at most those of the last {STEPS} inputs are, and what "
            f"%checkpoint names); %undo {ago} goes back to the next one that is"
        )

    def checkpoint(self, name: str) -> None:
        self._settle_for_good()
        if not self.is_kept:
            raise StateError(self._why_unkept())
        for each in self._commits:
            if name in each.names:
                each.names.remove(name)
        self._commits[-1].names.append(name)

    def restore(self, name: str) -> int:
        self._settle_for_good()
        for each in self._commits:
            if name in each.names:
                return self._return(each)
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for each in self._commits for name in each.names)

    def _why_unkept(self) -> str:
        if not self.keeps:
            return NO_STATES
        newer = len(self.inputs) - self._commits[-1].inputs
        inputs = "1 input" if newer == 1 else f"{newer} inputs"
        return f"no state is kept since {inputs} ago: {self._unkept}; %undo {newer} goes back there"

    def _return(self, target: _Commit) -> int:
        before = len(self.inputs)
        while self._commits[-1] is not target:
            self.pair.drop(self._commits.pop().id)
        if why := self._thaw():
            raise StateError(why)
        return before - len(self.inputs)

    # ---- back

    def back(self, failure: Failure, diagnostics: str = "") -> Outcome:
        """To the newest commit. Inputs that came after it are lost. Raises SessionError."""
        before = tuple(self.inputs)
        if why := self._thaw():
            text = why if why.startswith(failure.text) else f"{failure.text}; {why}"
            failure = dataclasses.replace(failure, text=text)
        return Outcome(diagnostics, failure=failure, lost=before[len(self.inputs) :])

    def back_untold(self, failure: Failure) -> None:
        """As `back`, where nobody listens: lost inputs are told later."""
        lost = self.back(failure)
        self.untold = lost if lost.lost else None

    def failure(self, death: Death) -> Failure:
        """What a death of the pair is to a person."""
        if death.who == "worker" and death.signal == signal.SIGINT:  # from the terminal
            return Failure(Reason.INTERRUPT, "interrupted")
        if death.who == "worker" and death.code is not None:
            return Failure(Reason.EXIT, describe(death))
        frames = tuple(
            Frame(each["function"], each.get("file"), each.get("line"))
            for each in self.pair.crash.get("frames", ())
        )
        text = describe(death)
        if death.who == "interpreter":
            text = f"the compiler ended: {text}"
        return Failure(Reason.CRASH, text, frames)

    def _thaw(self) -> str:
        """To the newest commit that is left. Text: there is none, and the session is empty, why.

        Raises SessionError.
        """
        why = ""
        self._is_astray = True
        self._pending = None
        try:
            while self._commits:
                try:
                    self.pair.thaw(self._commits[-1].id)
                    del self.inputs[self._commits[-1].inputs :]
                    self._is_astray = False
                    return ""
                except PairError as error:  # it was killed: an older one then
                    why = f"{error}; "
                    self.pair.drop(self._commits.pop().id)
        except KeeperGone as gone:
            why = f"{gone}; "
        self.pair.close()
        try:
            self._begin()
        except SessionError as error:
            self.over = f"{why}no new session can begin: {error}"
            raise SessionError(self.over) from error
        return f"{why}the session begins anew, empty"
