"""A row of those that wait."""

from __future__ import annotations

import asyncio

from halojit.server.row import Row


def test_the_most_urgent_comes_first_and_so_many_at_a_time() -> None:
    came: list[str] = []
    inside = most = 0

    async def visit(row: Row, name: str, rank: float) -> None:
        nonlocal inside, most
        async with row.place(rank):
            inside += 1
            most = max(most, inside)
            came.append(name)
            await asyncio.sleep(0.001)
            inside -= 1

    async def all_of_them() -> None:
        row = Row(2)
        ranks = [("a", 9.0), ("b", 8.0), ("c", 3.0), ("d", 1.0), ("e", 1.0), ("f", 2.0)]
        await asyncio.gather(*(visit(row, name, rank) for name, rank in ranks))

    asyncio.run(all_of_them())
    # The first two find free places.
    assert came == ["a", "b", "d", "e", "f", "c"]
    assert most == 2


def test_who_goes_away_leaves_the_place_to_others() -> None:
    async def scene() -> list[str]:
        row, came = Row(1), []

        async def visit(name: str) -> None:
            async with row.place(0.0):
                came.append(name)
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(visit(name)) for name in "abcd"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0.002)
        tasks[0].cancel()  # has the place
        tasks[2].cancel()  # is about to get it
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(1):
            await visit("e")
        return came

    assert asyncio.run(scene()) == ["a", "d", "e"]
