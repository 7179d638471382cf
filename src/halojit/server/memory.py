"""What earlier runs of a build have learned, for the strategy: one build on one kind of processor.

In: a store behind its worker, or none. Out: awaitable questions with empty answers when there is no
store or it fails; facts to keep are handed over and not waited for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from halojit.model.function import Key, Place
from halojit.model.region import Recipe
from halojit.server.tryout import Contender, Result

if TYPE_CHECKING:
    from halojit.store.rows import Known
    from halojit.store.worker import StoreWorker


def cpu_name(host: tuple[str, str]) -> str:
    """A processor model with its features: objects are exchanged between equal ones only."""
    cpu, features = host
    return f"{cpu}/{hashlib.blake2b(features.encode(), digest_size=8).hexdigest()}"


KEPT = 3
"""Recipes of an earlier run that are tried again first."""


class Memory:
    """Of one server; `worker` None: nothing is remembered."""

    def __init__(self, worker: StoreWorker | None, host: tuple[str, str], fp: str) -> None:
        self.worker = worker
        self.cpu = cpu_name(host)
        self._licence = f"{fp}/{version('halojit')}"

    def build(self, name: str) -> str:
        """A build, with what else decides whether old objects may be used: how exact results are
        to be, and the version of Halo that made them."""
        return f"{name}/{self._licence}"

    def close(self) -> None:
        """Writes what waits; blocks for a moment."""
        if self.worker is not None:
            self.worker.close()

    async def best(self, build: str) -> list[Known]:
        """What to deploy when a process of this build connects."""
        if self.worker is None:
            return []
        return await asyncio.wrap_future(self.worker.best(self.build(build), self.cpu))

    async def has_tried(self, build: str) -> bool:
        """Has an earlier run explored this build?"""
        if self.worker is None:
            return False
        return await asyncio.wrap_future(self.worker.has_tried(self.build(build), self.cpu))

    def saw(self, build: str, executable: str) -> None:
        """A process of the program is here."""
        if self.worker is not None:
            self.worker.note_program(self.build(build), executable, self.cpu)

    def quarantine(self, build: str, digest: str, reason: str) -> None:
        """A process died in it."""
        if self.worker is not None:
            self.worker.quarantine(self.build(build), self.cpu, digest, reason)

    def region(self, build: str, root: Place, keys: Sequence[Key]) -> RegionMemory:
        """The part about one region."""
        return RegionMemory(self, build, root, tuple(keys))


class RegionMemory:
    """Of one region."""

    def __init__(self, memory: Memory, build: str, root: Place, keys: tuple[Key, ...]) -> None:
        self._memory = memory
        self.build = build
        self._root = root
        self._keys = keys

    async def tried(self) -> list[tuple[Recipe, float]]:
        """Recipes with the logarithm of their speed-up."""
        worker = self._memory.worker
        if worker is None:
            return []
        tried = await asyncio.wrap_future(
            worker.tried(self._memory.build(self.build), self._memory.cpu, self._root.name)
        )
        best = sorted(tried, key=lambda one: -one.gain)[:KEPT]
        return [(one.recipe, one.gain) for one in best if one.gain > 0.0]

    async def is_quarantined(self, digest: str) -> bool:
        """Did a process die in it?"""
        worker = self._memory.worker
        if worker is None:
            return False
        return await asyncio.wrap_future(
            worker.is_quarantined(self._memory.build(self.build), self._memory.cpu, digest)
        )

    def keep(self, challenger: Contender, result: Result, gain: float, is_best: bool) -> None:
        """Remembers a trial, and the object if the entry leads to it from now on."""
        worker = self._memory.worker
        if worker is None or challenger.variant is None:
            return
        place = self._memory.build(self.build), self._memory.cpu, self._root.name
        worker.keep_trial(
            *place,
            challenger.recipe,
            challenger.variant.digest,
            result.evidence,
            result.decision,
            gain,
        )
        if is_best:
            worker.keep_variant(
                *place, self._keys, challenger.recipe, challenger.variant, result.evidence, gain
            )

    def forget(self) -> None:
        """What was the best is not: the next run begins with the original."""
        worker = self._memory.worker
        if worker is not None:
            worker.forget_best(self._memory.build(self.build), self._memory.cpu, self._root.name)
