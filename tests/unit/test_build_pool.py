"""Worker processes: what one costs when it dies."""

import math
import operator
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait

import pytest
from native_kit import bitcode, frame, module_of, table

from halojit.build.build import BuildError, build, host, inspect
from halojit.build.pool import WorkerDied, WorkerPool
from halojit.build.section import Section
from halojit.model.region import Recipe, Request


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, memory_bytes=2 << 30, time_limit_s=30)
    yield pool
    pool.shutdown(cancel_futures=True)


def test_jobs_run_in_another_process_that_stays(pool: WorkerPool) -> None:
    first, second = (pool.submit(os.getpid).result() for _ in range(2))
    assert first == second == pool.pids[0]
    assert first != os.getpid()


def test_a_failure_is_the_job_s_own(pool: WorkerPool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.submit(operator.truediv, 1, 0).result()
    assert pool.submit(operator.add, 1, 2).result() == 3


def test_a_crash_costs_one_job(pool: WorkerPool) -> None:
    crashed, fine = pool.submit(os.abort), pool.submit(operator.add, 1, 2)
    with pytest.raises(WorkerDied, match="SIGABRT"):
        crashed.result()
    assert fine.result() == 3


def test_a_killed_worker_is_replaced(pool: WorkerPool) -> None:
    victim = pool.submit(os.getpid).result()
    os.kill(victim, signal.SIGKILL)
    outcomes: list[Future[int]] = [pool.submit(os.getpid) for _ in range(2)]
    wait(outcomes)
    assert isinstance(outcomes[0].exception(), WorkerDied)
    assert outcomes[1].result() != victim


def test_a_job_that_takes_too_long_is_stopped() -> None:
    with WorkerPool(1, time_limit_s=0.2) as pool:
        pool.submit(os.getpid).result()
        with pytest.raises(WorkerDied, match=r"time limit of 0\.2 s"):
            pool.submit(math.factorial, 10**9).result()
        assert pool.submit(operator.add, 1, 2).result() == 3


def test_memory_is_limited(pool: WorkerPool) -> None:
    with pytest.raises(MemoryError):
        pool.submit(bytes, 4 << 30).result()
    assert pool.submit(operator.add, 1, 2).result() == 3


def test_sections_travel_once_and_by_digest(pool: WorkerPool) -> None:
    section = Section(b"not bitcode" * 100_000)
    for _ in range(2):
        with pytest.raises(BuildError):
            pool.submit(inspect, section).result()
    assert pool.submit(operator.attrgetter("digest"), section).result() == section.digest


def test_sections_bring_what_is_listed(pool: WorkerPool) -> None:
    raw = bitcode('const char *f(void) { return "x"; }')
    request = Request(("f",), Recipe(*pool.submit(host).result()))
    unknown = pool.submit(build, Section(frame(raw)), request).result()
    listed = table((module_of(raw)[0], 0))
    known = pool.submit(build, Section(frame(raw), listed), request).result()
    assert unknown.needs == {}
    assert list(known.needs.values()) == [[(module_of(raw)[0], 0)]]


def test_shutting_down_ends_what_runs_and_cancels_what_waits() -> None:
    pool = WorkerPool(1)
    running = pool.submit(time.sleep, 1000)
    waiting = pool.submit(os.getpid)
    pool.submit(os.getpid).cancel()
    while not running.running():
        os.sched_yield()
    pool.shutdown(cancel_futures=True)
    assert isinstance(running.exception(), WorkerDied)
    with pytest.raises(CancelledError):
        waiting.result()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(os.getpid)
