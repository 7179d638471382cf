"""Sessions whose inputs run in a halo-executor that listens, and connections that fail."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.processes import no_hang
from harness.tools import Tools

from halojit import paths
from halojit.repl.executor import Executor
from halojit.repl.outcome import Exception_, Frame, Reason, Value
from halojit.repl.session import Session, SessionError

EXECUTOR = paths.command_dir() / "halo-executor"


@contextlib.contextmanager
def listening(*arguments: str) -> Iterator[str]:
    """An executor's HOST:PORT."""
    command = [EXECUTOR, "listen=127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            found = re.fullmatch(r"Listening at (.*)\n", process.stderr.readline())
            assert found
            yield found[1]
        finally:
            process.kill()


class Wire:
    """A proxy in front of an executor, which can be told to misbehave."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.rpartition(":")
        self._target = host, int(port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._wake, self._waker = os.pipe()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []  # front, executor
        self.is_stalled = self._is_over = False
        self.has_workers = True  # if not, their connections are cut once they say something
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def say(self, index: int, data: bytes) -> None:
        """To the front, on its connection `index`, as if the executor had said it."""
        self._pairs[index][0].sendall(data)

    def cut(self, is_for_good: bool) -> None:
        """All connections; for good: there will be no others."""
        if is_for_good:
            self._server.shutdown(socket.SHUT_RDWR)
        for pair in self._pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._is_over = True
        os.write(self._waker, b"!")
        self._thread.join()
        for each in (self._server, *(each for pair in self._pairs for each in pair)):
            each.close()

    def _run(self) -> None:
        others: dict[int, tuple[socket.socket, socket.socket]] = {}
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._is_over:
            for fd, _ in poll.poll():
                if fd == self._server.fileno():
                    try:
                        front, _ = self._server.accept()
                    except OSError:
                        poll.unregister(fd)
                        continue
                    back = socket.create_connection(self._target)
                    self._pairs.append((front, back))
                    for one, other in ((front, back), (back, front)):
                        others[one.fileno()] = one, other
                        poll.register(one, select.POLLIN)
                elif fd in others:
                    one, other = others[fd]
                    data = b""
                    with contextlib.suppress(OSError):
                        data = one.recv(1 << 16)
                        if not self.has_workers and one in [back for _, back in self._pairs[1:]]:
                            one.shutdown(socket.SHUT_RDWR)
                            data = b""
                        if data and not self.is_stalled:
                            other.sendall(data)
                    if not data:
                        poll.unregister(fd)
                        with contextlib.suppress(OSError):
                            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def endpoint() -> Iterator[str]:
    with listening() as endpoint:
        yield endpoint


@pytest.fixture
def wire(endpoint: str) -> Iterator[Wire]:
    wire = Wire(endpoint)
    yield wire
    wire.close()


def session_at(endpoint: str, stdio: tuple[int, int, int] | None = None) -> Session:
    return Session((), stdio, executor=Executor(endpoint=endpoint))


def run(session: Session, *sources: str) -> None:
    for source in sources:
        outcome = session.run(source)
        assert outcome.is_kept and not outcome.diagnostics, outcome


def value(session: Session, source: str) -> str:
    outcome = session.run(source)
    assert outcome.value, outcome
    return outcome.value.text


def test_everything_of_a_session_works_there(endpoint: str) -> None:
    with session_at(endpoint) as session:
        run(session, "#include <map>", "#include <string>", "int x = 6;", "struct P { int a; };")
        assert session.run("x * 7").value == Value("int", "42")
        assert value(session, 'std::map<std::string, int>{{"a", 1}}') == '{ "a": 1 }'
        assert value(session, "P{3}") == "{ .a = 3 }"
        run(session, "x = 7;")
        outcome = session.run("x = 8;\n*(volatile int *)0 = 1;")
        assert outcome.failure and outcome.failure.backtrace[0] == Frame("the input", "input 9", 2)
        assert value(session, "x") == "7"
        assert session.run("throw 5;").exception == Exception_("int", "")
        assert session.run("no_such").failure
        assert session.undo(3) == 3
        assert value(session, "x") == "6"
        session.checkpoint("six")
        run(session, "double y = 1.5;")
        threading.Timer(0.3, session.interrupt).start()
        outcome = session.run("x = 6; for (volatile int i = 0;;) i = i + 1;")
        assert outcome.failure and outcome.failure.reason == Reason.INTERRUPT
        assert value(session, "x + y") == "7.5"
        session.restore("six")
        assert session.run("y").failure


def test_inputs_read_and_print_here(endpoint: str) -> None:
    (ours_in, theirs_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
    with no_hang(60), session_at(endpoint, (ours_in, theirs_out, theirs_out)) as session:
        run(session, "#include <cstdio>", "int n = 0;")
        os.write(theirs_in, b"42 rest\n")
        run(session, 'scanf("%d", &n);')
        run(session, 'printf("got %d\\n", n);')
        # Printed before the answer is here, and before a crash.
        assert os.read(ours_out, 100) == b"got 42\n"
        assert session.run('puts("last words"); __builtin_trap();').failure
        assert os.read(ours_out, 100) == b"last words\n"
        os.close(theirs_in)
        run(session, "while (getchar() != EOF) ++n;")
        assert value(session, "n") == str(42 + len(" rest\n"))
    for each in (ours_in, ours_out, theirs_out):
        os.close(each)


def test_output_without_end_can_be_interrupted(endpoint: str) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    with session_at(endpoint, (nothing, nothing, nothing)) as session:
        run(session, "#include <cstdio>", "int n = 1;")
        threading.Timer(0.5, session.interrupt).start()
        outcome = session.run('n = 2; for (;;) puts("more");')
        assert outcome.failure and outcome.failure.reason == Reason.INTERRUPT
        assert value(session, "n") == "1"
    os.close(nothing)


def test_one_session_after_the_other_and_not_two_at_once(endpoint: str) -> None:
    for _ in range(3):
        with session_at(endpoint) as session:
            run(session, "int x = 1;")
            worker = session.processes()["worker"]
        assert worker and not Path(f"/proc/{worker}").exists()
    with session_at(endpoint), pytest.raises(SessionError, match="has a session already"):
        session_at(endpoint)


CALL = struct.pack("<4Q", 32, 3, 1, 0x1234)


def test_who_is_no_controller_does_not_end_an_executor(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")

    def connected() -> socket.socket:
        return socket.create_connection((host, int(port)), 20)

    with contextlib.ExitStack() as silent:
        for _ in range(2):
            connected().close()
            for said in (
                b"\xff" * 64,
                b"GET / HTTP/1.1\r\nHost: executor\r\n\r\n",
                bytes(40),
                CALL,
            ):
                with connected() as stranger:
                    stranger.sendall(said)
                    with contextlib.suppress(ConnectionResetError):
                        while stranger.recv(1 << 16):
                            pass
            for _ in range(20):
                silent.enter_context(connected()).sendall(b"half a header")
            with session_at(endpoint) as session:
                assert value(session, "6 * 7") == "42"


def test_a_front_that_is_silent_gives_way(endpoint: str, wire: Wire) -> None:
    with session_at(wire.endpoint) as silent:
        worker = silent.processes()["worker"]
        wire.is_stalled = True
        waiting = time.monotonic() + 60
        while True:  # refused while the first front may be there
            try:
                with session_at(endpoint) as session:
                    assert value(session, "1 + 1") == "2"
                break
            except SessionError as error:
                assert "has a session already" in str(error) and time.monotonic() < waiting
        assert not Path(f"/proc/{worker}").exists()


def test_its_keeper_is_killed(endpoint: str) -> None:
    with session_at(endpoint) as session:
        run(session, "#include <csignal>", "#include <unistd.h>", "int x = 1;")
        outcome = session.run("kill(getppid(), SIGKILL); pause();")
        assert outcome.failure and "begins anew" in outcome.failure.text
        assert len(outcome.lost) == 3
        run(session, "int x = 2;")


def test_a_lost_connection_is_told(wire: Wire) -> None:
    with session_at(wire.endpoint) as session:
        run(session, "int x = 1;")
        session.settle()
        wire.cut(is_for_good=False)
        outcome = session.run("x")
        assert outcome.failure and "begins anew" in outcome.failure.text
        assert outcome.lost == ("int x = 1;",)
        run(session, "int x = 2;")
        session.settle()
        wire.cut(is_for_good=True)
        with pytest.raises(SessionError, match="no new session can begin"):
            session.run("x")
        assert session.inputs == ("int x = 2;",)
        with pytest.raises(SessionError):
            session.run("1")
        assert session.complete("x", 1).items == ()


def test_a_connection_that_is_lost_while_a_session_starts(wire: Wire) -> None:
    wire.has_workers = False
    with pytest.raises(SessionError) as error:
        session_at(wire.endpoint)
    assert str(error.value) == "the connection to the worker was lost while the session started"


@pytest.mark.parametrize("data", [b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n" + bytes(40), bytes(64)])
def test_an_executor_that_lies_to_the_compiler(wire: Wire, data: bytes) -> None:
    with session_at(wire.endpoint) as session:
        run(session, "int x = 1;")
        session.settle()
        wire.say(1, data)
        outcome = session.run("x = 2;")
        assert outcome.failure and "of no use" in outcome.failure.text
        assert not outcome.lost
        assert value(session, "x") == "1"


@pytest.mark.parametrize("data", [b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n" + bytes(40)])
def test_an_executor_that_lies_about_its_processes(wire: Wire, data: bytes) -> None:
    with session_at(wire.endpoint) as session:
        run(session, "int x = 1;")
        session.settle()
        wire.say(0, data)
        outcome = session.run("x = 2; for (;;) ;")
        assert outcome.failure and "begins anew" in outcome.failure.text
        assert outcome.lost == ("int x = 1;",)


def test_an_executor_that_stalls(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halojit.repl.remote._SILENCE_S", 0.2)
    monkeypatch.setattr("halojit.repl.remote._SILENCE_LIMIT_S", 0.6)
    monkeypatch.setattr("halojit.repl.remote._GREETING_LIMIT_S", 0.6)
    with session_at(wire.endpoint) as session:
        run(session, "int x = 1;")
        session.settle()
        wire.is_stalled = True
        with pytest.raises(SessionError, match="no sign of life"):
            session.run("x = 2;")
        assert session.inputs == ("int x = 1;",)


def test_limits_that_are_too_small(tools: Tools) -> None:
    for command in (
        [EXECUTOR, "listen=:0", "memory=8191K"],
        [tools.halo_repl, "--memory", "1", "1"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and not done.stdout
        assert f"{command[2]}: expected a size of at least 8M" in done.stderr


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("192.0.2.1:4000", "ssh -L 4000:127.0.0.1:4000 192.0.2.1"),
        ("127.0.0.1", "expected HOST:PORT"),
        ("127.0.0.1:0", "expected HOST:PORT"),
        ("no-such-host.invalid:1", "no-such-host.invalid:1: "),
    ],
)
def test_endpoints_that_are_none(endpoint: str, reason: str) -> None:
    with pytest.raises(SessionError, match=reason):
        session_at(endpoint)


def test_peers_that_are_no_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halojit.repl.remote._GREETING_LIMIT_S", 0.5)
    for said, reason in (
        (b"", "does not answer"),
        (b"HTTP/1.1 400 Bad Request\r\n" + bytes(40), "no executor"),
        (b"\x20" + bytes(7) + b"\x02" + bytes(23), "does not introduce itself"),
    ):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def answer(server: socket.socket = server, said: bytes = said) -> None:
                peer, _ = server.accept()
                with peer, contextlib.suppress(OSError):
                    peer.sendall(said)
                    peer.recv(1)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(SessionError, match=reason):
                session_at(f"127.0.0.1:{port}")
            thread.join()


def test_another_user_is_not_talked_to() -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    command = [EXECUTOR, "listen=127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, user=65534) as process:
        assert process.stderr
        port = process.stderr.readline().strip().rpartition(":")[2]
        with pytest.raises(SessionError, match="it runs as user 65534"):
            session_at(f"127.0.0.1:{port}")
        process.send_signal(signal.SIGKILL)
