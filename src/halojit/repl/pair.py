"""An interpreter and a worker that are frozen and thawed together.

The interpreter compiles, the worker runs; each is the live process of a keeper. A *commit* is a
frozen copy of both, made after an input has succeeded. Whatever goes wrong, both live processes are
given up and the last commit is thawed: with new connections, so that nothing of what was given up
can arrive in what goes on. `undo` is the same with an older commit.

In: requests (JSON objects) for the interpreter. Out: its answers, or how the pair died.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from halojit.repl.keeper import Event, Keeper, Kind

_START_LIMIT_S = 30.0
_DEATH_LIMIT_S = 5.0
_CRASH_LIMIT_S = 0.5
_TOLD = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)
"""Signals whose place the worker tells (executor/crash.c)."""


class PairError(RuntimeError):
    """No pair could be started or thawed; says which side and why."""


@dataclass(frozen=True)
class Death:
    """How a live process ended. `who`: "worker" or "interpreter"; `status`: as of waitpid."""

    who: str
    status: int

    @property
    def signal(self) -> int | None:
        """The signal that killed it, if one did."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    @property
    def code(self) -> int | None:
        """What it exited with, if it exited."""
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None


class Interrupted(Exception):
    """Somebody called `interrupt` while an answer was waited for."""


@dataclass
class _Side:
    name: str
    keeper: Keeper
    live: int | None = None  # pid
    frozen: set[int] = field(default_factory=set)
    ended: Death | None = None
    failure: str | None = None


