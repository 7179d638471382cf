"""The server: sockets in, a story for each connection.

In: settings, listening sockets, a pool of workers. Out: events, to whoever watches. Knows no
command lines; `haloserver` and `halo run` both embed it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor

from halojit import peers
from halojit.build.build import host
from halojit.build.cache import Builder
from halojit.model.events import Event
from halojit.server.adapt import Adapt
from halojit.server.conduct import Conduct
from halojit.server.control import Control
from halojit.server.fleet import Fleet
from halojit.server.ledger import Ledger
from halojit.server.memory import Memory
from halojit.server.off import Off
from halojit.server.settings import Settings
from halojit.server.story import Story
from halojit.server.strategy import Strategy
from halojit.server.stress import Stress
from halojit.server.switch import Switch

log = logging.getLogger("halo")

STRATEGIES = ("adapt", "once", "off", "stress")
CLOSE_LIMIT_S = 5.0
THREADS = 32
"""For what blocks on a peer: connecting and sending objects."""


def _ignore(event: Event) -> None:
    del event


class Server:
    """Any number of programs and processes at once."""

    def __init__(
        self,
        settings: Settings,
        workers: Executor,
        tell: Callable[[Event], None] = _ignore,
    ) -> None:
        self.settings = settings
        self._tell = tell
        self._fleet = Fleet(workers, settings.sections_bytes)
        self._builder = Builder(workers)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="halo-peer")
        self._host = host()
        self._memory = self._open_memory()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []
        self.switch = Switch()
        self.conducts: set[Conduct] = set()
        """Of the processes that are connected."""
        self.ledger = Ledger()
        self._control = Control(settings, self.switch, self.ledger, self.conducts)

    def statistics(self) -> dict[str, int]:
        """Numbers for tests and the curious."""
        return {
            "connections": len(self._tasks) - len(self._sockets),
            "transfers": self._fleet.transfers,
            "cached": self._builder.hits,
        }

    def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Accepts from now on; the sockets are the server's."""
        for sock in sockets:
            sock.setblocking(False)
            self._sockets.append(sock)
            self._spawn(self._accept(sock))

    async def listen_control(self, sock: socket.socket) -> None:
        """Takes commands from now on; the socket is the server's."""
        await self._control.listen(sock)

    def _hear(self, event: Event) -> None:
        self.ledger.hear(event)
        self._tell(event)

    async def close(self) -> None:
        """Ends all stories; programs go on with what they have."""
        await self._control.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_LIMIT_S)
        for sock in self._sockets:
            sock.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._memory.close)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(sock)
            except OSError as error:
                # Out of descriptors, or the peer went while it waited.
                log.warning("cannot accept a connection: %s", error.strerror)
                await asyncio.sleep(0.2)
                continue
            try:
                peer = peers.check(connection)
            except (peers.StrangerError, OSError) as error:
                log.warning("%s", error)
                connection.close()
                continue
            connection.setblocking(False)
            if connection.family == socket.AF_INET:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            story = Story(
                self.settings,
                self._fleet,
                self._builder,
                self._threads,
                self._strategy,
                self._hear,
                self.switch,
                self.conducts,
            )
            self._spawn(story.run(connection, peer))

    def _strategy(self) -> Strategy:
        if self.settings.strategy == "off":
            return Off()
        if self.settings.strategy == "stress":
            return Stress(self._host, self.settings.seed, self.switch)
        trials = 1 if self.settings.strategy == "once" else self.settings.trials
        return Adapt(self._host, self._memory, self.switch, self.settings, trials)

    def _open_memory(self) -> Memory:
        """`adapt` remembers; the other strategies have nothing to."""
        url = self.settings.store
        if self.settings.strategy != "adapt" or url == "none":
            return Memory(None, self._host, self.settings.fp)
        from halojit.store.worker import StoreWorker

        return Memory(StoreWorker.open(url), self._host, self.settings.fp)
