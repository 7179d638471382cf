"""What happens to files: permissions, full disks, kills, damage. Nothing but StoreErrors follow."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, ROOT, recipe, variant

from halojit.store import address
from halojit.store.errors import StoreError
from halojit.store.rows import Known
from halojit.store.store import Store

PAGE = 4096


def keep(store: Store, data: bytes, root: str = ROOT, gain: float = 0.5) -> None:
    store.keep_variant(BUILD, CPU, root, KEYS, RECIPE, variant(data), EVIDENCE, gain)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def filled(path: Path, regions: int = 4) -> None:
    store = Store.open(str(path))
    store.note_program(BUILD, "/bin/program", CPU)
    for region in range(regions):
        keep(store, str(region).encode() * 3000, root=f"root{region}")
        store.keep_trial(BUILD, CPU, f"root{region}", recipe(region), "d", EVIDENCE, "won", 0.5)
    store.quarantine(BUILD, CPU, "bad", "it died")
    store.close()


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    store = Store.open(str(path))
    keep(store, b"x")
    assert {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {
        "store.db": 0o600,
        "store.db-wal": 0o600,
        "store.db-shm": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700
    store.close()


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_write_is_refused(path: Path, mode: int) -> None:
    filled(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match=r"others may write it.*chmod go-w"):
        Store.open(str(path))


def test_a_file_of_somebody_else_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    if os.getuid() == 0:
        os.chown(path, 1234, -1)
    with pytest.raises(StoreError, match="belongs to user"):
        Store.open(str(path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/dev/null", "no regular file"),
        ("/proc/self/nothing/store.db", "cannot open the store"),
        ("mysql://host/db", "mysql is not known"),
        ("sqlite:///file:x?mode=ro&uri=true", "URIs"),
        ("postgresql://user:secret@[::1/x", "cannot be read"),
        ("://", "cannot be read"),
    ],
)
def test_what_cannot_be_a_store(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("data", [b"no database" * 1000, b"SQLite format 3\0" + bytes(4080)])
def test_what_is_no_database(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="move the file away"):
        Store.open(str(path))
    assert path.read_bytes() == data


def test_a_locked_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "BUSY_S", 0.05)
    store = Store.open(str(path))
    keep(store, b"x")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked; another process"):
        keep(store, b"y")
    assert len(store.best(BUILD, CPU)) == 1
    second = Store.open(str(path))
    second.close()
    other.execute("ROLLBACK")
    keep(store, b"y", gain=0.9)
    assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"y"]
    other.close()
    store.close()


READER = """
import sys
from halojit.store.store import Store
from halojit.store.errors import StoreError
try:
    store = Store.open(sys.argv[1], clock=lambda: 4e9)
    print(len(store.best("0123abcd", "znver4 fe12")))
    store.note_program("b", "p", "c")
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("directory", [0o755, 0o555])
def test_a_file_that_may_only_be_read(directory: int) -> None:
    """It is remembered from, and nothing is learned; but readers, too, need the directory."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.db"
        filled(path)
        path.chmod(0o444)
        command = [sys.executable, "-c", READER, str(path)]
        if os.getuid() == 0:
            os.chown(name, 65534, 65534)
            ids = ["--reuid=65534", "--regid=65534", "--clear-groups"]
            command = ["setpriv", *ids, *command]
        Path(name).chmod(directory)
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        *counts, error = done.stdout.splitlines()
        assert counts == (["4"] if directory == 0o755 else [])
        assert "readonly database; make it writable" in error
        Path(name).chmod(0o755)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_quota_that_is_used_up(path: Path) -> None:
    store = Store.open(str(path))
    keep(store, b"x")
    with largest_file(256 << 10):
        for _ in range(3):
            with pytest.raises(StoreError, match="choose another --store"):
                keep(store, bytes(500 << 10), root="large")
        assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"x"]
        store.note_program(BUILD, "small", CPU)
    keep(store, bytes(500 << 10), root="large")
    assert len(store.best(BUILD, CPU)) == 2
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a disk is filled for real: a small one must be mounted, which needs root")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


def test_a_disk_that_is_full(small_disk: Path) -> None:
    path = small_disk / "store.db"
    store = Store.open(str(path))
    kept: list[bytes] = []
    with pytest.raises(StoreError, match="full; make room"):
        for index in range(1000):
            data = random.Random(index).randbytes(20_000)
            keep(store, data, root=str(index))
            kept.append(data)
    assert 0 < len(kept) < 30
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
        while file.write(b"x"):
            pass
    for _ in range(3):
        with pytest.raises(StoreError, match="full; make room"):
            keep(store, random.Random(0).randbytes(200_000), root="more")
    assert [known.variant.data for known in store.best(BUILD, CPU)] == kept
    # A second server, on a disk without a free byte.
    try:
        again = Store.open(str(path))
        assert [known.variant.data for known in again.best(BUILD, CPU)] == kept
        again.close()
    except StoreError as error:
        assert "full" in str(error)
    ballast.unlink()
    store.close()
    store = Store.open(str(path))
    assert [known.variant.data for known in store.best(BUILD, CPU)] == kept
    store.close()


WRITER = """
import sys
from harness.store import BUILD, CPU, EVIDENCE, KEYS, RECIPE, variant
from halojit.store.store import Store
import random
store = Store.open(sys.argv[1], limit_bytes=400_000)
print("open", flush=True)
seed = int(sys.argv[2])
for index in range(1_000_000):
    data = random.Random(index).randbytes(50_000)
    store.keep_variant(BUILD, CPU, str(index % 7), KEYS, RECIPE, variant(data), EVIDENCE, index / 7)
    store.keep_trial(BUILD, CPU, "t", RECIPE, str(index), EVIDENCE, "won", 0.5)
    print(index, flush=True)
