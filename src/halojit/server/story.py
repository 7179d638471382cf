"""The story of one connection, from the first byte to the last.

In: an accepted socket. Out: events, and log lines. Whatever the peer is or does, the story ends
with one clear line; other stories do not notice.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import Executor

from halojit.build.cache import Builder
from halojit.model import events
from halojit.server import journal
from halojit.server.channel import Channel, ChannelError, GoneError
from halojit.server.conduct import Conduct
from halojit.server.fleet import Fleet
from halojit.server.live import Live
from halojit.server.services import PROTOCOL_VERSION, Services
from halojit.server.settings import Settings
from halojit.server.strategy import Strategy
from halojit.server.switch import Switch

log = logging.getLogger("halo")

HELLO_LIMIT_S = 10.0
HEAD_BYTES = 32
SETUP_LIMIT_BYTES = 1 << 20
SETUP_OPCODE = 0


class Story:
    """What a server does about one process."""

    def __init__(
        self,
        settings: Settings,
        fleet: Fleet,
        builder: Builder,
        threads: Executor,
        strategy: Callable[[], Strategy],
        tell: Callable[[events.Event], None],
        switch: Switch,
        conducts: set[Conduct],
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._builder = builder
        self._threads = threads
        self._strategy = strategy
        self._listener = tell
        self._switch = switch
        self._conducts = conducts
        self._label = "?"

    async def run(self, sock: socket.socket, peer: str) -> None:
        """Until the connection ends."""
        channel: Channel | None = None
        try:
            with sock:
                await _await_setup(sock)
                channel = await Channel.open(sock, self._threads)
            await self._tell_of(channel)
        except GoneError as error:
            log.debug("%s: gone: %s", peer, error)
        except ChannelError as error:
            log.warning("%s: dropped: %s", peer, error)
        except OSError as error:
            log.warning("%s: dropped: %s", peer, error.strerror or error)
        except Exception:
            log.exception("%s: dropped: a fault in the server", peer)
        finally:
            if channel is not None:
                await channel.close()

    async def _tell_of(self, channel: Channel) -> None:
        services = Services(channel)
        if "halo_describe" not in channel.symbols:
            raise ChannelError("it is an executor, but not a program built with -fhalo")
        process = await services.describe()
        if process.protocol != PROTOCOL_VERSION:
            raise ChannelError(
                f"{process.executable} speaks protocol {process.protocol}, this server "
                f"{PROTOCOL_VERSION}: rebuild it with this version's halo-clang"
            )
        live = Live(
            channel,
            process,
            self._fleet,
            self._builder,
            self._settings,
            time.monotonic_ns,
            self._tell,
        )
        self._label = live.label
        _, images = await services.images()
        carrying = [image for image in images if image.bitcode_bytes]
        modules = sum(len(image.digests) // 16 for image in carrying)
        self._tell(
            events.ProgramSeen(live.pid, live.at_s(), process.executable, len(carrying), modules)
        )
        conduct = Conduct(live, self._switch, self._strategy, channel.closed)
        self._conducts.add(conduct)
        reason = "the program ended"
        try:
            await conduct.run()
        except (GoneError, asyncio.CancelledError):
            pass
        except ChannelError as error:
            reason = str(error)
        finally:
            self._conducts.discard(conduct)
            self._tell(events.ProgramEnded(live.pid, live.at_s(), reason))

    def _tell(self, event: events.Event) -> None:
        text = journal.line(event)
        if text is not None:
            level = logging.WARNING if isinstance(event, events.Warned) else logging.INFO
            log.log(level, "%s %.2f s: %s", self._label, event.at_s, text)
        self._listener(event)


async def _await_setup(sock: socket.socket) -> None:
    """Waits for the head of LLVM's Setup frame without taking it: a peer that says nothing, or
    something else, costs no thread."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(HELLO_LIMIT_S):
            while True:
                head = await _peek(loop, sock)
                if not head:
                    raise GoneError("it hung up without a word")
                if len(head) >= 16:
                    break
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise ChannelError(f"it said nothing for {HELLO_LIMIT_S:g} s") from None
    size, opcode = struct.unpack_from("<QQ", head)
    if opcode != SETUP_OPCODE or not HEAD_BYTES <= size <= SETUP_LIMIT_BYTES:
        raise ChannelError("it does not speak Halo's protocol")


async def _peek(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> bytes:
    while True:
        try:
            return sock.recv(HEAD_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            pass
        ready = loop.create_future()
        loop.add_reader(sock, _set_ready, ready)
        try:
            await ready
        finally:
            loop.remove_reader(sock)


def _set_ready(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
