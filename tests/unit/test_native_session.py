"""Sessions with a real executor of LLVM's on the other end."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

import ctypes
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from native_kit import PATIENCE_S, Answers, build, image

from halojit._native import DisconnectedError, LinkError, Session

EXECUTOR = "/usr/lib/llvm-22/bin/llvm-jitlink-executor"
MEMORY = "__llvm_orc_SimpleExecutorMemoryManager_Instance"
RUN_INT = "__llvm_orc_bootstrap_run_as_int_function_wrapper"
RUN_VOID = "__llvm_orc_bootstrap_run_as_void_function_wrapper"


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
