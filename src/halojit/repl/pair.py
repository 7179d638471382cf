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
import time
from dataclasses import dataclass, field
from typing import Any

from halojit.repl.death import CUT, Death, describe_early
from halojit.repl.keeper import Event, Keeper, KeeperGone, Kind

_START_LIMIT_S = 30.0
_DEATH_LIMIT_S = 5.0
_CRASH_LIMIT_S = 0.5
_HUNG_UP = "the executor hung up"
"""As the interpreter says it (Channel.cpp)."""
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


class Interrupted(Exception):
    """Somebody called `interrupt` while an answer was waited for."""


@dataclass
class _Side:
    name: str
    keeper: Keeper
    live: int | None = None  # pid
    frozen: set[int] = field(default_factory=set)
    lost: int = -1  # the newest commit that is gone
    ended: Death | None = None
    failure: str | None = None


class Pair:
    """Starts with no processes; `start` or `thaw` makes them."""

    def __init__(
        self,
        interpreter: Keeper,
        worker: Keeper,
    ) -> None:
        """Both are this pair's from now on."""
        self._interpreter = _Side("interpreter", interpreter)
        self._worker = _Side("worker", worker)
        self._front: socket.socket | None = None
        self._inbox = bytearray()
        self._searched = 0
        self._thawing: int | None = None
        self._broken: tuple[str, float] | None = None  # why, and until when that may be explained
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
        with theirs, self._worker.keeper.begin(kind, id) as line:
            self._interpreter.keeper.order(kind, id, [theirs, line])
        self._inbox = bytearray()
        self._searched = 0
        self._broken = None
        self.crash = {}
        deadline = time.monotonic() + _START_LIMIT_S
        while late := [
            side for side in self._sides() if side.live is None and not (side.failure or side.ended)
        ]:
            try:
                self._wait(deadline)
            except TimeoutError:
                late[0].failure = f"nothing is heard of it for {_START_LIMIT_S:.0f} s"
        for side in self._sides():
            if side.failure:
                failure = side.failure
                self.give_up()
                raise PairError(f"the {side.name} cannot go on: {failure}")
        if not waits_for_ready:
            return {}
        try:
            answer = self.answer(deadline)
        except TimeoutError as error:
            raise PairError(f"the session is not ready in {_START_LIMIT_S:.0f} s") from error
        if isinstance(answer, Death):
            raise PairError(describe_early(answer))
        if "failed" in answer:
            raise PairError(answer["failed"])
        return answer

    def give_up(self) -> None:
        """Kills both live processes; returns when they have ended. Raises KeeperGone."""
        deadline = time.monotonic() + _DEATH_LIMIT_S
        for side in self._sides():
            if side.live is not None:
                side.keeper.order(Kind.KILL)
        while late := [side.name for side in self._sides() if side.live is not None]:
            try:
                self._wait(deadline)
            except TimeoutError as error:
                text = f"the {late[0]} has not ended in {_DEATH_LIMIT_S:.0f} s"
                raise KeeperGone(text) from error
        if self._front:
            self._front.close()
            self._front = None
        for side in self._sides():
            side.ended = side.failure = None

    # ---- conversation

    def send(self, request: dict[str, Any]) -> None:
        """Asks the interpreter; a pair that died is noticed by `answer`."""
        assert self._front
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
            if self._broken and time.monotonic() >= self._broken[1]:
                return Death("worker", 0, _explain(self._broken[0]))
            try:
                self._wait(self._broken[1] if self._broken else deadline, can_be_interrupted=True)
            except TimeoutError:
                if not self._broken:
                    raise

    def _message(self) -> dict[str, Any] | None:
        """The next that has arrived, except what tells of an end."""
        while True:
            end = self._inbox.find(b"\n", self._searched)
            self._searched = len(self._inbox)
            if end < 0:
                return None
            line = bytes(self._inbox[:end])
            del self._inbox[: end + 1]
            self._searched = 0
            message: dict[str, Any] = json.loads(line)
            if "crash" in message:
                self.crash = message["crash"]
            elif "broken" in message:  # most often because the worker has ended: how, is told soon
                self._broken = message["broken"], time.monotonic() + _CRASH_LIMIT_S
            else:
                return message

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
        """Of two the one that is not just the other's consequence."""
        if (worker := self._worker.ended) and worker.has_lost_connection:
            return self._hear_cause() or worker
        return worker or self._interpreter.ended

    def _hear_cause(self) -> Death | None:
        """The interpreter's death, of which we may hear after its consequence. An interpreter that
        lives says that the worker has left it."""
        deadline = time.monotonic() + _CRASH_LIMIT_S
        with contextlib.suppress(TimeoutError):
            while not (self._interpreter.ended or self._message() or self._broken):
                self._wait(deadline)
        return self._interpreter.ended

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

    def settle(self, id: int) -> Death | str | None:
        """Waits for a commit. None: made. Text: the pair goes on without, why. Or a death."""
        while not self.has(id):
            if death := self.death():
                return death
            if message := self._message():
                return _why_unkept(message)
            if any(side.lost >= id for side in self._sides()):
                return "the copy that was made was killed"
            if self._broken and time.monotonic() >= self._broken[1]:
                return Death("worker", 0, _explain(self._broken[0]))
            with contextlib.suppress(TimeoutError):
                self._wait(self._broken[1] if self._broken else None)
        return None

    def has(self, id: int) -> bool:
        """Whether both sides hold this commit."""
        return all(id in side.frozen for side in self._sides())

    def drop(self, id: int) -> None:
        """Gives a commit's memory back."""
        for side in self._sides():
            if id in side.frozen:
                side.keeper.order(Kind.DROP, id)

    def lent_input(self) -> contextlib.AbstractContextManager[None]:
        """While an input runs: what is typed is for the worker."""
        return self._worker.keeper.lent_input()

    def interrupt(self) -> None:
        """Makes `answer` raise Interrupted. Any thread, or a signal handler."""
        self._waker.send(b"!")

    def forget_interrupts(self) -> None:
        """Those until now were meant for something earlier."""
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(64):
                pass

    def close(self) -> None:
        """Ends all processes."""
        for side in self._sides():
            side.keeper.close()
        self._close_sockets()

    def let_go(self) -> None:
        """As of a keeper."""
        for side in self._sides():
            side.keeper.let_go()
        self._close_sockets()

    def _close_sockets(self) -> None:
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
            data = b""
            with contextlib.suppress(ConnectionResetError):  # it died with unread requests
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
                side.ended = Death(side.name, event.status, was_exec=event.id == 1)
            case Kind.LOST:
                side.frozen.discard(event.id)
                side.lost = max(side.lost, event.id)
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


def _explain(broken: str) -> str:
    if broken.endswith(_HUNG_UP):
        return CUT
    return f"the process of the inputs is of no use any more: {broken}"


def _why_unkept(message: dict[str, Any]) -> str:
    if threads := message.get("threads"):
        count = threads - 1
        return f"{count} thread{'' if count == 1 else 's'} of inputs run{'s' if count == 1 else ''}"
    return str(message.get("unfrozen", "no copy was made"))