class Pair:
    """Starts with no processes; `start` or `thaw` makes them."""

    def __init__(
        self,
        interpreter: Callable[[int], Sequence[str]],
        executor: Callable[[int], Sequence[str]],
        stdio: tuple[int, int, int] | None = None,
    ) -> None:
        """`interpreter` and `executor`: commands by their orders' descriptor. `stdio`: the worker's
        standard descriptors; None: ours."""
        self._interpreter = _Side(
            "interpreter", Keeper(interpreter, (subprocess.DEVNULL, None, None))
        )
        self._worker = _Side("worker", Keeper(executor, stdio or (None, None, None)))
        self._front: socket.socket | None = None
        self._inbox = b""
        self._thawing: int | None = None
        self.crash: dict[str, Any] = {}
        """What a dying worker told of the place where it died."""
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)

    # ---- epochs

    def start(self) -> dict[str, Any]:
        """A fresh pair. Its first message.

        Raises PairError.
        """
        return self._begin(Kind.START, 0, waits_for_ready=True)

    def thaw(self, id: int) -> None:
        """Gives up the live pair for a commit, which stays.

        Raises PairError; the live pair is gone then too.
        """
        self._begin(Kind.THAW, id, waits_for_ready=False)

    def _begin(self, kind: Kind, id: int, waits_for_ready: bool) -> dict[str, Any]:
        self.give_up()
        self._thawing = id if kind == Kind.THAW else None
        self._front, theirs = socket.socketpair()
        left, right = socket.socketpair()
        with theirs, left, right:
            self._worker.keeper.order(kind, id, [right])
            self._interpreter.keeper.order(kind, id, [theirs, left])
        self._inbox = b""
        self.crash = {}
        deadline = time.monotonic() + _START_LIMIT_S
        while any(side.live is None and not side.failure for side in self._sides()):
            self._wait(deadline)
        for side in self._sides():
            if side.failure:
                failure = side.failure
                self.give_up()
                raise PairError(f"the {side.name} cannot go on: {failure}")
        if not waits_for_ready:
            return {}
        answer = self.answer(deadline)
        if isinstance(answer, Death):
            raise PairError(f"the {answer.who} ended while it started ({describe(answer)})")
        if "failed" in answer:
            raise PairError(answer["failed"])
        return answer

    def give_up(self) -> None:
        """Kills both live processes; returns when they have ended."""
        deadline = time.monotonic() + _DEATH_LIMIT_S
        for side in self._sides():
            if side.live is not None:
                side.keeper.order(Kind.KILL)
        while any(side.live is not None for side in self._sides()):
            self._wait(deadline)
        if self._front:
            self._front.close()
            self._front = None
        for side in self._sides():
            side.ended = side.failure = None

    # ---- conversation

    def send(self, request: dict[str, Any]) -> None:
        """Asks the interpreter; a pair that died is noticed by `answer`."""
        assert self._front
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(64)  # meant for an earlier request
        with contextlib.suppress(OSError):
            self._front.sendall(json.dumps(request).encode() + b"\n")

    def answer(self, deadline: float | None = None) -> dict[str, Any] | Death:
        """The interpreter's next message, or the first death.

        Raises Interrupted, TimeoutError (`deadline`: of time.monotonic).
        """
        while True:
            if (message := self._message()) is not None:
                return message
            if death := self.death():
                return self._hear_crash(death)
            self._wait(deadline, can_be_interrupted=True)

    def _message(self) -> dict[str, Any] | None:
        """The next that has arrived, except what tells of a crash."""
        while True:
            line, newline, rest = self._inbox.partition(b"\n")
            if not newline:
                return None
            self._inbox = rest
            message: dict[str, Any] = json.loads(line)
            if "crash" not in message:
                return message
            self.crash = message["crash"]

    def _hear_crash(self, death: Death) -> Death:
        """A worker that dies of what it did has told the interpreter where: that comes later."""
        deadline = time.monotonic() + _CRASH_LIMIT_S
        while death.signal in _TOLD and not self.crash and self._front:
            try:
                self._wait(deadline)
            except TimeoutError:
                break
            self._message()
        return death

    def death(self) -> Death | None:
        """Of two the one that is not just the other's consequence: a worker ends in order when its
        connection does."""
        worker, interpreter = self._worker.ended, self._interpreter.ended
        if worker and interpreter and worker.code == 0:
            return interpreter
        return worker or interpreter

    def part(self, deadline: float) -> Death:
        """Hangs up, so that the worker ends as a program does. How it ended.

        Raises Interrupted, TimeoutError.
        """
        if self._front:
            self._front.close()
            self._front = None
        while not self._worker.ended:
            self._wait(deadline, can_be_interrupted=True)
        return self._worker.ended

    def settle(self, id: int, deadline: float | None = None) -> Death | bool:
        """Waits for a commit. True: made. False: the pair goes on without. Or the first death."""
        while not self.has(id):
            if death := self.death():
                return death
            if self._message() is not None:  # why there will be none
                return False
            self._wait(deadline)
        return True

    def has(self, id: int) -> bool:
        """Whether both sides hold this commit."""
        return all(id in side.frozen for side in self._sides())

    def drop(self, id: int) -> None:
        """Gives a commit's memory back."""
        for side in self._sides():
            if id in side.frozen:
                side.keeper.order(Kind.DROP, id)

    def interrupt(self) -> None:
        """Makes `answer` raise Interrupted. Any thread, or a signal handler."""
        self._waker.send(b"!")

    def close(self) -> None:
        """Ends all processes."""
        for side in self._sides():
            side.keeper.close()
        for each in (self._front, self._wake, self._waker):
            if each:
                each.close()
        self._front = None

    # ---- events

    def _sides(self) -> tuple[_Side, _Side]:
        return self._worker, self._interpreter

    def _wait(self, deadline: float | None, can_be_interrupted: bool = False) -> None:
        poll = select.poll()
        wake = self._wake if can_be_interrupted else None
        for each in (*(side.keeper for side in self._sides()), wake, self._front):
            if each:
                poll.register(each.fileno(), select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = {fd for fd, _ in poll.poll(None if left is None else left * 1000)}
        if not ready and left == 0:
            raise TimeoutError("no answer in time")
        # Answers before deaths: what was said before the end counts.
        if self._front and self._front.fileno() in ready:
            data = self._front.recv(1 << 20)
            self._inbox += data
            if not data:
                self._front.close()
                self._front = None
        for side in self._sides():
            if side.keeper.fileno() in ready:
                while event := side.keeper.event():
                    self._note(side, event)
        if wake and wake.fileno() in ready:
            wake.recv(64)
            raise Interrupted

    def _note(self, side: _Side, event: Event) -> None:
        match event.kind:
            case Kind.LIVE:
                side.live = event.pid
            case Kind.FROZEN:
                side.frozen.add(event.id)
            case Kind.DIED if event.pid == side.live:
                side.live = None
                side.ended = Death(side.name, event.status)
            case Kind.LOST:
                side.frozen.discard(event.id)
                if event.id == self._thawing:
                    side.failure = f"commit {event.id} is gone"
            case Kind.FAILED:
                side.failure = os.strerror(event.status)
            case _:
                pass

    # ---- for tests and diagnosis

    def pids(self) -> dict[str, int | None]:
        """The live processes by name."""
        return {side.name: side.live for side in self._sides()}


def describe(death: Death) -> str:
    """`SIGSEGV: Segmentation fault`, `exit(3)`."""
    if death.signal is not None:
        name = signal.Signals(death.signal).name
        return f"{name}: {signal.strsignal(death.signal)}"
    return f"exit({death.code})"
