"""Objects by the digest of what they were built from, in memory.

In: requests. Out: futures of variants: of one that was built, one that is being built, or a new
job of the executor. What failed is remembered too: the compiler would fail again. A job whose
worker died is not, unless it took its time limit twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from concurrent.futures import Executor, Future

from halojit.build.build import build
from halojit.build.pool import WorkerDied
from halojit.build.section import Section
from halojit.model.region import Request, Variant

LIMIT_BYTES = 128 << 20
DEATHS = 2


class Builder:
    """Builds, at most once."""

    def __init__(self, executor: Executor, limit_bytes: int = LIMIT_BYTES) -> None:
        self._executor = executor
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[str, Future[Variant]] = OrderedDict()
        self._deaths: dict[str, int] = {}
        self.hits = 0

    def build(self, section: Section, request: Request) -> Future[Variant]:
        """The variant of the request. Call it from one thread."""
        key = hashlib.blake2b(f"{section.digest}\n{request!r}".encode(), digest_size=16).hexdigest()
        known = self._kept.get(key)
        if known is not None and not self._is_worth_another_try(key, known):
            self.hits += 1
            self._kept.move_to_end(key)
            return known
        future = self._executor.submit(build, section, request)
        self._kept[key] = future
        self._trim()
        return future

    def _is_worth_another_try(self, key: str, known: Future[Variant]) -> bool:
        if not known.done() or not (known.cancelled() or isinstance(known.exception(), WorkerDied)):
            return False
        self._deaths[key] = self._deaths.get(key, 0) + 1
        return self._deaths[key] < DEATHS

    def _trim(self) -> None:
        total = sum(_size(future) for future in self._kept.values())
        while total > self._limit_bytes and len(self._kept) > 1:
            total -= _size(self._kept.popitem(last=False)[1])


def _size(future: Future[Variant]) -> int:
    if not future.done() or future.cancelled() or future.exception() is not None:
        return 1024
    return len(future.result().data) + 1024
