"""Gates while 16 threads recurse, throw, jump, end, fork and leave inside of them."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.controller import Controlled, controlled
from harness.tools import Tools

from halojit.model.evidence import Slice
from halojit.server.channel import ChannelError

PROGRAM = Path(__file__).parent / "programs" / "gated.cpp"
ROOTS = (
    *("plain", "fibonacci", "visit", "throwing", "jumping", "ending", "forking", "last"),
    *("yielding", "signaling"),
)
SLICE_NS = (200_000, 2_000_000)


@pytest.fixture(scope="session")
def gated(tools: Tools, cache: BuildCache) -> Path:
    def fill(directory: Path) -> None:
        command = [tools.halo_clangxx, "-O2", "-fhalo", "-pthread", PROGRAM, "-o"]
        subprocess.run([*command, directory / "gated"], check=True)

    return cache.directory("gated", fill) / "gated"


class Trials:
    """One at every gate, with what it measured so far."""

    def __init__(self, control: Controlled) -> None:
        self.services = control.live.services
        self.entries = control.known.entries
        self.slices: dict[int, list[Slice]] = {}
        self.names: dict[int, str] = {}

    async def start(self, control: Controlled) -> None:
        """Of originals and variants, with every call timed and with few."""
        one, two = await control.place(*ROOTS), await control.place(*ROOTS, level=1)
        assert set(one.gates) == set(ROOTS)
        for number, name in enumerate(ROOTS):
            gate, block = one.gates[name]
            incumbent = two.entries[name] if number % 2 else 0
            stride = (1, 3, 16)[number % 3]
            trial = await self.services.trial_start(
                block, self.entries[name], incumbent, SLICE_NS, 1 << 30, number + 1, stride
            )
            self.slices[trial] = []
            self.names[trial] = name
            assert await self.services.patch([(self.entries[name], gate)]) == [0]

    async def read(self) -> None:
        for trial, slices in self.slices.items():
            slices += (await self.services.trial_read(trial))[1]

    def calls(self) -> dict[str, tuple[int, int]]:
        """Timed so far, of each side."""

        def of(trial: int, side: int) -> int:
            return sum(
                slice_.calls + slice_.cut_calls
                for slice_ in self.slices[trial]
                if slice_.side == side
            )

        return {name: (of(trial, 0), of(trial, 1)) for trial, name in self.names.items()}


async def _measure(trials: Trials, control: Controlled) -> None:
    """Until every root was timed on both sides, and at least a few rounds."""
    for _ in range(100):
        await control.say("check")
        assert await control.hear() == "ok"
        await trials.read()
        if all(min(calls) > 5 for name, calls in trials.calls().items() if name != "last"):
            return
    raise AssertionError(trials.calls())


def test_nothing_differs_and_everything_is_restored(gated: Path) -> None:
    async def story() -> None:
        async with controlled(gated, "16", variables={"HALO_FORK": "inert"}) as control:
            assert await control.hear() == "ready"
            trials = Trials(control)
            await trials.start(control)
            await _measure(trials, control)
            begin = time.monotonic()
            assert await trials.services.retire_all() == len(ROOTS)
            assert time.monotonic() - begin < 1
            with pytest.raises(ChannelError, match="no such trial"):
                await trials.services.trial_read(next(iter(trials.slices)))
            entries = [trials.entries[name] for name in ROOTS]
            assert await trials.services.count_stop(entries) == [0] * len(entries)
            await control.say("check")
            assert await control.hear() == "ok"
            await control.say("quit")
            assert await asyncio.wait_for(control.process.wait(), 60) == 0

    asyncio.run(story())


def test_children_and_later_trials_at_the_same_gates(gated: Path) -> None:
    """A gate that had its trial goes to its incumbent until it has another one."""

    async def story() -> None:
        async with controlled(gated, "4", variables={"HALO_FORK": "inert"}) as control:
            assert await control.hear() == "ready"
            trials = Trials(control)
            await trials.start(control)
            await _measure(trials, control)
            for trial in trials.slices:
                await trials.services.trial_stop(trial)
            await control.say("check")
            assert await control.hear() == "ok"
            one = await control.place("plain")
            gate, block = one.gates["plain"]
            entry = trials.entries["plain"]
            for stride in (1, 8, 1):
                number = await trials.services.trial_start(
                    block, entry, one.entries["plain"], SLICE_NS, 200, 7, stride
                )
                assert await trials.services.patch([(entry, gate)]) == [0]
                slices: list[Slice] = []
                is_done = False
                while not is_done:
                    await control.say("check")
                    assert await control.hear() == "ok"
                    is_done, more = await trials.services.trial_read(number)
                    slices += more
                assert len(slices) == 200
                assert all(sum(s.calls for s in slices if s.side == side) for side in (0, 1))
                await trials.services.trial_stop(number)
            await control.say("quit")
            assert await asyncio.wait_for(control.process.wait(), 60) == 0

    asyncio.run(story())


def test_calls_that_return_on_another_thread(gated: Path) -> None:
    """The first thread and its thread-locals are gone by then."""

    async def story() -> None:
        async with controlled(gated, "2", variables={"HALO_FORK": "inert"}) as control:
            assert await control.hear() == "ready"
            trials = Trials(control)
            await trials.start(control)
            for _ in range(3):
                await control.say("migrate")
                assert await control.hear() == "ok"
            await trials.read()
            await control.say("quit")
            assert await asyncio.wait_for(control.process.wait(), 60) == 0

    asyncio.run(story())


def test_exit_inside_a_gated_call(gated: Path) -> None:
    async def story() -> None:
        async with controlled(gated, "8", variables={"HALO_FORK": "inert"}) as control:
            assert await control.hear() == "ready"
            await Trials(control).start(control)
            await control.say("check")
            assert await control.hear() == "ok"
            await control.say("leave 5")
            assert await asyncio.wait_for(control.process.wait(), 60) == 5

    asyncio.run(story())


def test_the_server_goes_in_the_middle(gated: Path) -> None:
    """Trials end without it; who was under trial goes on as the incumbent."""

    async def story() -> None:
        async with controlled(gated, "4", variables={"HALO_FORK": "inert"}) as control:
            assert await control.hear() == "ready"
            await Trials(control).start(control)
            await control.say("check")
            assert await control.hear() == "ok"
            await control.channel.close()
            for _ in range(3):
                await control.say("check")
                assert await control.hear() == "ok"
            await control.say("quit")
            assert await asyncio.wait_for(control.process.wait(), 60) == 0

    asyncio.run(story())
