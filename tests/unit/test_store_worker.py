"""A store that fails costs its server nothing but memory."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, ROOT, Clock, variant

from halojit.store import glance, schema
from halojit.store.errors import StoreError
from halojit.store.store import Store
from halojit.store.worker import LONGEST_PAUSE_S, WAITING_BYTES, StoreWorker


def test_it_answers_as_the_store_does(tmp_path: Path) -> None:
    worker = StoreWorker(lambda: Store.open(str(tmp_path / "s.db")), read_s=60)
    worker.note_program(BUILD, "p", CPU)
    worker.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.5)
    worker.keep_trial(BUILD, CPU, ROOT, RECIPE, "d", EVIDENCE, "won", 0.5)
    worker.quarantine(BUILD, CPU, "e", "it died")
    assert [known.variant for known in worker.best(BUILD, CPU).result()] == [variant()]
    assert [one.digest for one in worker.tried(BUILD, CPU, ROOT).result()] == ["d"]
    assert worker.is_quarantined(BUILD, CPU, "e").result()
    assert [row.executable for row in worker.programs().result()] == ["p"]
    worker.forget_best(BUILD, CPU, ROOT)
    assert worker.best(BUILD, CPU).result() == []
    worker.close()
    assert worker.programs().result() == []


def test_what_waits_is_written_before_the_end(tmp_path: Path) -> None:
    worker = StoreWorker(lambda: Store.open(str(tmp_path / "s.db")), read_s=60)
    for index in range(50):
        worker.note_program(str(index), "p", CPU)
    worker.close(60)
    store = Store.open(str(tmp_path / "s.db"))
    assert len(store.programs()) == 50
    store.close()


def test_a_store_that_comes_back_is_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "halo")
    clock = Clock()
    opened: list[bool] = []

    def open_store() -> Store:
        opened.append(is_there)
        if not is_there:
            raise StoreError("the store is away")
        return Store.open(str(tmp_path / "s.db"))

    is_there = False
    worker = StoreWorker(open_store, read_s=60, clock=clock)
    for _ in range(20):
        worker.note_program(BUILD, "p", CPU).result()
    assert worker.best(BUILD, CPU).result() == []
    assert not worker.is_quarantined(BUILD, CPU, "d").result()
    assert len(opened) == 1
    for _ in range(20):
        clock.now += LONGEST_PAUSE_S
        assert worker.programs().result() == []
    assert len(opened) == 21
    is_there = True
    clock.now += LONGEST_PAUSE_S
    worker.note_program(BUILD, "p", CPU)
    assert len(worker.programs().result()) == 1
    worker.close()
    assert [record.message for record in caplog.records] == [
        "the store is away (Halo goes on without memory)",
        "the store works again",
    ]


def test_writes_that_pile_up_are_dropped(tmp_path: Path) -> None:
    gate = threading.Event()

    def open_store() -> Store:
        gate.wait()
        return Store.open(str(tmp_path / "s.db"))

    worker = StoreWorker(open_store, read_s=60)
    large = variant(bytes(WAITING_BYTES // 4))
    kept = [
        worker.keep_variant(BUILD, CPU, str(n), KEYS, RECIPE, large, None, 0.1) for n in range(6)
    ]
    assert [future.done() for future in kept] == [False] * 3 + [True] * 3
    gate.set()
    assert len(worker.best(BUILD, CPU).result()) == 3
    worker.keep_variant(BUILD, CPU, "again", KEYS, RECIPE, large, None, 0.1)
    assert len(worker.best(BUILD, CPU).result()) == 4
    worker.close()


def test_a_call_that_makes_no_sense_is_no_fault_of_the_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = StoreWorker(lambda: Store.open(str(tmp_path / "s.db")), read_s=60)
    for _ in range(2):
        worker.keep_trial(BUILD, CPU, ROOT, RECIPE, "", None, "won", float("nan")).result()
    worker.note_program(BUILD, "p", CPU)
    assert len(worker.programs().result()) == 1
    worker.close()
    assert len(caplog.records) == 1
    assert "a gain of nan" in caplog.text


def test_who_only_waits_loads_no_database(tmp_path: Path) -> None:
    script = "import sys, halojit.store.worker; print('sqlalchemy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"
    worker = StoreWorker.open(str(tmp_path / "s.db"))
    worker.note_program(BUILD, "p", CPU).result()
    worker.close(60)
    store = Store.open(str(tmp_path / "s.db"))
    assert len(store.programs()) == 1
    store.close()


GLANCE = """
import sys
from halojit.store.worker import StoreWorker
worker = StoreWorker.open(sys.argv[1])
print(len(worker.best(sys.argv[2], sys.argv[3]).result()), "sqlalchemy" in sys.modules)
if len(sys.argv) > 4:
    worker.programs().result()
