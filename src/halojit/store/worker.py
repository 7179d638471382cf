"""The store for those who must not wait for a disk: its calls, made one after another on a thread.

In: the calls of a Store. Out: futures that never fail, and reads that end in time: while the store
does not work, reads answer with nothing and writes are dropped. Each reason is logged once. A store
that failed is opened anew after a pause that grows, so one that comes back is used again, and one
that does not costs nothing.

The thread is a daemon, and no executor's: a disk or a database that hangs must not keep the server
from ending.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from halojit.model.evidence import Evidence
from halojit.model.function import Key
from halojit.model.region import Recipe, Variant
from halojit.store import file, glance
from halojit.store.errors import StoreError
from halojit.store.glance import Glance
from halojit.store.rows import Known, ProgramRow, Tried

if TYPE_CHECKING:
    # It loads SQLAlchemy: a quarter of a second (November 2026) that nobody need wait for.
    from halojit.store.store import Store

    Look = Callable[[str, str], Glance | None]

log = logging.getLogger("halo")

T = TypeVar("T")

READ_S = 5.0
"""Who asks goes on without an answer after that long."""
PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
WAITING_BYTES = 64 << 20
OPEN_S = 1.0
"""A store that nobody needs is opened after that long: whoever started the server is to learn soon
what is wrong with it."""
CALL_BYTES = 4096
"""What a waiting call is taken to weigh, beside its object."""


class StoreWorker:
    """Any thread may call it; nothing waits but `close`."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        look: Look = lambda build, cpu: None,
        open_s: float = OPEN_S,
        read_s: float = READ_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_store` is called on the worker's thread when it is needed, or `open_s` later, and
        again after failures. Before the first time `look` is asked what is best."""
        self._open_store = open_store
        self._look = look
        self._open_s = open_s
        self._read_s = read_s
        self._clock = clock
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._is_closed = False
        self._hangs = threading.Event()
        # Of the worker's thread alone:
        self._store: Store | None = None
        self._used: set[str] = set()
        self._pause_s = PAUSE_S
        self._retry_at = -float("inf")
        self._is_opened = False
        self._has_failed = False
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="halo-store", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, url: str, *, limit_bytes: int = 1 << 30, expiry_days: float = 180) -> StoreWorker:
        """As of Store, but at once, and whatever may be wrong with it. An SQLite file tells what is
        best before all of the store is loaded."""

        def open_store() -> Store:
            from halojit.store.store import Store

            return Store.open(url, limit_bytes=limit_bytes, expiry_days=expiry_days)

        path = file.path_of(url)
        if path is None:
            return cls(open_store, open_s=0.0)
        return cls(open_store, look=lambda build, cpu: glance.best(path, build, cpu))

    def close(self, limit_s: float = 5.0) -> None:
        """Ends when what waits is written, or the time is up; later calls are dropped."""
        with self._lock:
            self._is_closed = True
            self._calls.put(None)
        self._thread.join(limit_s)
        if self._thread.is_alive():
            log.warning("the store does not answer: what waited for it is lost")

    def best(self, build: str, cpu: str) -> Future[list[Known]]:
        """As of Store."""
        return self._read(
            lambda store: store.best(build, cpu), list, lambda: self._glance(build, cpu)
        )

    def tried(self, build: str, cpu: str, root: str) -> Future[list[Tried]]:
        """As of Store."""
        return self._read(lambda store: store.tried(build, cpu, root), list)

    def has_tried(self, build: str, cpu: str) -> Future[bool]:
        """As of Store; no, if it cannot be told."""
        return self._read(lambda store: store.has_tried(build, cpu), bool)

    def is_quarantined(self, build: str, cpu: str, digest: str) -> Future[bool]:
        """As of Store; no, if it cannot be told."""
        return self._read(lambda store: store.is_quarantined(build, cpu, digest), bool)

    def programs(self) -> Future[list[ProgramRow]]:
        """As of Store."""
        return self._read(lambda store: store.programs(), list)

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
        return self._write(
            lambda store: store.keep_variant(
                build, cpu, root, root_keys, recipe, variant, evidence, gain
            ),
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
        return self._write(
            lambda store: store.keep_trial(
                build, cpu, root, recipe, digest, evidence, decision, gain
            )
        )

    def forget_best(self, build: str, cpu: str, root: str) -> Future[None]:
        """As of Store."""
        return self._write(lambda store: store.forget_best(build, cpu, root))

    def quarantine(self, build: str, cpu: str, digest: str, reason: str) -> Future[None]:
        """As of Store."""
        return self._write(lambda store: store.quarantine(build, cpu, digest, reason))

    def note_program(self, build: str, executable: str, cpu: str) -> Future[None]:
        """As of Store."""
        return self._write(lambda store: store.note_program(build, executable, cpu))

    def _write(self, call: Callable[[Store], None], size: int = 0) -> Future[None]:
        return self._submit(call, lambda: None, CALL_BYTES + size)

    def _glance(self, build: str, cpu: str) -> list[Known] | None:
        """None: ask the store. One that was opened is asked, even if it failed since."""
        if self._is_opened:
            return None
        try:
            found = self._look(build, cpu)
        except Exception:
            log.debug("no glance at the store", exc_info=True)
            return None
        if found is None:
            return None
        self._used.update(found.used)
        return found.known

    def _read(
        self,
        call: Callable[[Store], T],
        nothing: Callable[[], T],
        first: Callable[[], T | None] = lambda: None,
    ) -> Future[T]:
        answer = self._submit(call, nothing, CALL_BYTES, first)
        if self._hangs.is_set():
            _answer(answer, nothing())
        if not answer.done():
            timer = threading.Timer(self._read_s, self._give_up, (answer, nothing()))
            timer.daemon = True
            timer.start()
            answer.add_done_callback(lambda _: timer.cancel())
        return answer

    def _give_up(self, answer: Future[T], nothing: T) -> None:
        """Others do not wait as long, until a call has ended."""
        _answer(answer, nothing)
        if not self._hangs.is_set():
            self._hangs.set()
            log.warning("the store does not answer (Halo goes on without memory)")

    def _submit(
        self,
        call: Callable[[Store], T],
        nothing: Callable[[], T],
        weight: int,
        first: Callable[[], T | None] = lambda: None,
    ) -> Future[T]:
        answer: Future[T] = Future()

        def work() -> None:
            _answer(answer, self._try(call, nothing, first))
            self._hangs.clear()
            with self._lock:
                self._waiting_bytes -= weight

        with self._lock:
            if not self._is_closed and self._waiting_bytes + weight <= WAITING_BYTES:
                self._waiting_bytes += weight
                self._calls.put(work)
                return answer
        answer.set_result(nothing())
        return answer

    def _work(self) -> None:
        while (call := self._next()) is not None:
            call()
        if self._used and not self._is_opened:
            self._try(lambda store: None, lambda: None)
        self._close()

    def _next(self) -> Callable[[], None] | None:
        """None: the end."""
        if not self._is_opened:
            try:
                return self._calls.get(timeout=self._open_s)
            except Empty:
                self._try(lambda store: None, lambda: None)
        return self._calls.get()

    def _try(
        self,
        call: Callable[[Store], T],
        nothing: Callable[[], T],
        first: Callable[[], T | None] = lambda: None,
    ) -> T:
        """`first` may answer in place of the store."""
        try:
            if (found := first()) is not None:
                return found
            if self._store is None:
                if self._clock() < self._retry_at:
                    return nothing()
                self._is_opened = True
                self._store = self._open_store()
                if self._used:
                    self._store.note_used(list(self._used))
                    self._used.clear()
            result = call(self._store)
            self._works()
            return result
        except StoreError as error:
            self._fails(error)
        except Exception as error:
            # The caller's mistake, or ours: the store itself may be well.
            self._tell(f"the store refused a call: {error!r}", error)
        return nothing()

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
            with suppress(StoreError):
                store.close()


def _answer(future: Future[T], result: T) -> None:
    """Unless it has been answered or cancelled."""
    with suppress(InvalidStateError):
        future.set_result(result)
