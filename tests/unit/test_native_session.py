"""Sessions: a real executor of LLVM's on the other end, and peers that are none."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

import contextlib
import ctypes
import gc
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from native_kit import build, image

from halojit._native import DisconnectedError, LinkError, LLVMError, Session

EXECUTOR = "/usr/lib/llvm-22/bin/llvm-jitlink-executor"
MEMORY = "__llvm_orc_SimpleExecutorMemoryManager_Instance"
RUN_INT = "__llvm_orc_bootstrap_run_as_int_function_wrapper"
RUN_VOID = "__llvm_orc_bootstrap_run_as_void_function_wrapper"
PATIENCE_S = 30


class Answers:
    """A `done` callback that can be waited for."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, *values: Any) -> None:
        self.queue.put(values)

    def get(self) -> tuple[Any, ...]:
        return self.queue.get(timeout=PATIENCE_S)

    def is_empty(self) -> bool:
        return self.queue.empty()


class Executor:
    """An executor process with a session to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        command = [EXECUTOR, f"filedescs={number},{number}"]
        self.process = subprocess.Popen(command, pass_fds=[number], stderr=subprocess.DEVNULL)
        theirs.close()
        self.closed = Answers()
        self.session = Session(ours.detach(), self.closed)
        self.symbols = self.session.symbols

    def call(self, name: str, arguments: bytes) -> tuple[bytes | None, str]:
        answers = Answers()
        self.session.call(self.symbols[name], arguments, answers)
        result, reason = answers.get()
        return result, reason

    def link(self, data: bytes, given: dict[str, int] | None = None, **more: Any) -> Any:
        answers = Answers()
        self.session.link(data, given or {}, self.symbols[MEMORY], answers, **more)
        return answers.get()

    def run(self, address: int, argument: int) -> int:
        result, reason = self.call(RUN_INT, struct.pack("<Qi", address, argument))
        assert result is not None, reason
        return struct.unpack("<i", result)[0]

    def resolve(self, *names: str) -> dict[str, int]:
        def text(value: str) -> bytes:
            return struct.pack("<Q", len(value)) + value.encode()

        opening = struct.pack("<Q", self.symbols["__llvm_orc_SimpleExecutorDylibManager_Instance"])
        opened, _ = self.call(
            "__llvm_orc_SimpleExecutorDylibManager_open_wrapper", opening + text("") + bytes(8)
        )
        assert opened is not None
        request = (
            opened[1:9] + struct.pack("<Q", len(names)) + b"".join(text(n) + b"\1" for n in names)
        )
        found, _ = self.call("__llvm_orc_SimpleExecutorDylibManager_resolve_wrapper", request)
        assert found is not None
        return {n: struct.unpack_from("<Q", found, 10 + 11 * i)[0] for i, n in enumerate(names)}

    def end(self) -> None:
        self.session.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def executor() -> Iterator[Executor]:
    one = Executor()
    yield one
    one.end()


def test_what_the_peer_says_of_itself(executor: Executor) -> None:
    assert executor.session.triple.startswith("x86_64")
    assert executor.session.page_bytes == os.sysconf("SC_PAGESIZE")
    assert executor.symbols[MEMORY] != 0


def test_a_variant_is_linked_and_called(executor: Executor) -> None:
    built = build(image("int f(int x) { return 3 * x; }"), "f")
    linked, reason = executor.link(built.data)
    assert reason == ""
    address, size = linked["f.halo"]
    assert size > 0
    assert linked["f.halo.control"][0] % 64 == 0
    assert executor.run(address, 14) == 42


def test_each_link_has_a_scope_of_its_own(executor: Executor) -> None:
    of = image("extern int n; int f(int x) { return n + x; }")
    built = build(of, "f", gate=False)
    cells = [
        executor.link(
            build(image(f"int n = {v}; int *at(void) {{ return &n; }}"), "at", gate=False).data
        )
        for v in (1, 2)
    ]
    assert all(reason == "" or "n" in reason for _, reason in cells)
    memory = [
        executor.link(build(image("int g(int x) { return x; }"), "g", gate=False).data)[0][
            "g.halo"
        ][0]
        for _ in range(2)
    ]
    for address in memory:
        expected = int.from_bytes(peek(executor, address), "little", signed=True) + 5
        linked, reason = executor.link(built.data, {"n": address})
        assert reason == ""
        assert executor.run(linked["f.halo"][0], 5) == ctypes.c_int32(expected).value


def peek(executor: Executor, address: int) -> bytes:
    result, _ = executor.call(
        "__llvm_orc_bootstrap_mem_read_uint32s_wrapper", struct.pack("<QQ", 1, address)
    )
    assert result is not None
    return result[8:12]


def test_what_is_missing_is_named(executor: Executor) -> None:
    built = build(image("int missing(int); int f(int x) { return missing(x) + 1; }"), "f")
    linked, reason = executor.link(built.data)
    assert linked is None
    assert "missing" in reason
    linked, reason = executor.link(build(image("int f(void) { return 1; }"), "f").data)
    assert reason == ""


def test_what_is_out_of_reach_is_an_error(executor: Executor) -> None:
    built = build(image("int n = 1; int f(int x) { return n + x; }"), "f")
    linked, reason = executor.link(built.data, {"n": 0x10})
    assert linked is None
    assert "range" in reason


def test_functions_of_libraries_may_be_far_away(executor: Executor) -> None:
    built = build(
        image("int abs(int); int f(int x) { return abs(x) + (abs != 0); }", flags=["-fno-builtin"]),
        "f",
    )
    linked, reason = executor.link(built.data, executor.resolve(*built.needs))
    assert reason == ""
    assert executor.run(linked["f.halo"][0], -41) == 42


def test_exceptions_find_their_tables(executor: Executor) -> None:
    source = 'extern "C" int f(int x) { try { if (x) throw x; } catch (int y) { return y * 2; } return 0; }'
    built = build(image(source, language="c++"), "f")
    linked, reason = executor.link(built.data, executor.resolve(*built.needs))
    assert reason == ""
    assert executor.run(linked["f.halo"][0], 21) == 42


@pytest.mark.parametrize("data", [b"", b"not an object", b"\x7fELF" + bytes(200)])
def test_an_object_that_is_none(executor: Executor, data: bytes) -> None:
    with pytest.raises(LinkError):
        executor.session.link(data, {}, executor.symbols[MEMORY], Answers())


def test_a_damaged_object_is_an_error(executor: Executor) -> None:
    data = build(image("int f(int x) { return 3 * x; }"), "f").data
    for length in range(64, len(data), 97):
        answers = Answers()
        try:
            executor.session.link(data[:length], {}, executor.symbols[MEMORY], answers)
        except LinkError:
            continue
        linked, reason = answers.get()
        assert linked is None
        assert reason


def test_debugging_registers_the_object(executor: Executor) -> None:
    built = build(image("int f(int x) { return x; }"), "f")
    before = debug_entries(executor)
    linked, reason = executor.link(built.data, debug=True)
    assert reason == ""
    assert executor.run(linked["f.halo"][0], 7) == 7
    assert debug_entries(executor) != before


def debug_entries(executor: Executor) -> bytes:
    descriptor = executor.resolve("__jit_debug_descriptor")["__jit_debug_descriptor"]
    request = struct.pack("<QQ", 1, descriptor + 16)  # first_entry
    result, _ = executor.call("__llvm_orc_bootstrap_mem_read_uint64s_wrapper", request)
    assert result is not None
    return result[8:]


def test_many_links_at_once(executor: Executor) -> None:
    built = [build(image(f"int f(int x) {{ return x + {n}; }}"), "f", level=1) for n in range(8)]
    answers = [Answers() for _ in range(64)]

    def link(first: int) -> None:
        for n in range(first, 64, 4):
            executor.session.link(built[n % 8].data, {}, executor.symbols[MEMORY], answers[n])

    threads = [threading.Thread(target=link, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    for n, answer in enumerate(answers):
        linked, reason = answer.get()
        assert reason == ""
        assert executor.run(linked["f.halo"][0], 1) == 1 + n % 8


def test_a_peer_killed_in_the_middle(executor: Executor) -> None:
    spin, reason = executor.link(
        build(
            image("void pause_(void); int f(int x) { volatile int n = 1; while (n) ; return x; }"),
            "f",
        ).data
    )
    assert reason == ""
    running, later = Answers(), Answers()
    executor.session.call(
        executor.symbols[RUN_INT], struct.pack("<Qi", spin["f.halo"][0], 1), running
    )
    executor.session.link(
        build(image("int g(void) { return 1; }"), "g").data, {}, executor.symbols[MEMORY], later
    )
    executor.process.send_signal(signal.SIGKILL)
    result, reason = running.get()
    assert result is None
    assert reason
    later.get()  # with or without success, but exactly once
    (why,) = executor.closed.get()
    assert why
    assert executor.closed.is_empty()
    with pytest.raises(DisconnectedError):
        executor.session.call(executor.symbols[RUN_INT], bytes(12), Answers())
    with pytest.raises(DisconnectedError):
        executor.session.link(b"", {}, 0, Answers())


def test_closing_is_idempotent_and_answers_everyone(executor: Executor) -> None:
    answers = [Answers() for _ in range(20)]
    for answer in answers:
        executor.session.call(
            executor.symbols[RUN_VOID],
            struct.pack("<Q", executor.resolve("sched_yield")["sched_yield"]),
            answer,
        )
    executor.session.close()
    executor.session.close()
    assert all(len(answer.get()) == 2 for answer in answers)
    assert executor.closed.get() == ("closed",)


def test_a_callback_may_close_and_drop_its_session() -> None:
    one = Executor()
    done = threading.Event()

    def last(result: bytes | None, reason: str) -> None:
        one.session.close()
        del one.session
        done.set()

    one.session.call(
        one.symbols[RUN_VOID], struct.pack("<Q", one.resolve("sched_yield")["sched_yield"]), last
    )
    assert done.wait(PATIENCE_S)
    assert one.closed.get() == ("closed",)
    one.process.kill()
    one.process.wait()


# --- peers that are no executors ----------------------------------------------------------------


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
