"""A session: inputs, one after the other, each all or nothing.

In: source text. Out: an Outcome for each. An input that fails in whatever way leaves nothing
behind: every variable and every declaration is as it was. Not thread-safe but for `interrupt`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self

from halojit.repl.death import Death
from halojit.repl.executor import OURS, Executor
from halojit.repl.keeper import KeeperGone
from halojit.repl.libraries import Libraries, wanted
from halojit.repl.outcome import (
    Completion,
    Completions,
    Declared,
    Exception_,
    Failure,
    Form,
    Outcome,
    Reason,
    Value,
)
from halojit.repl.pair import Interrupted, Pair, PairError
from halojit.repl.start import SessionError as SessionError
from halojit.repl.start import Start
from halojit.repl.states import INTERRUPTED, States
from halojit.repl.states import StateError as StateError

PATIENCE_S = 5.0
"""For what a person waits for in the middle of a line; no key ends that."""
END_LIMIT_S = 10.0
"""For destructors and handlers of `atexit` at the end of a session."""


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
        self._form = form
        self._is_interruptible = False
        self._missed: dict[str, Any] = {}  # symbols that no library has
        start = Start(tuple(flags), stdio, libraries or Libraries(), executor, form)
        self._states = States(start.pair, keeps_states)

    @property
    def _pair(self) -> Pair:
        return self._states.pair

    # ---- inputs

    def run(
        self, source: str, data: bytes = b"", meanwhile: Callable[[], None] | None = None
    ) -> Outcome:
        """Runs one input; `data`: what it may take (`__halo_take`). Where values are nodes, an
        expression that changes nothing is answered and is no input afterwards. Raises SessionError
        only when nothing can go on.

        `meanwhile` is called while the input is compiled, before anything of it runs; not when it
        cannot begin."""
        return self._transact(partial(self._run, source, data, meanwhile=meanwhile))

    def look(self, expression: str) -> Outcome:
        """The value of an expression, which is no input. It fails if that might change anything."""
        return self._transact(partial(self._run, expression, b"", is_look=True))

    def call(self, function: str, data: bytes, source: str) -> Outcome:
        """Calls a function `void()` that an input has made, by its symbol, as an input. `source`:
        what stands for it among the inputs; else as `run`."""
        return self._transact(partial(self._call, function, data, source))

    def _transact(self, work: Callable[[], Outcome]) -> Outcome:
        self._forget_interrupts()
        if lost := self.lost():
            return lost
        try:
            return work()
        except KeeperGone as gone:
            return self._states.back(Failure(Reason.CRASH, str(gone)))

    def _run(
        self,
        source: str,
        data: bytes,
        is_look: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> Outcome:
        again: dict[str, list[Any]] = {"hide": [], "drop": []}
        while True:
            id = self._states.next_id()
            careful = not self._states.is_kept
            request = {"run": source, "again": again, "careful": careful, "missed": self._missed}
            if is_look or self._form is Form.NODE:
                request |= {"look": True, "pure": is_look}
            answer = self._request(request, id, data, meanwhile)
            if isinstance(answer, Outcome):
                return answer
            meanwhile = None
            diagnostics = answer["diagnostics"]
            if answer["compiled"]:
                break
            # What an earlier input has defined may be defined again, and is on another try.
            failure = Failure(Reason.COMPILE, "not compiled")
            if answer.get("harmless"):
                lost = Outcome(diagnostics, failure=failure)
            else:
                lost = self._states.back(failure, diagnostics)
            more = [
                (kind, each)
                for kind, found in answer.get("again", {}).items()
                for each in found
                if each not in again[kind]
            ]
            if answer.get("clash") and not more:
                text = (
                    "only variables and functions outside of classes and namespaces can be defined "
                    "again in another way; %undo takes inputs back"
                )
                return dataclasses.replace(lost, failure=Failure(Reason.COMPILE, text))
            if not more or lost.lost:
                return lost
            for kind, each in more:
                again[kind].append(each)
        self._missed = answer.get("missed", self._missed)
        return self._outcome(source, id, answer)

    def _call(self, function: str, data: bytes, source: str) -> Outcome:
        id = self._states.next_id()
        answer = self._request({"call": function}, id, data)
        return answer if isinstance(answer, Outcome) else self._outcome(source, id, answer)

    def _request(
        self,
        request: dict[str, Any],
        id: int,
        data: bytes,
        meanwhile: Callable[[], None] | None = None,
    ) -> dict[str, Any] | Outcome:
        """An answer; an outcome: why there is none."""
        request |= {"form": self._form}
        if self._states.keeps:
            request["commit"] = id
        if data:
            request["data"] = b64encode(data).decode()
        try:
            with self._states.answer_due():
                if meanwhile:
                    self._pair.send(request | {"waits": True})
                    meanwhile()
                    request = {"go": True}
                with self._pair.lent_input():
                    self._pair.send(request)
                    answer = self._pair.answer()
        except Interrupted:
            return self._states.back(INTERRUPTED)
        if isinstance(answer, Death):
            return self._states.back(self._states.failure(answer))
        return answer

    def _outcome(self, source: str, id: int, answer: dict[str, Any]) -> Outcome:
        diagnostics = answer["diagnostics"]
        if "error" in answer:
            failure = Failure(Reason.LINK, answer["error"])
            if self._states.keeps:
                return self._states.back(failure, diagnostics)
            return Outcome(diagnostics, failure=failure)
        if not answer.get("pure"):
            self._states.add(source, id)
        value, exception = answer.get("value"), answer.get("exception")
        return Outcome(
            diagnostics,
            Value.told(value) if value else None,
            Exception_(exception["type"], exception["what"]) if exception else None,
        )

    def load(self, library: str) -> Outcome:
        """Links with a library from now on, as an input: a path, a file's name, or X as in -lX.
        Shared ones are the executor's machine's. Raises SessionError as `run`."""
        return self.run(wanted(library))

    def interrupt(self) -> None:
        """Ends the input that runs, as a failed one. Any thread, or a signal handler."""
        self._pair.interrupt()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Interrupts in this block are for what is done in it, also those that come before that
        has begun; elsewhere those are for nothing."""
        self._forget_interrupts()
        self._is_interruptible = True
        try:
            yield
        finally:
            self._is_interruptible = False

    def _forget_interrupts(self) -> None:
        if not self._is_interruptible and not self._states.over:
            self._pair.forget_interrupts()

    def take_back(self) -> None:
        """The input that was just answered, if it is one: the interrupt came after its end."""
        if self._states.is_pending:
            with contextlib.suppress(StateError):  # its threads run
                self._states.undo(1)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs whose effects are there, in their order."""
        return tuple(self._states.inputs)

    # ---- what might be an input

    def is_complete(self, text: str) -> tuple[str, int]:
        """("complete" | "incomplete" | "invalid", brackets that are open)."""
        answer = self._ask({"complete": text}, PATIENCE_S)
        return (answer["state"], answer["depth"]) if answer else ("invalid", 0)

    def complete(self, text: str, cursor: int) -> Completions:
        """What may stand at the cursor, an offset in characters of `text`."""
        request = {"completions": text, "cursor": len(text[:cursor].encode())}
        answer = self._ask(request, PATIENCE_S)
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

        Raises StateError where it would have to be more, or none.
        """
        return self._states.undo(count)

    def why_not_older(self) -> str:
        """Why `undo` cannot take one more input back; "": there is none, or it can."""
        return self._states.why_not_older()

    def checkpoint(self, name: str) -> None:
        """Names the present state; it is kept until the session ends or the name is used again.

        Raises StateError.
        """
        self._states.checkpoint(name)

    def restore(self, name: str) -> int:
        """Goes back to a named state. How many inputs that takes back.

        Raises KeyError, StateError.
        """
        return self._states.restore(name)

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Names that `restore` knows, the oldest first."""
        return self._states.names

    def hear(self) -> None:
        """Whether the last input is kept, so that the next one need not wait for that; what is lost
        is told with the next one."""
        if not self._states.over:
            with contextlib.suppress(SessionError):
                self._states.settle_untold()

    def lost(self) -> Outcome | None:
        """What is lost and not told yet, as what came of an input that has therefore not run."""
        lost = self._states.take_untold() or self.settle()
        if lost is None:
            return None
        assert lost.failure
        text = f"{lost.failure.text}; this input has not run"
        return dataclasses.replace(lost, failure=dataclasses.replace(lost.failure, text=text))

    def settle(self) -> Outcome | None:
        """Waits until the last input is kept. An outcome: it is lost, its process has ended."""
        return self._states.settle()

    # ---- the end

    def close(self, limit_s: float = END_LIMIT_S) -> Outcome | None:
        """Ends the session and its processes; its inputs can still be read. Once, static objects
        are destroyed and handlers of `atexit` run, the last first. An outcome: that failed, or took
        longer than `limit_s`."""
        if self._states.over:
            self._states.end()
            return None
        failed = None
        try:
            with self._pair.lent_input():
                failed = self.settle() or self._end(time.monotonic() + limit_s)
        except (SessionError, KeeperGone, PairError, TimeoutError):
            pass  # nothing is left that could end in order
        finally:
            self._states.end()
        return failed

    def let_go(self) -> None:
        """In a process that ours has forked: the session is not of this one."""
        self._pair.let_go()

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
            return Outcome("", failure=self._states.failure(answer)) if answer.signal else None
        return Outcome("", failure=Failure(Reason.LINK, answer["ended"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def processes(self) -> dict[str, int | None]:
        """The process ids of "worker" and "interpreter", once the last input is kept."""
        self._states.settle_untold()
        return self._pair.pids()

    # ---- conversation

    def _ask(self, request: dict[str, Any], limit_s: float | None = None) -> dict[str, Any] | None:
        """A question that changes nothing. None: there was no answer."""
        if self._states.over or self._states.untold:
            return None
        self._forget_interrupts()
        if self._states.settle_untold():
            return None
        try:
            with self._states.answer_due():
                self._pair.send(request)
                answer = self._pair.answer(None if limit_s is None else time.monotonic() + limit_s)
        except (Interrupted, KeeperGone, TimeoutError) as error:
            answer = Death("interpreter", 0, str(error) or "interrupted")
        if not isinstance(answer, Death):
            return answer
        self._states.back_untold(self._states.failure(answer))
        return None
