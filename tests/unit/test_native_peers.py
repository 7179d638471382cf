"""Sessions with peers that are no executors: strangers, liars, and those that leave."""

# Quoted programs keep their own line lengths.

import contextlib
import gc
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from native_kit import PATIENCE_S, Answers, build, image

from halojit._native import DisconnectedError, LinkError, LLVMError, Session


def message(opcode: int, sequence: int, tag: int, payload: bytes) -> bytes:
    return struct.pack("<QQQQ", 32 + len(payload), opcode, sequence, tag) + payload


def greeting(symbols: dict[str, int], page: int = 4096) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    listed = b"".join(text(name) + struct.pack("<Q", value) for name, value in symbols.items())
    head = text("x86_64-unknown-linux-gnu") + struct.pack("<QQQ", page, 0, len(symbols))
    return message(0, 0, 0, head + listed)


Connect = Callable[..., tuple[Session, socket.socket]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens a session to a peer that is played by the test."""
    with contextlib.ExitStack() as peers:

        def one(first: bytes, closed: Any = None) -> tuple[Session, socket.socket]:
            ours, theirs = socket.socketpair()
            peers.enter_context(theirs)
            theirs.settimeout(PATIENCE_S)
            theirs.sendall(first)
            return Session(ours.detach(), closed or Answers()), theirs

        yield one


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", "bytes"),
        (struct.pack("<QQQQ", 31, 0, 0, 0), "31 bytes"),
        (struct.pack("<QQQQ", 1 << 60, 0, 0, 0), "bytes"),
        (message(3, 1, 1, b""), "introduce"),
        (message(2, 0, 0, b""), "introduce"),
        (message(9, 0, 0, b""), "unknown message"),
        (message(0, 1, 0, b""), "introduce"),
        (message(0, 0, 0, b"\xff" * 64), "first message"),
        (message(0, 0, 0, b""), "first message"),
        (greeting({})[:-8] + struct.pack("<Q", 1 << 60), "first message"),
        (greeting({}, page=1000), "page size"),
        (message(1, 0, 0, b"\1" + struct.pack("<Q", 8) + b"too busy"), "too busy"),
    ],
)
def test_a_peer_that_is_no_executor(connect: Connect, first: bytes, reason: str) -> None:
    with pytest.raises(LLVMError, match=reason):
        connect(first)


def test_a_peer_that_hangs_up_at_once() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(LLVMError, match="hung up"):
        Session(ours.detach(), Answers())


def test_a_greeting_cut_short_anywhere() -> None:
    whole = greeting({"a": 1, "b": 2})
    for length in range(1, len(whole), 7):
        ours, theirs = socket.socketpair()
        theirs.sendall(whole[:length])
        theirs.close()
        with pytest.raises(LLVMError, match="hung up"):
            Session(ours.detach(), Answers())


def test_only_sockets() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(LLVMError, match="socket"):
        Session(reading, Answers())
    with pytest.raises(LLVMError):
        Session(-1, Answers())


def test_a_peer_needs_no_services(connect: Connect) -> None:
    session, peer = connect(greeting({"only": 7}))
    assert session.symbols == {"only": 7}
    with pytest.raises(LinkError, match="memory"):
        session.link(build(image("int f(void) { return 1; }"), "f").data, {}, 0, Answers())
    peer.close()


def test_calls_in_both_directions(connect: Connect) -> None:
    session, peer = connect(greeting({"tag": 0x1234}))
    seen: list[bytes] = []

    def serve(arguments: bytes) -> bytes:
        seen.append(arguments)
        return arguments[::-1]

    session.on_call("tag", serve)
    peer.sendall(message(3, 77, 0x1234, b"0123456789"))
    assert read_message(peer) == (2, 77, 0, b"9876543210")
    assert seen == [b"0123456789"]
    answers = Answers()
    session.call(0x42, b"question", answers)
    opcode, sequence, tag, payload = read_message(peer)
    assert (opcode, tag, payload) == (3, 0x42, b"question")
    peer.sendall(message(2, sequence, 0, b"answer"))
    assert answers.get() == (b"answer", "")
    with pytest.raises(LLVMError, match="nothing"):
        session.on_call("nothing", serve)
    session.close()


def read_message(peer: socket.socket) -> tuple[int, int, int, bytes]:
    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = peer.recv(size - len(data))
            assert part
            data += part
        return data

    size, opcode, sequence, tag = struct.unpack("<QQQQ", exactly(32))
    return opcode, sequence, tag, exactly(size - 32)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_handler_that_fails_is_an_empty_answer(connect: Connect) -> None:
    session, peer = connect(greeting({"tag": 1}))
    session.on_call("tag", lambda arguments: 1 // 0)  # type: ignore[arg-type, return-value]
    peer.sendall(message(3, 5, 1, b"x"))
    assert read_message(peer) == (2, 5, 0, b"")
    session.close()


@pytest.mark.parametrize(
    "second",
    [
        greeting({}),
        message(2, 12345, 0, b"for nobody"),
        message(4, 0, 0, b""),
        struct.pack("<QQQQ", 0, 2, 0, 0),
    ],
)
def test_nonsense_later_ends_the_session(connect: Connect, second: bytes) -> None:
    closed = Answers()
    session, peer = connect(greeting({}) + second, closed)
    (reason,) = closed.get()
    assert reason not in ("", "closed")
    with pytest.raises(DisconnectedError):
        session.call(1, b"", Answers())
    peer.close()


def test_both_ends_may_have_much_to_say_at_once(connect: Connect) -> None:
    # Neither reads before it has written: with blocking writes this is for ever.
    session, peer = connect(greeting({"tag": 1}))
    big = bytes(4 << 20)
    session.on_call("tag", lambda arguments: arguments)
    answers = Answers()
    session.call(0x10, big, answers)
    peer.sendall(message(3, 9, 1, big))
    first = read_message(peer)
    second = read_message(peer)
    calls = {m[0]: m for m in (first, second)}
    assert calls[2][1:] == (9, 0, big)
    peer.sendall(message(2, calls[3][1], 0, b"ok"))
    assert answers.get() == (b"ok", "")
    session.close()


def test_descriptors_are_given_back() -> None:
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    gc.collect()
    before = count()
    for first in [greeting({}), b"x" * 64] * 5:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(LLVMError):
            theirs.sendall(first)
            Session(ours.detach(), Answers()).close()
    gc.collect()
    assert count() == before


def test_an_interpreter_may_exit_with_open_sessions() -> None:
    script = f"""
import socket, sys
from halojit._native import Session
ours, theirs = socket.socketpair()
theirs.sendall({greeting({"tag": 1})!r})
session = Session(ours.detach(), lambda reason: print("ended:", reason))
session.call(1, b"", lambda result, reason: print("answered:", reason))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout == "answered: closed\nended: closed\n"
