"""What a store remembers, in SQLite and in PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from harness.store import BUILD, CPU, DAY, EVIDENCE, KEYS, RECIPE, ROOT, Clock, recipe, variant

from halojit.store import file, glance
from halojit.store.rows import Known
from halojit.store.store import Store


@pytest.fixture(autouse=True)
def _glances(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a store answers is what a glance at its file shows."""
    ask = Store.best

    def best(self: Store, build: str, cpu: str) -> list[Known]:
        known = ask(self, build, cpu)
        if (path := file.path_of(url)) is not None:
            seen = glance.best(path, build, cpu)
            assert seen is not None and seen.known == known
        return known

    monkeypatch.setattr(Store, "best", best)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    store = Store.open(url, limit_bytes=1 << 20, clock=clock)
    yield store
    store.close()


def keep(store: Store, data: bytes, gain: float, root: str = ROOT, build: str = BUILD) -> None:
    store.keep_variant(build, CPU, root, KEYS, RECIPE, variant(data), EVIDENCE, gain)


def best(store: Store, build: str = BUILD) -> list[bytes]:
    return [known.variant.data for known in store.best(build, CPU)]


def test_what_was_kept_comes_back(store: Store, url: str, clock: Clock) -> None:
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.25)
    store.close()
    again = Store.open(url, clock=clock)
    (known,) = again.best(BUILD, CPU)
    again.close()
    assert (known.root, known.root_keys, known.recipe) == (ROOT, KEYS, RECIPE)
    assert (known.variant, known.evidence, known.gain) == (variant(), EVIDENCE, 0.25)


def test_the_sign_of_zero_matters_not(store: Store) -> None:
    keep(store, b"x", -0.0)
    store.keep_trial(BUILD, CPU, ROOT, RECIPE, "d", None, "tied", -0.0)
    assert best(store) == [b"x"]
    assert len(store.tried(BUILD, CPU, ROOT)) == 1


def test_builds_and_processors_are_apart(store: Store) -> None:
    keep(store, b"x", 0.1)
    assert best(store, "other") == []
    assert store.best(BUILD, "other") == []


def test_the_best_is_what_gained_most(store: Store) -> None:
    keep(store, b"good", 0.2)
    keep(store, b"better", 0.3)
    keep(store, b"fair", 0.1)
    keep(store, b"elsewhere", 0.05, root="g")
    assert best(store) == [b"better", b"elsewhere"]
    keep(store, b"better", 0.15)
    assert best(store) == [b"good", b"elsewhere"]


def test_a_loss_is_never_deployed(store: Store) -> None:
    keep(store, b"loss", -0.1)
    assert best(store) == []


def test_nothing_is_best_after_a_change_of_phase(store: Store) -> None:
    keep(store, b"old", 0.5)
    keep(store, b"elsewhere", 0.1, root="g")
    store.forget_best(BUILD, CPU, ROOT)
    assert best(store) == [b"elsewhere"]
    keep(store, b"new", 0.1)
    assert best(store) == [b"new", b"elsewhere"]


def test_what_is_quarantined_stays_away(store: Store) -> None:
    bad, good = variant(b"bad"), variant(b"good")
    keep(store, b"bad", 0.5)
    keep(store, b"good", 0.1)
    for one in (bad, good):
        store.keep_trial(BUILD, CPU, ROOT, RECIPE, one.digest, EVIDENCE, "won", 0.1)
    store.quarantine(BUILD, CPU, bad.digest, "SIGSEGV in \x00\udcff")
    store.quarantine(BUILD, CPU, bad.digest, "again")
    assert best(store) == [b"good"]
    assert [one.digest for one in store.tried(BUILD, CPU, ROOT)] == [good.digest]
    keep(store, b"bad", 0.9)
    assert best(store) == [b"good"]
    assert store.is_quarantined(BUILD, CPU, bad.digest)
    assert not store.is_quarantined(BUILD, CPU, good.digest)
    assert not store.is_quarantined("other", CPU, bad.digest)
    keep(store, b"bad", 0.5, build="other")
    assert best(store, "other") == [b"bad"]


