"""A session: inputs, one after the other, each all or nothing.

In: source text. Out: an Outcome for each. An input that fails in whatever way leaves nothing
behind: every variable and every declaration is as it was. Not thread-safe but for `interrupt`.
"""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from halojit import paths
from halojit.repl import headers
from halojit.repl.executor import OURS, Executor
from halojit.repl.keeper import Keeper, KeeperGone
from halojit.repl.libraries import Libraries, wanted
from halojit.repl.outcome import (
    Completion,
    Completions,
    Declared,
    Exception_,
    Failure,
    Form,
    Frame,
    Outcome,
    Picture,
    Reason,
    Value,
)
from halojit.repl.pair import Death, Interrupted, Pair, PairError, describe

END_LIMIT_S = 10.0
"""For destructors and handlers of `atexit` at the end of a session."""

COMMITS = 16
"""Commits that `undo` can go back to. Each holds copies of what has changed since."""


NO_STATES = "this session keeps no states (--no-checkpoint)"


class SessionError(RuntimeError):
    """The session cannot begin, or cannot go on; says why."""


class StateError(RuntimeError):
    """The state that is asked for is not kept; says why and what to do."""


@dataclass
class _Commit:
    id: int
    inputs: int  # how many there were
    name: str | None = None


class Session:
    """Interactive C++ (C with `-xc`).

    `flags`: for clang, as "-std=c++23". `stdio`: descriptors that inputs have as standard input,
    output and error; None: ours. `libraries`: what inputs are linked with. `executor`: where they
    run. `keeps_states`: without, there is nothing to go back to: an input that fails leaves what it
    leaves, and after a crash the session is empty. `form`: of values. Raises SessionError.
    """

    def __init__(
        self,
        flags: Sequence[str] = (),
        stdio: tuple[int, int, int] | None = None,
        libraries: Libraries | None = None,
        executor: Executor = OURS,
        keeps_states: bool = True,
        form: Form = Form.TEXT,
    ) -> None:
        self._flags = tuple(flags)
        self._form = form
        self._stdio = stdio
        self._libraries = libraries or Libraries()
        self._missed: dict[str, Any] = {}  # symbols that no library has
        self._executor = executor
        self._keeps_states = keeps_states
        self._commits: list[_Commit] = []
        self._inputs: list[str] = []  # that are kept
        self._next_id = 0
        self._over: str | None = None  # why nothing can go on
        self._untold: Outcome | None = None  # what was lost while nobody listened
        self._begin()

    def _begin(self) -> None:
        """Empty. Raises SessionError."""
        self._pair = self._start()
        self._load_first()
        self._commits.clear()
        self._inputs.clear()
        self._pending: int | None = None
        self._unkept = ""  # why the last input is in no commit
        if not self._keeps_states:
            return
        id = self._next_id
        self._next_id += 1
        try:
            self._pair.send({"commit": id})
            unkept = self._pair.settle(id)
        except KeeperGone as gone:
            unkept = str(gone)
        if unkept is not None:
            self._pair.close()
            why = describe(unkept) if isinstance(unkept, Death) else unkept
            raise SessionError(f"no state can be kept: {why}; try --no-checkpoint")
        self._commits.append(_Commit(id, 0))

    def _start(self) -> Pair:
        """With the header cache if there is one that fits, else it is made for the next session."""
        # Its code is a library of this machine.
        cache = None if self._executor.endpoint else headers.path(self._flags)
        found = cache if cache and cache.exists() else None
        stale: Path | None = None
        while True:
            pair = None
            try:
                pair = self._pair_of(found)
                pair.start()
                break
            except (PairError, OSError) as error:
                if pair:
                    pair.close()
                if not found or not pair:
                    raise SessionError(str(error)) from error
                stale, found = found, None  # most often a header has changed
        if stale:  # it was to blame: without it a session begins
            stale.unlink(missing_ok=True)
        if found:
            headers.note_use(found)
        elif cache:
            headers.make(self._flags)
        return pair

    def _pair_of(self, cache: Path | None) -> Pair:
        interpreter = Keeper(partial(self._interpreter, cache), (subprocess.DEVNULL, None, None))
        try:
            return Pair(interpreter, self._executor.start(self._stdio))
        except OSError:
            interpreter.close()
            raise

    def _interpreter(self, cache: Path | None, fd: int) -> list[str]:
        return [
            str(paths.command_dir() / "halo-interpreter"),
            f"--keep={fd}",
            f"--support={paths.library_dir() / 'halo-support.o'}",
            f"--show={paths.library_dir() / 'show.h'}",
            *([f"--show={paths.library_dir() / 'give.h'}"] if self._form is Form.NODE else []),
            *([f"--headers={cache}", f"--code={headers.library(cache)}"] if cache else []),
            *(
                [f"--orc-runtime={self._executor.orc_runtime}"]
                if self._executor.orc_runtime
                else []
            ),
            *(f"--library-path={each}" for each in self._libraries.directories),
            *([] if self._libraries.is_automatic else ["--no-autoload"]),
            "--",
            *self._flags,
        ]

    def _load_first(self) -> None:
        for each in self._libraries.names:
            self._pair.send({"load": each})
            answer = self._pair.answer()
            why = describe(answer) if isinstance(answer, Death) else answer.get("error")
            if why:
                self._pair.close()
                raise SessionError(f"-l{each}: {why}")

    # ---- inputs

    def run(self, source: str, data: bytes = b"") -> Outcome:
        """Runs one input; `data`: what it may take (`__halo_take`). Where values are nodes, an
        expression that changes nothing is answered and is no input afterwards. Raises SessionError
        only when nothing can go on."""
        return self._transact(partial(self._run, source, data))

    def look(self, expression: str) -> Outcome:
        """The value of an expression, which is no input. It fails if that might change anything."""
        return self._transact(partial(self._run, expression, b"", is_look=True))

    def call(self, function: str, data: bytes, source: str) -> Outcome:
        """Calls a function `void()` that an input has made, by its symbol, as an input. `source`:
        what stands for it among the inputs; else as `run`."""
        return self._transact(partial(self._call, function, data, source))

    def _transact(self, work: Callable[[], Outcome]) -> Outcome:
        if not self._over:
            self._pair.forget_interrupts()
        if lost := self._untold or self.settle():
            self._untold = None
            assert lost.failure
            text = f"{lost.failure.text}; this input has not run"
            return dataclasses.replace(lost, failure=dataclasses.replace(lost.failure, text=text))
        try:
            with self._pair.lent_input():
                return work()
        except KeeperGone as gone:
            return self._back(Failure(Reason.CRASH, str(gone)))

    def _run(self, source: str, data: bytes, is_look: bool = False) -> Outcome:
        again: dict[str, list[Any]] = {"hide": [], "drop": []}
        while True:
            id = self._next_id
            self._next_id += 1
            careful = not self._commits or self._commits[-1].inputs != len(self._inputs)
            request = {"run": source, "again": again, "careful": careful, "missed": self._missed}
            if is_look or self._form is Form.NODE:
                request |= {"look": True, "pure": is_look}
            answer = self._request(request, id, data)
            if isinstance(answer, Outcome):
                return answer
            diagnostics = answer["diagnostics"]
            if answer["compiled"]:
                break
            # What an earlier input has defined may be defined again, and is on another try.
            failure = Failure(Reason.COMPILE, "not compiled")
            if answer.get("harmless"):
                lost = Outcome(diagnostics, failure=failure)
            else:
                lost = self._back(failure, diagnostics)
            more = [
                (kind, each)
                for kind, found in answer.get("again", {}).items()
                for each in found
                if each not in again[kind]
            ]
            if answer.get("clash") and not more:
                text = (
                    "a class, enum or template can be defined again only as it was; "
                    "%undo takes inputs back"
                )
                return dataclasses.replace(lost, failure=Failure(Reason.COMPILE, text))
            if not more or lost.lost:
                return lost
            for kind, each in more:
                again[kind].append(each)
        self._missed = answer.get("missed", self._missed)
        return self._outcome(source, id, answer)

    def _call(self, function: str, data: bytes, source: str) -> Outcome:
        id = self._next_id
        self._next_id += 1
        answer = self._request({"call": function}, id, data)
        return answer if isinstance(answer, Outcome) else self._outcome(source, id, answer)

    def _request(self, request: dict[str, Any], id: int, data: bytes) -> dict[str, Any] | Outcome:
        """An answer; an outcome: why there is none."""
        request |= {"form": self._form}
        if self._keeps_states:
            request["commit"] = id
        if data:
            request["data"] = b64encode(data).decode()
        self._pair.send(request)
        try:
            answer = self._pair.answer()
        except Interrupted:
            return self._back(Failure(Reason.INTERRUPT, "interrupted"))
        if isinstance(answer, Death):
            return self._back(self._failure(answer))
        return answer

    def _outcome(self, source: str, id: int, answer: dict[str, Any]) -> Outcome:
        diagnostics = answer["diagnostics"]
        if "error" in answer:
            failure = Failure(Reason.LINK, answer["error"])
            if self._keeps_states:
                return self._back(failure, diagnostics)
            return Outcome(diagnostics, failure=failure)
        if not answer.get("pure"):
            self._pending = id if self._keeps_states else None
            self._inputs.append(source)
        value, exception = answer.get("value"), answer.get("exception")
        return Outcome(
            diagnostics,
            _value(value) if value else None,
            Exception_(exception["type"], exception["what"]) if exception else None,
        )

    def load(self, library: str) -> Outcome:
        """Links with a library from now on, as an input: a path, a file's name, or X as in -lX.
        Shared ones are the executor's machine's. Raises SessionError as `run`."""
        return self.run(wanted(library))

    def interrupt(self) -> None:
        """Ends the input that runs, as a failed one. Any thread, or a signal handler."""
        self._pair.interrupt()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs whose effects are there, in their order."""
        return tuple(self._inputs)

    # ---- what might be an input

    def is_complete(self, text: str) -> tuple[str, int]:
        """("complete" | "incomplete" | "invalid", brackets that are open)."""
        answer = self._ask({"complete": text})
        return (answer["state"], answer["depth"]) if answer else ("invalid", 0)

    def complete(self, text: str, cursor: int) -> Completions:
        """What may stand at the cursor, an offset in characters of `text`."""
        answer = self._ask({"completions": text, "cursor": len(text[:cursor].encode())})
        if not answer:
            return Completions(cursor)
        start = len(text.encode()[: answer["start"]].decode(errors="replace"))
        items = answer["items"]
        return Completions(
            start,
            tuple(Completion(each["text"], each["kind"], each["signature"]) for each in items),
        )

    def describe(self, name: str) -> str | None:
        """A declaration and its documentation, for a person; None: there is no such name."""
        answer = self._ask({"describe": name})
        return answer.get("text") if answer else None

    def type_of(self, expression: str) -> tuple[str | None, str]:
        """The type of an expression, which is not evaluated; else diagnostics."""
        answer = self._ask({"type": expression}) or {}
        return answer.get("text"), answer.get("diagnostics", "")

    def shape(self, type: str) -> dict[str, Any] | None:
        """A type as one must know it to make values of it (interpreter/Shape.h); None: there is no
        such type. Only where values are nodes."""
        answer = self._ask({"shape": type})
        return answer.get("shape") if answer else None

    def declared(self) -> tuple[Declared, ...]:
        """What inputs have declared, in the order of the declarations."""
        answer = self._ask({"declared": True}) or {"declared": ()}
        return tuple(
            Declared(each["kind"], each["name"], each["type"], each.get("text"))
            for each in answer["declared"]
        )

    def listing(self, of: str, level: int = 0, is_ir: bool = False) -> tuple[str | None, str]:
        """The code of a function, or of an input by its number; else why there is none. `level`: 0
        is the code that runs, 1 to 3 what clang's optimizer would make of it on its own."""
        answer = self._ask({"list": of, "level": level, "ir": is_ir}) or {}
        return answer.get("text"), answer.get("why", "there was no answer")

    # ---- time travel

    def undo(self, count: int = 1) -> int:
        """Takes back the last inputs. How many: fewer where older commits are gone.

        Raises StateError where it would have to be more.
        """
        self._settle_for_good()
        wanted = len(self._inputs) - count
        for each in self._commits:
            if each.inputs >= wanted:
                return self._return(each)
        raise StateError(self._why_unkept())

    def checkpoint(self, name: str) -> None:
        """Names the present state; it is kept until the session ends or the name is used again.

        Raises StateError.
        """
        self._settle_for_good()
        if not self._commits or self._commits[-1].inputs != len(self._inputs):
            raise StateError(self._why_unkept())
        for each in self._commits:
            if each.name == name:
                each.name = None
        self._commits[-1].name = name

    def restore(self, name: str) -> int:
        """Goes back to a named state. How many inputs that takes back.

        Raises KeyError, StateError.
        """
        self._settle_for_good()
        for each in self._commits:
            if each.name == name:
                return self._return(each)
        raise KeyError(name)

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names that `restore` knows, the oldest first."""
        return tuple(each.name for each in self._commits if each.name)

    # ---- the end

    def close(self, limit_s: float = END_LIMIT_S) -> Outcome | None:
        """Ends the session and its processes; its inputs can still be read. Once, static objects
        are destroyed and handlers of `atexit` run, the last first. An outcome: that failed, or took
        longer than `limit_s`."""
        if self._over:
            self._pair.close()
            return None
        failed = None
        try:
            with self._pair.lent_input():
                failed = self.settle() or self._end(time.monotonic() + limit_s)
        except (SessionError, KeeperGone, PairError, TimeoutError):
            pass  # nothing is left that could end in order
        finally:
            self._over = self._over or "the session is closed"
            self._pair.close()
        return failed

    def _end(self, deadline: float) -> Outcome | None:
        self._pair.send({"end": True})
        try:
            answer = self._pair.answer(deadline)
            if not isinstance(answer, Death) and not answer["ended"]:
                answer = self._pair.part(deadline)
        except Interrupted:
            return Outcome("", failure=Failure(Reason.INTERRUPT, "interrupted at the end"))
        except TimeoutError:
            text = "destructors or atexit handlers do not come to an end"
            return Outcome("", failure=Failure(Reason.INTERRUPT, text))
        if isinstance(answer, Death):
            return Outcome("", failure=self._failure(answer)) if answer.signal else None
        return Outcome("", failure=Failure(Reason.LINK, answer["ended"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def processes(self) -> dict[str, int | None]:
        """The process ids of "worker" and "interpreter", once the last input is kept."""
        self._untold = self._untold or self.settle()
        return self._pair.pids()

    # ---- commits

    def settle(self) -> Outcome | None:
        """Waits until the last input is kept. An outcome: it is lost, its process has ended."""
        if self._over:
            raise SessionError(self._over)
        if self._pending is None:
            return None
        id, self._pending = self._pending, None
        try:
            unkept = self._pair.settle(id)
        except KeeperGone as gone:
            return self._back(Failure(Reason.CRASH, str(gone)))
        if unkept is None:
            self._commits.append(_Commit(id, len(self._inputs)))
            self._thin_out()
            self._unkept = ""
            return None
        lost = self._back(self._failure(unkept)) if isinstance(unkept, Death) else None
        self._pair.drop(id)  # one side may have made it
        self._unkept = "" if isinstance(unkept, Death) else unkept
        return lost

    def _settle_for_good(self) -> None:
        """Raises StateError when the last input is lost."""
        lost, self._untold = self._untold or self.settle(), None
        if lost and lost.failure:
            raise StateError(f"the last input is lost: {lost.failure.text}")

    def _why_unkept(self) -> str:
        if not self._keeps_states:
            return NO_STATES
        newer = len(self._inputs) - self._commits[-1].inputs
        inputs = "1 input" if newer == 1 else f"{newer} inputs"
        return f"no state is kept since {inputs} ago: {self._unkept}; %undo {newer} goes back there"

    def _thin_out(self) -> None:
        unnamed = [each for each in self._commits[1:-1] if not each.name]
        for each in unnamed[: max(0, len(self._commits) - COMMITS)]:
            self._commits.remove(each)
            self._pair.drop(each.id)

    def _return(self, target: _Commit) -> int:
        before = len(self._inputs)
        while self._commits[-1] is not target:
            self._pair.drop(self._commits.pop().id)
        if why := self._thaw():
            raise StateError(why)
        return before - len(self._inputs)

    def _back(self, failure: Failure, diagnostics: str = "") -> Outcome:
        """To the newest commit. Inputs that came after it are lost."""
        before = tuple(self._inputs)
        if why := self._thaw():
            text = why if why.startswith(failure.text) else f"{failure.text}; {why}"
            failure = dataclasses.replace(failure, text=text)
        return Outcome(diagnostics, failure=failure, lost=before[len(self._inputs) :])

    def _thaw(self) -> str:
        """To the newest commit that is left. Text: there is none, and the session is empty, why.

        Raises SessionError.
        """
        why = ""
        try:
            while self._commits:
                try:
                    self._pair.thaw(self._commits[-1].id)
                    del self._inputs[self._commits[-1].inputs :]
                    return ""
                except PairError as error:  # it was killed: an older one then
                    why = f"{error}; "
                    self._pair.drop(self._commits.pop().id)
        except KeeperGone as gone:
            why = f"{gone}; "
        self._pair.close()
        try:
            self._begin()
        except SessionError as error:
            self._over = f"{why}no new session can begin: {error}"
            raise SessionError(self._over) from error
        return f"{why}the session begins anew, empty"

    # ---- conversation

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """A question that changes nothing. None: there was no answer."""
        if self._over or self._untold:
            return None
        self._pair.forget_interrupts()
        self._untold = self.settle()
        if self._untold:
            return None
        self._pair.send(request)
        try:
            answer = self._pair.answer()
        except (Interrupted, KeeperGone) as error:
            answer = Death("interpreter", 0, str(error) or "interrupted")
        if not isinstance(answer, Death):
            return answer
        lost = self._back(self._failure(answer))
        self._untold = lost if lost.lost else None
        return None

    def _failure(self, death: Death) -> Failure:
        if death.who == "worker" and death.signal == signal.SIGINT:  # from the terminal
            return Failure(Reason.INTERRUPT, "interrupted")
        if death.who == "worker" and death.code is not None:
            return Failure(Reason.EXIT, describe(death))
        frames = tuple(
            Frame(each["function"], each.get("file"), each.get("line"))
            for each in self._pair.crash.get("frames", ())
        )
        text = describe(death)
        if death.who == "interpreter":
            text = f"the compiler ended: {text}"
        return Failure(Reason.CRASH, text, frames)


def _value(told: dict[str, Any]) -> Value:
    pictures = tuple(
        Picture(each["mime"], b64decode(each["data"])) for each in told.get("pictures", ())
    )
    return Value(told["type"], told["text"], b64decode(told.get("node", "")), pictures)
