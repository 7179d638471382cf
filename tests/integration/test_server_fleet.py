"""A server inside the test: many processes of one build share what is learned."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from harness.run import environment

from halojit.build.pool import WorkerPool
from halojit.model import events
from halojit.model.events import Event
from halojit.server import sockets
from halojit.server.server import Server
from halojit.server.settings import Settings


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1)
    yield pool
    pool.shutdown(cancel_futures=True)


class Watched:
    """A server whose events can be waited for."""

    def __init__(self, pool: WorkerPool, listening: socket.socket) -> None:
        self.seen: list[Event] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.server = Server(Settings(), pool, self._hear)
        self.server.listen([listening])
        self.environment = environment({"HALO_SERVER": f"unix:{listening.getsockname()}"})

    def _hear(self, event: Event) -> None:
        self.seen.append(event)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def start(self, *command: Path | str) -> subprocess.Popen[bytes]:
        """A program that finds this server."""
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)

    async def wait_for(self, is_met: Callable[[Event], bool]) -> Event:
        """An event, past or to come."""

        def find() -> Event | None:
            return next((event for event in self.seen if is_met(event)), None)

        async with self._changed:
            async with asyncio.timeout(60):
                await self._changed.wait_for(lambda: find() is not None)
        found = find()
        assert found is not None
        return found


@pytest.fixture
async def watched(pool: WorkerPool, tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(pool, sockets.unix(tmp_path / "own" / "server.sock"))
    yield watched
    await watched.server.close()


def of(kind: type[Event], pid: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind) and event.pid == pid


async def test_bitcode_travels_once_and_objects_are_shared(watched: Watched, hot: Path) -> None:
    with (
        watched.start(hot, "60000") as first,
        watched.start(hot, "60000") as second,
    ):
        for child in (first, second):
            await watched.wait_for(of(events.VariantDeployed, child.pid))
            child.kill()
            await watched.wait_for(of(events.ProgramEnded, child.pid))
    assert watched.server.statistics()["transfers"] == 1
    assert watched.server.statistics()["cached"] >= 1


async def test_a_process_killed_at_any_moment_ends_its_story_only(
    watched: Watched, hot: Path
) -> None:
    moments = (
        events.ProgramSeen,
        events.SamplerStarted,
        events.ProfileRead,
        events.RegionChosen,
        events.VariantBuilt,
        events.VariantDeployed,
    )
    for moment in moments:
        with watched.start(hot, "60000") as child:
            await watched.wait_for(of(moment, child.pid))
            child.kill()
            await watched.wait_for(of(events.ProgramEnded, child.pid))
    async with asyncio.timeout(30):
        # Hanging up takes a thread's time after the story's last word.
        while watched.server.statistics()["connections"]:
            await asyncio.sleep(0)


async def test_what_a_trial_measured_is_told_though_the_program_dies(
    watched: Watched, hot: Path
) -> None:
    with watched.start(hot, "60000") as child:
        await watched.wait_for(of(events.VariantDeployed, child.pid))
        child.kill()
        ended = await watched.wait_for(of(events.TrialEnded, child.pid))
    assert isinstance(ended, events.TrialEnded)
    assert ended.reason == "the program ended"


async def test_many_short_processes_at_once(watched: Watched, hot: Path) -> None:
    children = [watched.start(hot, "1") for _ in range(50)]
    loop = asyncio.get_running_loop()
    statuses = [await loop.run_in_executor(None, child.wait) for child in children]
    assert statuses == [0] * 50