"""


def test_a_writer_that_is_killed(path: Path) -> None:
    """Whatever it had reported as kept is there, and nothing half."""
    draw = random.Random(1)
    reached = 0
    for round_ in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(round_)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if line != "open\n" and int(line) >= draw.randrange(1, 40):
                    break
            writer.send_signal(signal.SIGKILL)
            last = [line, *writer.stdout][-1]
        assert last != "open\n"
        reached = max(reached, int(last))
        store = Store.open(str(path), limit_bytes=400_000)
        found = store.best(BUILD, CPU)
        assert found
        assert all(
            known.variant.data == random.Random(index_of(known.gain)).randbytes(50_000)
            for known in found
        )
        digests = {one.digest for one in store.tried(BUILD, CPU, "t")}
        assert {str(index) for index in range(int(last) + 1)} <= digests
        store.trim()
        store.close()
        with sqlite3.connect(path) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        raw.close()
    assert reached > 5


def index_of(gain: float) -> int:
    return round(gain * 7)


def use(path: Path) -> int:
    """Everything a server does, once; how many variants it would deploy. All of them are right."""
    store = Store.open(str(path))
    try:
        found = store.best(BUILD, CPU)
        for region in range(4):
            for one in store.tried(BUILD, CPU, f"root{region}"):
                assert (one.recipe, one.decision, one.gain) == (recipe(region), "won", 0.5)
        store.is_quarantined(BUILD, CPU, "bad")
        store.programs()
        keep(store, b"new", root="new")
        store.trim()
        found += store.best(BUILD, CPU)
    finally:
        store.close()
    for known in found:
        data = b"new" if known.root == "new" else known.root[-1:].encode() * 3000
        assert known == Known(known.root, KEYS, RECIPE, variant(data), 0.5, EVIDENCE)
    return len(found)


def test_damage_is_found(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that change anywhere in the file: wrong code is never deployed."""
    caplog.set_level(logging.ERROR)
    filled(path)
    whole = path.read_bytes()
    results = {"used": 0, "refused": 0}
    for seed in range(120):
        draw = random.Random(seed)
        data = bytearray(whole)
        for _ in range(draw.choice([1, 1, 4, 64])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if seed % 10 == 0:
            data = data[: draw.randrange(len(data))]
        if seed % 10 == 1:
            page = draw.randrange(1, len(data) // PAGE) * PAGE
            data[page : page + PAGE] = draw.randbytes(PAGE)
        for left in path.parent.glob("store.db-*"):
            left.unlink()
        path.write_bytes(data)
        try:
            results["used"] += use(path) > 0
        except StoreError:
            results["refused"] += 1
    assert results["used"] > 30
    assert results["refused"] > 10


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE halo_object SET data = zeroblob(3000)",
        "UPDATE halo_object SET data = 1000000000000",
        "UPDATE halo_object SET data = 'text'",
        "UPDATE halo_variant SET text = replace(text, 'memcpy', 'memmov')",
        "UPDATE halo_variant SET text = CAST(x'ff00fe' AS TEXT)",
        "UPDATE halo_variant SET gain = 'much'",
        "UPDATE halo_variant SET evidence = 7",
        "UPDATE halo_variant SET digest = 'd' || digest",
        "UPDATE halo_region SET root = 'other'",
        "UPDATE halo_region SET root = x'00'",
        "UPDATE halo_recipe SET text = replace(text, '256', '512')",
        "UPDATE halo_recipe SET text = '['",
    ],
)
def test_a_damaged_row_is_dropped_with_one_warning(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store.open(str(path))
    keep(store, b"x" * 3000)
    other = sqlite3.connect(path)
    other.execute(damage)
    other.commit()
    other.close()
    assert store.best(BUILD, CPU) == []
    assert store.best(BUILD, CPU) == []
    store.programs()
    assert len(caplog.records) == 1
    assert "is damaged and dropped" in caplog.text
    keep(store, b"x" * 3000)
    assert [known.variant for known in store.best(BUILD, CPU)] == [variant(b"x" * 3000)]
    store.close()


def test_a_file_that_is_deleted(path: Path) -> None:
    store = Store.open(str(path))
    keep(store, b"x")
    for one in path.parent.iterdir():
        one.unlink()
    keep(store, b"y", gain=0.9)
    assert [known.variant.data for known in store.best(BUILD, CPU)] == [b"y"]
    store.close()
    filled(path)
    assert use(path) == 9


def test_the_file_shrinks(path: Path) -> None:
    store = Store.open(str(path), limit_bytes=1 << 20)
    for index in range(40):
        keep(store, bytes([index]) * (200 << 10), root=str(index))
    store.trim()
    store.close()
    assert path.stat().st_size < 3 << 19