worker.close(60)
"""


@pytest.mark.parametrize("others", [[], ["asks for more"]])
def test_what_is_best_is_told_before_a_database_is_loaded(
    tmp_path: Path, others: list[str]
) -> None:
    path = str(tmp_path / "s.db")
    store = Store.open(path, clock=lambda: 1e9)
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.5)
    store.close()
    command = [sys.executable, "-c", GLANCE, path, BUILD, CPU, *others]
    assert subprocess.check_output(command, text=True) == "1 False\n"
    with closing(sqlite3.connect(path)) as reader:
        ((used,),) = reader.execute("SELECT used FROM halo_object").fetchall()
    assert used > 1e9


DAMAGES = [
    "UPDATE halo_schema SET version = version + 1",
    "UPDATE halo_variant SET gain = gain + 1",
    "UPDATE halo_object SET data = x'00'",
    "PRAGMA foreign_keys = OFF; DELETE FROM halo_object",
    "UPDATE halo_region SET root = '\\x'",
    "DROP TABLE halo_quarantine",
    "DELETE FROM halo_schema",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_glance_leaves_what_is_unusual_to_the_store(tmp_path: Path, damage: str) -> None:
    path = str(tmp_path / "s.db")
    assert glance.best(Path(path), BUILD, CPU) is None
    store = Store.open(path)
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.5)
    store.close()
    assert glance.best(Path(path), BUILD, CPU) is not None
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript(damage)
    assert glance.best(Path(path), BUILD, CPU) is None


def test_a_glance_trusts_no_file_that_others_may_write(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Store.open(str(path)).close()
    assert glance.best(path, BUILD, CPU) == glance.Glance([], [])
    path.chmod(0o622)
    assert glance.best(path, BUILD, CPU) is None


def test_a_glance_reads_the_version_that_a_store_makes() -> None:
    assert len(schema.STEPS) == glance.VERSION


def test_a_store_that_nobody_asks_is_opened_all_the_same(tmp_path: Path) -> None:
    is_opened = threading.Event()

    def open_store() -> Store:
        is_opened.set()
        return Store.open(str(tmp_path / "s.db"))

    worker = StoreWorker(open_store, open_s=0.01)
    assert is_opened.wait(30)
    worker.close()


def test_a_store_that_failed_is_not_glanced_at(tmp_path: Path) -> None:
    """What could not be put into quarantine must not come back from there."""
    path = tmp_path / "s.db"
    store = Store.open(str(path))
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.5)
    store.close()

    def open_store() -> Store:
        raise StoreError("the store is away")

    worker = StoreWorker(open_store, look=lambda build, cpu: glance.best(path, build, cpu))
    assert len(worker.best(BUILD, CPU).result()) == 1
    worker.quarantine(BUILD, CPU, variant().digest, "it died").result()
    assert worker.best(BUILD, CPU).result() == []
    worker.close()


def test_what_a_glance_cannot_do_the_store_does(tmp_path: Path) -> None:
    def look(build: str, cpu: str) -> glance.Glance | None:
        raise RuntimeError(build)

    worker = StoreWorker(lambda: Store.open(str(tmp_path / "s.db")), look=look, read_s=60)
    worker.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(), EVIDENCE, 0.5).result()
    worker.close()
    worker = StoreWorker(lambda: Store.open(str(tmp_path / "s.db")), look=look, read_s=60)
    assert len(worker.best(BUILD, CPU).result()) == 1
    worker.close()
