"""Objects are built once."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from halojit.build.build import BuildError
from halojit.build.cache import Builder
from halojit.build.pool import WorkerDied
from halojit.build.section import Section
from halojit.model.region import Recipe, Request, Variant


class Desk(Executor):
    """Hands jobs to the test, which says what comes of them."""

    def __init__(self) -> None:
        self.jobs: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append(Future())
        return self.jobs[-1]


SECTION = Section(b"bitcode")


def request(root: str = "f", level: int = 3) -> Request:
    return Request((root,), Recipe("host", "+avx2", level))


def variant(size: int = 10) -> Variant:
    return Variant(bytes(size), "", {}, {}, {})


def test_equal_requests_are_one_job_while_it_runs_and_after() -> None:
    desk = Desk()
    builder = Builder(desk)
    first = builder.build(SECTION, request())
    assert builder.build(SECTION, request()) is first
    desk.jobs[0].set_result(variant())
    assert builder.build(SECTION, request()) is first
    assert builder.build(SECTION, request(level=2)) is not first
    assert builder.build(Section(b"other"), request()) is not first
    assert builder.build(Section(b"bitcode", b"listed"), request()) is not first
    assert builder.build(Section(b"bitcodelisted"), request()) is not first
    assert len(desk.jobs) == 5


def test_a_refusal_of_the_compiler_is_remembered() -> None:
    desk = Desk()
    builder = Builder(desk)
    builder.build(SECTION, request())
    desk.jobs[0].set_exception(BuildError("no"))
    builder.build(SECTION, request())
    assert len(desk.jobs) == 1


def test_a_dead_worker_s_job_is_tried_once_more() -> None:
    desk = Desk()
    builder = Builder(desk)
    for _ in range(4):
        builder.build(SECTION, request())
        if not desk.jobs[-1].done():
            desk.jobs[-1].set_exception(WorkerDied("killed"))
    assert len(desk.jobs) == 2


def test_old_objects_make_room() -> None:
    desk = Desk()
    builder = Builder(desk, limit_bytes=10_000)
    for root in "abc":
        builder.build(SECTION, request(root))
        desk.jobs[-1].set_result(variant(6_000))
    builder.build(SECTION, request("c"))
    assert len(desk.jobs) == 3
    builder.build(SECTION, request("a"))
    assert len(desk.jobs) == 4
