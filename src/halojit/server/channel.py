"""One connection, for asyncio.

In: a connected socket. Out: awaitable calls and links. `_native.Session` answers on a thread of its
own; here its callbacks become futures of the loop. What may block (waiting for the peer's Setup,
sending an object, hanging up) runs on the executor that the caller passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from halojit import _native
from halojit.server.sps import MalformedError, Reader

T = TypeVar("T")


class ChannelError(RuntimeError):
    """The peer is no Halo program, refused a call, or is gone; says which."""


class GoneError(ChannelError):
    """The connection ended."""


class Channel:
    """A program's monitor at the other end of a socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop, executor: Executor) -> None:
        self._loop = loop
        self._executor = executor
        self._session: _native.Session | None = None
        self._waiting: set[asyncio.Future[object]] = set()
        self.closed: asyncio.Future[str] = loop.create_future()
        """Done, with the reason, when the connection has ended."""

    @classmethod
    async def open(cls, sock: socket.socket, executor: Executor) -> Channel:
        """Takes the socket over. Raises ChannelError if the peer does not say what LLVM's does."""
        loop = asyncio.get_running_loop()
        channel = cls(loop, executor)
        sock.setblocking(True)
        descriptor = sock.detach()
        opening = loop.run_in_executor(
            executor, partial(_native.Session, descriptor, channel._closed_elsewhere)
        )
        try:
            channel._session = await asyncio.shield(opening)
        except _native.LLVMError as error:
            raise ChannelError(str(error)) from None
        except asyncio.CancelledError:
            opening.add_done_callback(_discard)
            raise
        return channel

    @property
    def session(self) -> _native.Session:
        if self._session is None:
            raise GoneError(self.closed.result() if self.closed.done() else "not connected")
        return self._session

    @property
    def symbols(self) -> dict[str, int]:
        """The peer's services."""
        return self.session.symbols

    async def call(self, service: str, arguments: bytes = b"") -> Reader:
        """Calls a service of Halo; its result without the Expected's head."""
        reader = await self.call_plain(service, arguments)
        try:
            if reader.u8():
                return reader
            raise ChannelError(f"{service}: {reader.string()}")
        except MalformedError as error:
            raise ChannelError(f"{service}: {error}") from None

    async def call_plain(self, service: str, arguments: bytes = b"") -> Reader:
        """Calls a service of LLVM's, whose result has no head; an empty one says that it failed."""
        address = self.symbols.get(service)
        if address is None:
            raise ChannelError(f"the program's runtime has no service {service}")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        try:
            self.session.call(address, arguments, partial(self._answer, answer))
        except _native.LLVMError as error:
            raise GoneError(str(error)) from None
        return Reader(await self._await(answer))

    async def link(
        self, data: bytes, symbols: Mapping[str, int], arena: int, is_debugged: bool
    ) -> dict[str, tuple[int, int]]:
        """Links an object into the program; name -> (address, bytes) of what it defines."""
        answer: asyncio.Future[dict[str, tuple[int, int]]] = self._loop.create_future()
        done = partial(self._answer, answer)
        await self._loop.run_in_executor(
            self._executor, self._link, data, symbols, arena, done, is_debugged
        )
        return await self._await(answer)

    def _link(self, data, symbols, arena, done, is_debugged) -> None:  # type: ignore[no-untyped-def]
        try:
            self.session.link(data, symbols, arena, done, is_debugged)
        except (_native.LLVMError, GoneError) as error:
            done(None, str(error))

    async def close(self) -> None:
        """Hangs up; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(RuntimeError):
                await asyncio.shield(self._loop.run_in_executor(self._executor, session.close))
        self._end("hung up")

    async def _await(self, answer: asyncio.Future[T]) -> T:
        if self.closed.done():
            answer.cancel()
            raise GoneError(self.closed.result())
        self._waiting.add(answer)  # type: ignore[arg-type]
        try:
            return await answer
        finally:
            self._waiting.discard(answer)

    def _answer(self, answer: asyncio.Future[T], result: T | None, reason: str) -> None:
        """On the session's thread."""

        def settle() -> None:
            if answer.done():
                return
            if result is None:
                answer.set_exception(ChannelError(reason))
                answer.exception()  # whoever asked may have gone meanwhile
            else:
                answer.set_result(result)

        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(settle)

    def _closed_elsewhere(self, reason: str) -> None:
        """On the session's thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end, reason)

    def _end(self, reason: str) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(GoneError(reason))


def _discard(opening: asyncio.Future[_native.Session]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
