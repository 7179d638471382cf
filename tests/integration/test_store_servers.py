"""Several servers with one store, and a database that goes away and comes back."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.postgresql import Postgresql
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, ROOT, Clock, variant

from halojit.store.errors import StoreError
from halojit.store.store import Store
from halojit.store.worker import LONGEST_PAUSE_S, StoreWorker

SERVER = """
import sys
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, recipe, variant
from halojit.store import address
from halojit.store.store import Store
address.BUSY_S = address.STATEMENT_S = 120
number = int(sys.argv[2])
sys.stdin.readline()
store = Store.open(sys.argv[1], limit_bytes=500_000)
for index in range(15):
    new = variant(bytes([index]) * 50_000)
    store.note_program(BUILD, "p", CPU)
    store.keep_variant(BUILD, CPU, str(index % 3), KEYS, recipe(index % 5), new, EVIDENCE, 0.5)
    store.keep_trial(BUILD, CPU, str(number), RECIPE, str(index), EVIDENCE, "won", 0.5)
    store.quarantine(BUILD, CPU, f"{index} of {number}", "it died")
    for known in store.best(BUILD, CPU):
        assert known.variant == variant(known.variant.data)
    store.trim()
store.close()
"""


def test_servers_share_a_store(url: str) -> None:
    """They create it at once, write at once, and trim what the others use."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", SERVER, url, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(3)
    ]
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("go\n")
        server.stdin.flush()
    for server in servers:
        _, errors = server.communicate()
        assert server.returncode == 0, errors
    store = Store.open(url)
    for number in range(3):
        found = [one.digest for one in store.tried(BUILD, CPU, str(number))]
        assert found == [str(index) for index in reversed(range(15))]
        assert all(store.is_quarantined(BUILD, CPU, f"{n} of {number}") for n in range(15))
    assert len(store.best(BUILD, CPU)) == 3
    store.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgresql]:
    """One that a test may stop, if it starts it again."""
    with Postgresql() as server:
        yield server


def keep(store: Store | StoreWorker, data: bytes, gain: float) -> None:
    store.keep_variant(BUILD, CPU, ROOT, KEYS, RECIPE, variant(data), EVIDENCE, gain)


def test_a_database_that_goes_away_and_comes_back(
    server: Postgresql, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "halo")
    url = server.database()
    clock = Clock()
    store = Store.open(url)
    worker = StoreWorker(lambda: Store.open(url), read_s=60, clock=clock)
    keep(store, b"a", 0.1)
    assert len(worker.best(BUILD, CPU).result()) == 1
    server.stop()
    for _ in range(3):
        with pytest.raises(StoreError, match="check that PostgreSQL answers"):
            keep(store, b"b", 0.2)
        with pytest.raises(StoreError, match="check that PostgreSQL answers"):
            store.best(BUILD, CPU)
        keep(worker, b"c", 0.3)
        clock.now += LONGEST_PAUSE_S
        assert worker.best(BUILD, CPU).result() == []
    with pytest.raises(StoreError, match="check that PostgreSQL answers"):
        Store.open(url)
    server.start()
    clock.now += LONGEST_PAUSE_S
    keep(store, b"d", 0.4)
    keep(worker, b"e", 0.5)
    assert [known.variant.data for known in worker.best(BUILD, CPU).result()] == [b"e"]
    assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"e"]
    assert caplog.messages[-1] == "the store works again"
    worker.close()
    store.close()


def test_a_connection_that_is_cut_costs_nothing(server: Postgresql) -> None:
    store = Store.open(server.database())
    keep(store, b"a", 0.1)
    server.stop()
    server.start()
    keep(store, b"b", 0.2)
    assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"b"]
    store.close()


HUNG = """
import sys
from halojit.store.store import Store
from halojit.store.worker import StoreWorker
worker = StoreWorker(lambda: Store.open(sys.argv[1]), read_s=1.0)
worker.note_program("b", "p", "c").result()
print(len(worker.programs().result()), flush=True)
sys.stdin.readline()
print(len(worker.programs().result()), flush=True)
print(len(worker.programs().result()), flush=True)
worker.note_program("b2", "p", "c")
sys.stdin.readline()
worker.close(float(sys.argv[2]))
"""


@pytest.mark.parametrize("resumes", [False, True])
def test_a_database_that_hangs_holds_nobody_up(server: Postgresql, resumes: bool) -> None:
    """Reads end without an answer, and the process that asks can end."""
    url = server.database()
    with subprocess.Popen(
        [sys.executable, "-c", HUNG, url, "30" if resumes else "0.2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        server.pause()
        try:
            process.stdin.write("go\n")
            process.stdin.flush()
            assert [process.stdout.readline() for _ in range(2)] == ["0\n", "0\n"]
            if resumes:
                server.resume()
            _, errors = process.communicate("end\n", timeout=60)
        finally:
            server.resume()
    assert process.returncode == 0, errors
    assert errors.count("the store does not answer (Halo goes on without memory)") == 1
    store = Store.open(url)
    assert len(store.programs()) == (2 if resumes else 1)
    store.close()


def test_a_password_is_told_to_nobody() -> None:
    url = "postgresql://user:secret@/db?host=/nowhere&password=secret&sslpassword=secret"
    with pytest.raises(StoreError, match=r"postgresql.*/nowhere") as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def outer_address() -> str:
    """One that is not the loopback's, if this machine has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("TLS is asked for beyond loopback only: that needs a second address")
        return str(probe.getsockname()[0])


def test_code_travels_under_tls(outer_address: str, tmp_path: Path) -> None:
    """A server that does not prove who it is gives us nothing to run."""
    with Postgresql() as server:
        url = server.serve(outer_address, tmp_path / "root.crt")
        with pytest.raises(StoreError, match="certificate verify failed"):
            Store.open(url)
        with pytest.raises(StoreError, match="in the clear; take sslmode out"):
            Store.open(f"{url}?sslmode=prefer")
        store = Store.open(f"{url}?sslrootcert={tmp_path / 'root.crt'}")
        keep(store, b"x", 0.5)
        assert len(store.best(BUILD, CPU)) == 1
        store.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_databases_of_other_encodings(postgresql: Postgresql, encoding: str) -> None:
    store = Store.open(postgresql.database(encoding))
    store.note_program(BUILD, "/bin/é€\udcff\x00", CPU)
    keep(store, b"\xff\x00", 0.5)
    assert [row.executable for row in store.programs()] == ["/bin/é€\udcff\x00"]
    assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"\xff\x00"]
    store.close()