def test_what_was_tried_comes_back_the_latest_first(store: Store, clock: Clock) -> None:
    store.keep_trial(BUILD, CPU, ROOT, recipe(128), "d1", EVIDENCE, "won", 0.2)
    clock.now += 1
    store.keep_trial(BUILD, CPU, ROOT, recipe(512), "", None, "failed", 0.0)
    store.keep_trial(BUILD, CPU, "g", recipe(512), "d1", None, "lost", -0.5)
    found = store.tried(BUILD, CPU, ROOT)
    assert [(one.recipe, one.gain, one.decision) for one in found] == [
        (recipe(512), 0.0, "failed"),
        (recipe(128), 0.2, "won"),
    ]
    assert [one.when for one in found] == [clock.now, clock.now - 1]
    assert [(one.digest, one.evidence) for one in found] == [("", None), ("d1", EVIDENCE)]
    assert store.tried(BUILD, CPU, "h") == []
    assert store.has_tried(BUILD, CPU)
    assert not store.has_tried(BUILD, "another")


@pytest.mark.parametrize("gain", [math.nan, math.inf])
def test_a_gain_is_a_number(store: Store, gain: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        keep(store, b"x", gain)
    with pytest.raises(ValueError, match="must be finite"):
        store.keep_trial(BUILD, CPU, ROOT, RECIPE, "", None, "won", gain)


def test_programs_are_listed(store: Store, clock: Clock) -> None:
    store.note_program(BUILD, "/bin/\udcff\x00né", CPU)
    keep(store, b"x", 0.5)
    store.keep_trial(BUILD, CPU, ROOT, RECIPE, "", None, "lost", 0.0)
    store.keep_trial(BUILD, CPU, "g", RECIPE, "", None, "lost", 0.0)
    clock.now += 5
    store.note_program("other", "/bin/other", CPU)
    other, first = store.programs()
    assert (other.build, other.executable, other.seen, other.regions) == (
        "other",
        "/bin/other",
        clock.now,
        (),
    )
    assert (first.build, first.cpu, first.executable) == (BUILD, CPU, "/bin/\udcff\x00né")
    assert [(one.root, one.gain, one.trials) for one in first.regions] == [
        (ROOT, 0.5, 1),
        ("g", None, 1),
    ]


def test_long_and_strange_names(store: Store) -> None:
    root = "_Z" + "x" * 100_000 + "\x00\udc80\\\"'"
    keep(store, b"x", 0.5, root=root)
    (known,) = store.best(BUILD, CPU)
    assert known.root == root


def test_the_least_recently_used_objects_make_room(store: Store, clock: Clock) -> None:
    size = 220 << 10
    for name in "abc":
        keep(store, name.encode() * size, 0.1, root=name)
    clock.now += 1
    keep(store, b"u" * size, 0.1, root="u", build="unused")
    store.keep_trial("unused", CPU, "u", RECIPE, "", EVIDENCE, "won", 0.1)
    clock.now += 2 * 3600
    assert len(best(store)) == 3
    keep(store, b"d" * size, 0.1, root="d")
    assert [data[:1] for data in best(store)] == [b"a", b"b", b"c", b"d"]
    assert best(store, "unused") == []
    assert len(store.tried("unused", CPU, "u")) == 1


def test_an_object_larger_than_the_store_is_not_kept(store: Store) -> None:
    keep(store, bytes(2 << 20), 0.1)
    assert best(store) == []


def test_what_is_not_used_expires(store: Store, clock: Clock) -> None:
    keep(store, b"x", 0.1)
    store.keep_trial(BUILD, CPU, ROOT, RECIPE, "", EVIDENCE, "won", 0.1)
    store.keep_trial("unused", CPU, ROOT, RECIPE, "", EVIDENCE, "won", 0.1)
    clock.now += 100 * DAY
    assert best(store) == [b"x"]
    store.note_program(BUILD, "p", CPU)
    clock.now += 100 * DAY
    store.trim()
    assert [row.build for row in store.programs()] == [BUILD]
    assert best(store) == [b"x"]
    assert store.tried(BUILD, CPU, ROOT) == []
    clock.now += 200 * DAY
    store.trim()
    assert store.programs() == []
    assert best(store) == []


def test_the_oldest_of_very_many_trials_go(url: str, clock: Clock) -> None:
    store = Store.open(url, limit_bytes=40 << 10, clock=clock)
    for index in range(100):
        store.keep_trial(BUILD, CPU, ROOT, RECIPE, str(index), None, "lost", 0.0)
    store.trim()
    found = [one.digest for one in store.tried(BUILD, CPU, ROOT)]
    store.close()
    assert found == [str(index) for index in reversed(range(90, 100))]
