"""A region's own profile: an instrumented variant runs for a moment, its counters are read back.

In: a region of a live process. Out: counts by function, as the compiler wants them for the next
variants. Nothing is written on the program's machine, and the entry goes back to where it led.
"""

from __future__ import annotations

import asyncio

from halojit.model.region import (
    TARGETS_PER_SITE,
    Counters,
    FunctionProfile,
    Recipe,
    Region,
    Targets,
    Variant,
)
from halojit.server.live import Linked, Live, Refused

RUN_S = 0.03
RUN_LIMIT_S = 1.0
ENOUGH_CALLS = 50
SLOWDOWN = 0.5
"""Of the counters, relative to plain code: what the account is charged."""


async def measure(
    live: Live, region: Region, recipe: Recipe, back_to: int
) -> tuple[tuple[FunctionProfile, ...], float]:
    """The profile, and how long the program ran with counters. Raises Refused."""
    root = region.root
    variant = await live.build_region(region, recipe, is_instrumented=True)
    linked = await live.link(root.image, variant)
    run_s = min(RUN_LIMIT_S, max(RUN_S, ENOUGH_CALLS / max(region.entries_per_s, 1.0)))
    ran_s = 0.0
    await live.patch(root, linked.entries[root.name])
    try:
        # Not all of that time need be the program's: a processor may be somebody else's.
        while ran_s < RUN_LIMIT_S and (not ran_s or not await _was_entered(live, variant, linked)):
            await asyncio.sleep(run_s)
            ran_s += run_s
    finally:
        await live.put_back(root, back_to)
    profile = []
    for counter in variant.counters:
        counts = await live.services.read_u64s(_address(linked, counter.symbol), counter.count)
        values = await _targets(live, linked, counter) if counter.targets else ()
        profile.append(FunctionProfile(counter.name, counter.hash, tuple(counts), values))
    if not any(any(function.counts) for function in profile):
        raise Refused("its instrumented variant was not entered")
    return tuple(profile), ran_s


async def _was_entered(live: Live, variant: Variant, linked: Linked) -> bool:
    for counter in variant.counters:
        if any(await live.services.read_u64s(_address(linked, counter.symbol), counter.count)):
            return True
    return False


async def _targets(live: Live, linked: Linked, counter: Counters) -> tuple[Targets, ...]:
    """By site, the functions that indirect calls reached, where they have names."""
    size = 2 * TARGETS_PER_SITE
    table = await live.services.read_u64s(_address(linked, counter.targets), size * counter.sites)
    found = []
    for site in range(counter.sites):
        row = table[site * size : (site + 1) * size]
        pairs = zip(row[::2], row[1::2], strict=True)
        places = ((live.frames.find(address), calls) for address, calls in pairs if calls)
        found.append(tuple((place.name, calls) for place, calls in places if place))
    return tuple(found)


def _address(linked: Linked, symbol: str) -> int:
    address = linked.symbols.get(symbol)
    if address is None:
        raise Refused(f"the instrumented object lacks {symbol}")
    return address
