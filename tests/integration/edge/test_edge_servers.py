"""Servers that are absent, slow, killed, restarted, of another version, or no Halo servers at all.

Whatever is at the other end, the program prints what its plain build prints and ends as it does.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.program import Program
from harness.run import Outcome, environment, run, without_server
from harness.server import Server
from harness.tools import Tools

PROGRAM = Program("recursion", ("recursion.c",))
MILLISECONDS = "1500"
LONG_MS = "8000"


@pytest.fixture
def plain(compile_program) -> Outcome:
    return run([compile_program(PROGRAM, is_halo=False), "0"])


@pytest.fixture
def halo(compile_program) -> Path:
    return compile_program(PROGRAM, is_halo=True)


def check(outcome: Outcome, plain: Outcome) -> None:
    """Nothing of Halo shows."""
    assert (outcome.stdout, outcome.status, outcome.stderr) == (plain.stdout, plain.status, "")


@contextmanager
def peer(directory: Path, serve: Callable[[socket.socket], None]) -> Iterator[dict[str, str]]:
    """A stranger at a Unix socket, who does `serve` to each connection."""
    address = directory / "stranger.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(address))
    listening.listen()
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)
            try:
                serve(connection)
            except OSError:
                connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield {"HALO_SERVER": f"unix:{address}"}
        assert kept, "the program never connected"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(30)
        for connection in kept:
            connection.close()


def frame(opcode: int, sequence: int, tag: int, payload: bytes = b"", size: int = -1) -> bytes:
    """A frame of LLVM's SimpleRemoteEPC."""
    total = 32 + len(payload) if size < 0 else size
    return struct.pack("<4Q", total, opcode, sequence, tag) + payload


def silent(_: socket.socket) -> None:
    """Accepts, and never says a word."""


def hangs_up(connection: socket.socket) -> None:
    connection.close()


def http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def noise(connection: socket.socket) -> None:
    connection.sendall(random.Random(5).randbytes(1 << 16))


def huge_frame(connection: socket.socket) -> None:
    connection.sendall(frame(3, 1, 0, size=1 << 62))


def tiny_frame(connection: socket.socket) -> None:
    connection.sendall(frame(3, 1, 0, size=3))


def half_frame(connection: socket.socket) -> None:
    connection.sendall(frame(3, 1, 0, b"x" * 100)[:60])
    connection.close()


def unknown_tags(connection: socket.socket) -> None:
    for number in range(200):
        connection.sendall(frame(3, number, 0x1234567 * number, bytes(number)))


def wrong_opcodes(connection: socket.socket) -> None:
    connection.sendall(frame(77, 0, 0, b"another protocol"))


def answers_nobody_asked(connection: socket.socket) -> None:
    for number in range(50):
        connection.sendall(frame(2, number, 0, bytes(8)))


STRANGERS = [
    silent,
    hangs_up,
    http,
    noise,
    huge_frame,
    tiny_frame,
    half_frame,
    unknown_tags,
    wrong_opcodes,
    answers_nobody_asked,
]


@pytest.mark.parametrize("serve", STRANGERS, ids=lambda serve: serve.__name__)
def test_strangers(
    serve: Callable[[socket.socket], None], halo: Path, plain: Outcome, tmp_path: Path
) -> None:
    with peer(tmp_path, serve) as address:
        check(run([halo, "400"], extra=address), plain)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "unix:",
        "unix:" + "x" * 300,
        "unix:/dev/null",
        "127.0.0.1:1",
        "127.0.0.1:99999999",
        "192.0.2.1:29000",
        "no-such-host.invalid:29000",
        ":29000",
        "[::1]:1",
    ],
    ids=lambda address: address[:20] or "empty",
)
def test_addresses_where_nobody_is(
    address: str, halo: Path, plain: Outcome, tmp_path: Path
) -> None:
    extra = {"HALO_SERVER": address, "XDG_RUNTIME_DIR": str(tmp_path)}
    check(run([halo, "100"], extra=extra, limit_s=20), plain)


