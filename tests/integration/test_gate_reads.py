"""Numbers in a program's memory, read over the link: what counters of variants need."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from harness.controller import controlled

from halojit.server import sps
from halojit.server.channel import ChannelError
from halojit.server.services import READ_CHUNK_BYTES, READ_LIMIT_BYTES


def _mapping(pid: int, least: int) -> int:
    """Where a readable file mapping of so many bytes begins."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        if high - low >= least and line.split()[1].startswith("r-xp") and "/" in line:
            return low
    raise AssertionError(f"no mapping of {least} bytes")


def _memory(pid: int, address: int, size: int) -> list[int]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return sps.unpacked("Q", memory.read(size))


def test_what_is_there_is_read_and_what_is_not_is_said(hot: Path) -> None:
    async def story() -> None:
        async with controlled(hot, "60000") as control:
            services = control.live.services
            root = next(name for name in control.known.entries if name.startswith("mix"))
            one = await control.place(root)
            _, block = one.gates[root]
            words = await services.read_u64s(block, 8)
            assert words[1] == 0  # no trial has run
            assert words[4:6] == [one.entries[root]] * 2
            assert await services.read_u64s(block, 0) == []
            count = READ_CHUNK_BYTES // 8 + 100  # in two pieces
            low = _mapping(control.live.pid, count * 8)
            expected = _memory(control.live.pid, low, count * 8)
            assert await services.read_u64s(low, count) == expected
            for address in (0, 16, (1 << 47) + 8, (1 << 64) - 8):
                with pytest.raises(ChannelError, match="can not be read"):
                    await services.read_u64s(address, 1)
            with pytest.raises(ChannelError, match="over the limit"):
                await services.read_u64s(low, READ_LIMIT_BYTES)
            assert await services.read_u64s(block, 8) == words

    asyncio.run(story())
