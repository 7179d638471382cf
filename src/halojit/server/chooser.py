"""Which regions of a live process get their turn, and which have had it.

In: the running profile and a moment of entry counts. Out: new regions, whenever a look at the
profile shows some. Keeps what is covered by a region already, and what can never be a root.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from halojit.model.function import Place
from halojit.model.region import Region
from halojit.profile.regions import Limits, candidates, choose
from halojit.server.live import Live
from halojit.server.profiler import Profiler

COUNT_S = 0.12
RECOUNT_ROUNDS = 32
REGIONS = 32
HOT_SHARE = 0.01
"""Of a root's samples, that a callee has with all it calls, to be in the region for sure."""
HOT_MOST = 64
ROOT_INSTRUCTIONS = 60_000
"""More take too long to compile."""


class Chooser:
    """The regions of one process."""

    def __init__(self, live: Live, profiler: Profiler, limits: Limits | None = None) -> None:
        self._live = live
        self._profiler = profiler
        self._limits = limits or Limits()
        self._covered: dict[Place, frozenset[str]] = {}
        self._banned: set[Place] = set()
        self._hot: dict[Place, tuple[str, ...]] = {}
        self._reach: dict[Place, frozenset[str]] = {}
        """By the profile of the latest look."""
        self._counted: frozenset[Place] = frozenset()
        self._idle_rounds = 0

    def cover(self, root: Place) -> None:
        """The root has a region."""
        self._covered[root] = self.reach(root)

    def narrow(self, root: Place, functions: frozenset[str]) -> None:
        """Its region turned out to hold no more than these: others may be roots of their own."""
        if root in self._covered:
            self._covered[root] = functions

    def ban(self, root: Place) -> None:
        """The root cannot be tuned: its time is free for other roots."""
        self._covered.pop(root, None)
        self._banned.add(root)
        self._idle_rounds = 0
        self._counted = frozenset()

    async def choose(self, wanted: frozenset[Place] = frozenset()) -> list[Region]:
        """New regions, largest share first; they are covered from now on. `wanted` are roots that
        were good ones in an earlier run: their callers are left alone."""
        if len(self._covered) >= REGIONS:
            return []
        tree = self._profiler.tree
        places = candidates(tree, self._is_possible, self._covered, self._limits)
        if not places or not self._is_news(frozenset(places)):
            return []
        self._look(places)
        callers = {
            place for place in places for root in wanted - {place} if self._reaches(place, root)
        }
        rates = await self._count([place for place in places if place not in callers])
        await self._profiler.read()
        self._look(rates)
        seen = tree.recursive()
        recursive = {place for place in rates if place in seen or self._is_recursive(place)}
        regions = choose(
            tree,
            rates,
            self._profiler.cpu_share,
            self.reach,
            self._covered,
            self._limits,
            recursive,
        )
        if regions:
            self._idle_rounds = 0
        for region in regions:
            self.cover(region.root)
        return [
            replace(one, hot=self._hot[one.root], is_recursive=one.root in recursive)
            for one in regions
        ]

    def reach(self, root: Place) -> frozenset[str]:
        """Names of what its region will hold."""
        if root not in self._reach:
            self._reach[root] = self._live.reach(root, self._hot.get(root, (root.name,)))
        return self._reach[root]

    def _look(self, roots: Collection[Place]) -> None:
        """Of each root, what has samples below it, the root itself first."""
        self._reach.clear()
        self._hot = {
            root: tuple(
                place.name
                for place in sorted(
                    shares, key=lambda place: (-shares[place], place != root, place)
                )
                if shares[place] >= HOT_SHARE and place.image == root.image
            )[:HOT_MOST]
            for root, shares in self._profiler.tree.below(roots).items()
        }

    def _is_possible(self, place: Place) -> bool:
        live = self._live
        function = live.function(place)
        return (
            function is not None
            and not function.obstacle
            and place not in self._banned
            and live.entry(place) is not None
            and function.instructions <= ROOT_INSTRUCTIONS
        )

    def _is_recursive(self, place: Place) -> bool:
        function = self._live.function(place)
        return function is not None and function.reaches_itself

    def _is_news(self, places: frozenset[Place]) -> bool:
        """Functions that were counted in vain are counted again ever more rarely."""
        if places != self._counted:
            self._counted = places
            self._idle_rounds = 0
        self._idle_rounds += 1
        rounds = self._idle_rounds
        return rounds & (rounds - 1) == 0 or rounds % RECOUNT_ROUNDS == 0

    def _reaches(self, place: Place, other: Place) -> bool:
        return place.image == other.image and other.name in self.reach(place)

    async def _count(self, places: list[Place]) -> dict[Place, float]:
        """Entries a second, counted for a moment."""
        live = self._live
        entries = {place: entry for place in places if (entry := live.entry(place)) is not None}
        loop = asyncio.get_running_loop()
        statuses = await live.services.count_start(entries.values())
        counting = [place for place, status in zip(entries, statuses, strict=True) if status == 0]
        self._banned.update(entries.keys() - set(counting))
        if not counting:
            return {}
        begin = loop.time()
        await asyncio.sleep(COUNT_S)
        counts = await live.services.count_read(entries[place] for place in counting)
        passed = loop.time() - begin
        await live.services.count_stop(entries[place] for place in counting)
        return {place: count / passed for place, count in zip(counting, counts, strict=True)}
