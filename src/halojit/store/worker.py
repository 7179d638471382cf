"""The store for those who must not wait for a disk: its calls, made one after another on a thread.

In: the calls of a Store. Out: futures that never fail: while the store does not work, reads answer
with nothing and writes are dropped. Each new reason is logged once. A store that failed is opened
anew after a pause that grows, so a database that comes back is used again, and one that does not
costs nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TypeVar

from halojit.model.evidence import Evidence
from halojit.model.function import Key
from halojit.model.region import Recipe, Variant
from halojit.store.database import StoreError
from halojit.store.rows import Known, ProgramRow, Tried
from halojit.store.store import Store

log = logging.getLogger("halo")

T = TypeVar("T")

PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
WAITING_BYTES = 64 << 20
CALL_BYTES = 4096
"""What a waiting call is taken to weigh, beside its object."""


class StoreWorker:
    """Any thread may call it; nothing waits but `close`."""

    def __init__(
        self, open_store: Callable[[], Store], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`open_store` is called on the worker's thread, at once, and again after failures."""
        self._open_store = open_store
        self._clock = clock
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="halo-store")
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._is_closed = False
        # Of the worker's thread alone:
        self._store: Store | None = None
        self._pause_s = PAUSE_S
        self._retry_at = -float("inf")
        self._has_failed = False
        self._told: set[str] = set()
        self._submit(lambda store: None, lambda: None)

    def close(self, limit_s: float = 5.0) -> None:
        """Ends after what waits has been written; what takes longer is dropped."""
        with self._lock:
            self._is_closed = True
            last = self._executor.submit(self._close)
        wait_for([last], limit_s)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def best(self, build: str, cpu: str) -> Future[list[Known]]:
        """As of Store."""
        return self._submit(lambda store: store.best(build, cpu), list)

    def tried(self, build: str, cpu: str, root: str) -> Future[list[Tried]]:
        """As of Store."""
        return self._submit(lambda store: store.tried(build, cpu, root), list)

    def is_quarantined(self, build: str, cpu: str, digest: str) -> Future[bool]:
        """As of Store; no, if it cannot be told."""
        return self._submit(lambda store: store.is_quarantined(build, cpu, digest), bool)

    def programs(self) -> Future[list[ProgramRow]]:
        """As of Store."""
        return self._submit(lambda store: store.programs(), list)

    def keep_variant(
        self,
        build: str,
        cpu: str,
        root: str,
        root_keys: tuple[Key, ...],
        recipe: Recipe,
        variant: Variant,
        evidence: Evidence | None,
        gain: float,
    ) -> Future[None]:
        """As of Store."""
        return self._submit(
            lambda store: store.keep_variant(
                build, cpu, root, root_keys, recipe, variant, evidence, gain
            ),
            _nothing,
            len(variant.data),
        )

    def keep_trial(
        self,
        build: str,
        cpu: str,
        root: str,
        recipe: Recipe,
        digest: str,
        evidence: Evidence | None,
        decision: str,
        gain: float,
    ) -> Future[None]:
        """As of Store."""
        return self._submit(
            lambda store: store.keep_trial(
                build, cpu, root, recipe, digest, evidence, decision, gain
            ),
            _nothing,
        )

    def forget_best(self, build: str, cpu: str, root: str) -> Future[None]:
        """As of Store."""
        return self._submit(lambda store: store.forget_best(build, cpu, root), _nothing)

    def quarantine(self, build: str, cpu: str, digest: str, reason: str) -> Future[None]:
        """As of Store."""
        return self._submit(lambda store: store.quarantine(build, cpu, digest, reason), _nothing)

    def note_program(self, build: str, executable: str, cpu: str) -> Future[None]:
        """As of Store."""
        return self._submit(lambda store: store.note_program(build, executable, cpu), _nothing)

    def _submit(
        self, call: Callable[[Store], T], nothing: Callable[[], T], size: int = 0
    ) -> Future[T]:
        weight = CALL_BYTES + size
        with self._lock:
            if not self._is_closed and self._waiting_bytes + weight <= WAITING_BYTES:
                self._waiting_bytes += weight
                return self._executor.submit(self._run, call, nothing, weight)
        dropped: Future[T] = Future()
        dropped.set_result(nothing())
        return dropped

    def _run(self, call: Callable[[Store], T], nothing: Callable[[], T], weight: int) -> T:
        try:
            if self._store is None:
                if self._clock() < self._retry_at:
                    return nothing()
                self._store = self._open_store()
            result = call(self._store)
            self._works()
            return result
        except StoreError as error:
            self._fails(error)
            return nothing()
        except Exception as error:
            # The caller's mistake, or ours: the store itself may be well.
            self._tell(f"the store refused a call: {error!r}", error)
            return nothing()
        finally:
            with self._lock:
                self._waiting_bytes -= weight

    def _works(self) -> None:
        if self._has_failed:
            self._has_failed = False
            self._pause_s = PAUSE_S
            self._told.clear()
            log.warning("the store works again")

    def _fails(self, error: StoreError) -> None:
        self._close()
        self._retry_at = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._has_failed = True
        self._tell(f"{error} (Halo goes on without memory)")

    def _tell(self, message: str, error: Exception | None = None) -> None:
        if message not in self._told:
            self._told.add(message)
            log.warning("%s", message, exc_info=error)

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except StoreError as error:
                log.debug("%s", error)


def _nothing() -> None:
    return None
