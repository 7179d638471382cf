"""Worker processes behind `concurrent.futures.Executor`.

`ProcessPoolExecutor` is broken as a whole when one worker dies; compilers do die. Here a worker
that crashes, is killed, or exceeds its time costs its one job, and is replaced at once, so that the
next job finds LLVM loaded. One thread a worker waits for it. `Section` arguments are sent to a
worker once; a job goes to a worker that has its section already, if one is idle.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from halojit.build.section import Section

P = ParamSpec("P")
T = TypeVar("T")

SECTIONS_PER_WORKER = 4
START_LIMIT_S = 60.0


class WorkerDied(RuntimeError):
    """The job's worker crashed, was killed, or took too long; says which."""


class _Pickler(pickle.Pickler):
    """Leaves sections out of a job and names them by digest."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.sections: dict[str, Section] = {}

    def persistent_id(self, obj: Any) -> str | None:
        if isinstance(obj, Section):
            self.sections[obj.digest] = obj
            return obj.digest
        return None


@dataclass(eq=False)
class _Job:
    payload: bytes
    sections: dict[str, Section]
    future: Future[Any]


class _Worker:
    """One worker process and the pool's end of its socket. Used by one thread."""

    def __init__(self, memory_bytes: int) -> None:
        self.sections: OrderedDict[str, None] = OrderedDict()
        ours, theirs = socket.socketpair()
        self._complaints = os.memfd_create("halo-worker")
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "halojit.build.worker",
                    str(theirs.fileno()),
                    str(memory_bytes),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> None:
        self._answer(START_LIMIT_S)

    def run(self, job: _Job, time_limit_s: float) -> tuple[str, Any]:
        added = [s for digest, s in job.sections.items() if digest not in self.sections]
        for digest in job.sections:
            self.sections[digest] = None
            self.sections.move_to_end(digest)
        dropped = []
        while len(self.sections) > max(SECTIONS_PER_WORKER, len(job.sections)):
            dropped.append(self.sections.popitem(last=False)[0])
        try:
            self._connection.send_bytes(pickle.dumps((added, dropped)))
            self._connection.send_bytes(job.payload)
        except OSError:
            raise WorkerDied(self._last_words()) from None
        outcome: tuple[str, Any] = pickle.loads(self._answer(time_limit_s))
        return outcome

    def _answer(self, time_limit_s: float) -> bytes:
        try:
            if not self._connection.poll(time_limit_s):
                self.kill()
                raise WorkerDied(
                    f"the compiler was stopped after its time limit of {time_limit_s:g} s"
                )
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDied(self._last_words()) from None

    def _last_words(self) -> str:
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        said = ""
        with contextlib.suppress(OSError):
            text = os.pread(self._complaints, 1 << 16, 0).decode(errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            pick = [line for line in lines if "error" in line.lower()] or lines
            said = f": {pick[0][:200]}" if pick else ""
        return f"the compiler ended with {how}{said}"

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.wait()
        self._connection.close()
        os.close(self._complaints)


class WorkerPool(Executor):
    """`workers` processes with `memory_bytes` of address space each (0: no limit)."""

    def __init__(self, workers: int, memory_bytes: int = 0, time_limit_s: float = 60.0) -> None:
        self._memory_bytes = memory_bytes
        self._time_limit_s = time_limit_s
        self._changed = threading.Condition()
        self._pending: deque[_Job] = deque()
        self._idle: set[_Worker] = set()
        self._is_shut = False
        self._workers: set[_Worker] = {_Worker(memory_bytes) for _ in range(workers)}
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name="halo-build", daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs `fn`, a module's function, in a worker."""
        file = io.BytesIO()
        pickler = _Pickler(file)
        pickler.dump((fn, args, kwargs))
        future: Future[T] = Future()
        with self._changed:
            if self._is_shut:
                raise RuntimeError("the worker pool is shut down")
            self._pending.append(_Job(file.getvalue(), pickler.sections, future))
            self._changed.notify_all()
        return future

    @property
    def pids(self) -> list[int]:
        """Of the workers, as they are now."""
        with self._changed:
            return [worker.pid for worker in self._workers]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers; jobs that have not begun are cancelled if asked, else run first."""
        with self._changed:
            self._is_shut = True
            while cancel_futures and self._pending:
                self._pending.popleft().future.cancel()
            running = self._workers - self._idle if cancel_futures else set()
            self._changed.notify_all()
        for worker in running:
            worker.kill()
        if wait:
            for thread in self._threads:
                thread.join()

    def _take(self, worker: _Worker) -> _Job | None:
        """Waits for a job that this worker should do; None at shutdown."""

        def find() -> _Job | None:
            for job in self._pending:
                if job.sections.keys() <= worker.sections.keys():
                    return job
            for job in self._pending:
                wanted = job.sections.keys()
                if not any(wanted <= other.sections.keys() for other in self._idle):
                    return job
            return None

        with self._changed:
            self._idle.add(worker)
            while True:
                job = find()
                if job is not None:
                    self._pending.remove(job)
                    self._idle.discard(worker)
                    if job.future.set_running_or_notify_cancel():
                        return job
                    self._idle.add(worker)
                elif self._is_shut:
                    return None
                else:
                    self._changed.wait()

    def _replace(self, worker: _Worker) -> _Worker:
        worker.close()
        fresh = _Worker(self._memory_bytes)
        with self._changed:
            self._workers.discard(worker)
            self._idle.discard(worker)
            self._workers.add(fresh)
        return fresh

    def _work(self, worker: _Worker) -> None:
        is_ready = False
        while (job := self._take(worker)) is not None:
            try:
                if not is_ready:
                    worker.wait_ready()
                    is_ready = True
                kind, value = worker.run(job, self._time_limit_s)
            except BaseException as error:
                job.future.set_exception(error)
                if self._is_shut:
                    break
                worker, is_ready = self._replace(worker), False
                continue
            if kind == "value":
                job.future.set_result(value)
            else:
                job.future.set_exception(value)
        worker.close()
        with self._changed:
            self._workers.discard(worker)
            self._idle.discard(worker)
            # Jobs that only this worker would have taken are for the others now.
            if not self._workers:
                while self._pending:
                    self._pending.popleft().future.cancel()
            self._changed.notify_all()