def test_disabled(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    with Server(tools, tmp_path, "--strategy", "stress") as server:
        check(run([halo, "300"], extra=server.address | {"HALO_DISABLE": "1"}), plain)
        assert server.stop() == 0
    assert "connected" not in server.log


def test_server_killed_at_any_moment(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """kill -9 after so many steps of the story, most of them in the middle of a message."""
    for number, line in enumerate(("listening at", "connected:", "learned", "stress:")):
        with (
            Server(tools, tmp_path / str(number), "--strategy", "stress") as server,
            ThreadPoolExecutor(1) as pool,
        ):
            running = pool.submit(run, [halo, MILLISECONDS], extra=server.address)
            server.wait_for(line)
            server.kill()
            check(running.result(), plain)


def test_server_restarted(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    """The program finds the next server by itself, and is tuned again."""
    with ThreadPoolExecutor(1) as pool:
        first = Server(tools, tmp_path, "--strategy", "stress")
        running = pool.submit(run, [halo, LONG_MS], extra=first.address)
        first.wait_for("stress: ")
        first.kill()
        with Server(tools, tmp_path, "--strategy", "stress") as second:
            second.wait_for("stress: ")
            check(running.result(), plain)
            second.wait_for("ended:")
            assert max(second.swaps()) > 0


def test_server_that_is_stopped_takes_its_leave(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as pool, Server(tools, tmp_path, "--strategy", "stress") as server:
        running = pool.submit(run, [halo, MILLISECONDS], extra=server.address)
        server.wait_for("connected:")
        assert server.stop() == 0
        check(running.result(), plain)


def test_server_that_stops_reading(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """SIGSTOP in mid-work: the program does not wait for it, at its end neither."""
    with ThreadPoolExecutor(1) as pool, Server(tools, tmp_path, "--strategy", "stress") as server:
        running = pool.submit(run, [halo, MILLISECONDS], extra=server.address, limit_s=30)
        server.wait_for("connected:")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            check(running.result(), plain)
        finally:
            os.kill(server.pid, signal.SIGCONT)


def test_two_servers(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    """A program belongs to one of them, each to the one it was told of."""
    with (
        Server(tools, tmp_path / "one", "--strategy", "stress") as one,
        Server(tools, tmp_path / "two", "--strategy", "stress", "--seed", "9") as two,
        ThreadPoolExecutor(4) as pool,
    ):
        runs = [
            pool.submit(run, [halo, MILLISECONDS], extra=server.address)
            for server in (one, two, one, two)
        ]
        for running in runs:
            check(running.result(), plain)
        for server in (one, two):
            server.wait_for("ended:", count=2)
            assert server.log.count("connected:") == 2


def test_program_killed_at_any_moment(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """kill -9 of programs ends their stories; the server goes on with the next program."""
    with Server(tools, tmp_path, "--strategy", "stress") as server:
        for number in range(6):
            victim = subprocess.Popen(
                [halo, LONG_MS],
                env=environment(server.address),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            server.wait_for("connected:", count=number + 1)
            if number % 2:
                server.wait_for("stress: ", count=number // 2 + 1)
            victim.kill()
            victim.wait()
            server.wait_for("ended:", count=number + 1)
        check(run([halo, MILLISECONDS], extra=server.address), plain)
        assert server.stop() == 0
    assert "Traceback" not in server.log


def test_many_short_processes(halo: Path, plain: Outcome, tools: Tools, tmp_path: Path) -> None:
    with Server(tools, tmp_path, "--strategy", "stress") as server, ThreadPoolExecutor(4) as pool:
        for outcome in pool.map(lambda _: run([halo, "5"], extra=server.address), range(120)):
            check(outcome, plain)
        # It is as well as before: a longer process is still served.
        check(run([halo, MILLISECONDS], extra=server.address), plain)
        assert server.stop() == 0
    assert "Traceback" not in server.log
    assert max(server.swaps()) > 0


def test_server_of_another_user_is_refused(
    halo: Path, plain: Outcome, tools: Tools, tmp_path: Path
) -> None:
    """As root: a server that runs as nobody may not hand code to a program of root's. The peer's
    credentials are those of the one who called listen()."""
    address = tmp_path / "other.sock"
    code = (
        "import socket,sys,os\ns=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1])\n"
        "os.chmod(sys.argv[1],0o777);os.setuid(65534);s.listen()\nprint('ready',flush=True)\n"
        "c,_=s.accept();c.settimeout(20)\nprint(len(c.recv(1)),flush=True)\n"
    )
    stranger = subprocess.Popen(
        ["python3", "-c", code, address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert stranger.stdout is not None
    try:
        assert stranger.stdout.readline() == b"ready\n"
        check(run([halo, "500"], extra={"HALO_SERVER": f"unix:{address}"}), plain)
        stranger.kill()
        said = stranger.communicate()[0]
        # It may have been connected to; nothing was ever said to it.
        assert said in (b"", b"0\n")
    finally:
        stranger.kill()
        stranger.wait()


def test_alone_costs_no_wait(halo: Path, plain: Outcome, tmp_path: Path) -> None:
    check(run([halo, "0"], extra=without_server(tmp_path), limit_s=10), plain)
