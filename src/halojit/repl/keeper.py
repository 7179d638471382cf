"""One keeper: a process that holds a live one and frozen copies of it (halo/keeper.h).

In: a command that becomes a keeper. Out: orders to it, its events. It does not know what the live
process is for. When this object is closed, or its process ends, everything it keeps is killed.
"""

from __future__ import annotations

import array
import contextlib
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

MESSAGE = struct.Struct("<IiQiI")  # struct halo_keeper_message
_END_LIMIT_S = 5.0


class Kind(IntEnum):
    """enum halo_keeper_kind."""

    START = 1
    THAW = 2
    DROP = 3
    KILL = 4
    LIVE = 16
    FROZEN = 17
    DIED = 18
    LOST = 19
    FAILED = 20


@dataclass(frozen=True)
class Event:
    """What a keeper says of its processes. `status`: as of waitpid, or an errno (FAILED)."""

    kind: Kind
    pid: int
    id: int
    status: int


class KeeperGone(ConnectionError):
    """The keeper's own process has ended; all that it kept has ended with it."""


class Keeper:
    """Starts a keeper and talks to it. `command(fd)`: its arguments; `fd`: of its orders."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        stdio: tuple[int | None, int | None, int | None] = (None, None, None),
    ) -> None:
        self._name = command(-1)[0]
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stdin, stdout, stderr = stdio
        self._stdin = 0 if stdin is None else stdin
        self._live: int | None = None
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command(theirs.fileno()),
                    pass_fds=[theirs.fileno()],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                )
            except OSError:
                self._orders.close()
                raise

    def fileno(self) -> int:
        """Readable when there is an event."""
        return self._orders.fileno()

    def begin(self, kind: Kind, id: int) -> socket.socket:
        """Orders START or THAW; the other end of the connection that the live process gets."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.order(kind, id, [theirs])
        return ours

    @contextlib.contextmanager
    def lent_input(self) -> Iterator[None]:
        """While an input runs: what is typed is for the live process.

        It has a process group of its own; one that is not the terminal's foreground cannot read.
        """
        try:
            group = os.getpgid(self._live or 0)
            is_ours = os.tcgetpgrp(self._stdin) == os.getpgrp()
        except OSError:  # no terminal, or no process
            is_ours = False
        if not is_ours:
            yield
            return
        _set_foreground(self._stdin, group)
        try:
            yield
        finally:
            _set_foreground(self._stdin, os.getpgrp())

    def order(self, kind: Kind, id: int = 0, sockets: Sequence[socket.socket] = ()) -> None:
        """Sends an order; the descriptors of `sockets` go with it and stay ours too."""
        passed = array.array("i", [each.fileno() for each in sockets])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if sockets else []
        try:
            self._orders.sendmsg([MESSAGE.pack(kind, 0, id, 0, 0)], rights)
        except OSError as error:
            raise KeeperGone(self._ending()) from error

    def event(self) -> Event | None:
        """The next event; None when there is none now."""
        try:
            data = self._orders.recv(MESSAGE.size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            raise KeeperGone(self._ending()) from error
        if len(data) != MESSAGE.size:
            raise KeeperGone(self._ending())
        kind, pid, id, status, _ = MESSAGE.unpack(data)
        if kind == Kind.LIVE:
            self._live = pid
        return Event(Kind(kind), pid, id, status)

    def close(self) -> None:
        """Ends the keeper and all it keeps; returns when they are gone."""
        self._orders.close()
        try:
            self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def let_go(self) -> None:
        """In a process that ours has forked: what is kept there goes on, and its end is seen."""
        self._orders.close()

    def _ending(self) -> str:
        status: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._process.wait(1.0)
        how = "has not ended" if status is None else f"ended with {status}"
        return f"{self._name} is gone ({how})"


def _set_foreground(terminal: int, group: int) -> None:
    """Of a terminal; who is not in the foreground may do that only with SIGTTOU held back."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        with contextlib.suppress(OSError):  # the group has ended
            os.tcsetpgrp(terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
