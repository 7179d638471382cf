"""A controller in the test's own process, for one program: `Live`, and nothing that decides.

In: an executable built with -fhalo. Out: the running program and its `Live`. Compiles in a thread.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from halojit.build.build import host
from halojit.build.cache import Builder
from halojit.model.region import Recipe
from halojit.server.channel import Channel
from halojit.server.fleet import Fleet
from halojit.server.live import Linked, Live, LiveImage
from halojit.server.services import Services
from halojit.server.settings import Settings
from harness.run import environment

WAIT_S = 60.0


@dataclass(frozen=True)
class Controlled:
    """A program under control; its standard input and output are pipes."""

    process: asyncio.subprocess.Process
    channel: Channel
    live: Live

    @property
    def known(self) -> LiveImage:
        """The executable."""
        return next(i for i in self.live.images.values() if i.image.is_executable)

    async def place(self, *roots: str, level: int = 3) -> Linked:
        """Variants of these roots with their gates, linked in."""
        cpu, features = host()
        image = self.known.image.id
        recipe = Recipe(cpu, features, level)
        return await self.live.link(
            image, await self.live.build(image, roots, recipe, has_gate=True)
        )

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def hear(self) -> str:
        """The next line the program prints; empty at its end."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), WAIT_S)
        return line.decode().rstrip("\n")


async def _accept(listener: socket.socket) -> socket.socket:
    sock, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(listener), WAIT_S)
    return sock


@asynccontextmanager
async def controlled(
    program: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Controlled]:
    """Runs the program until the block ends; a child of it that connects finds nobody."""
    command: Sequence[str | Path] = [program, *arguments]
    with (
        TemporaryDirectory(prefix="halo-") as directory,
        socket.socket(socket.AF_UNIX) as listener,
        ThreadPoolExecutor(2) as threads,
    ):
        listener.bind(f"{directory}/s")
        listener.listen()
        listener.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment({"HALO_SERVER": f"unix:{directory}/s"} | dict(variables or {})),
        )
        channel = None
        try:
            channel = await Channel.open(await _accept(listener), threads)
            listener.close()
            live = Live(
                channel,
                await Services(channel).describe(),
                Fleet(threads, 1 << 30),
                Builder(threads),
                Settings(),
                time.monotonic_ns,
                lambda event: None,
            )
            await live.learn_images()
            yield Controlled(process, channel, live)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            if channel is not None:
                await channel.close()
