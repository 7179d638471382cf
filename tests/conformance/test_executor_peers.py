"""halo-executor and peers that are no controllers: clear messages, no hang, nobody let in."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LIMIT_S = 30
HEADER = struct.Struct("<4Q")
SETUP, HANGUP, RESULT, CALL = range(4)


@contextlib.contextmanager
def listening(executor: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An executor that waits for a controller, and its port."""
    with subprocess.Popen(
        [executor, "listen=127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            found = re.fullmatch(r"Listening at 127\.0\.0\.1:(\d+)\n", line)
            assert found, line
            yield process, int(found[1])
        finally:
            process.kill()


def connect(port: int) -> socket.socket:
    """A connection that fails a test rather than wait for ever."""
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)


def read_exactly(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = peer.recv(count - len(data))
        assert piece, "the executor closed early"
        data += piece
    return data


def read_frame(peer: socket.socket) -> tuple[int, int, int, bytes]:
    """Opcode, sequence number, tag, payload."""
    size, opcode, sequence, tag = HEADER.unpack(read_exactly(peer, HEADER.size))
    return opcode, sequence, tag, read_exactly(peer, size - HEADER.size)


def frame(opcode: int, sequence: int, tag: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(payload), opcode, sequence, tag) + payload


def bootstrap_symbols(payload: bytes) -> dict[str, int]:
    """The symbols of a Setup message."""

    def take_string(at: int) -> tuple[str, int]:
        (length,) = struct.unpack_from("<Q", payload, at)
        return payload[at + 8 : at + 8 + length].decode(), at + 8 + length

    triple, at = take_string(0)
    assert triple.endswith("-unknown-linux-gnu")
    page_bytes, map_count, symbol_count = struct.unpack_from("<3Q", payload, at)
    assert (page_bytes, map_count) == (os.sysconf("SC_PAGE_SIZE"), 0)
    at += 24
    symbols = {}
    for _ in range(symbol_count):
        name, at = take_string(at)
        (symbols[name],) = struct.unpack_from("<Q", payload, at)
        at += 8
    assert at == len(payload)
    return symbols


def greet(peer: socket.socket) -> dict[str, int]:
    """Becomes the controller, by a first call. The bootstrap symbols."""
    symbols = bootstrap_symbols(read_frame(peer)[3])
    read = symbols["__llvm_orc_bootstrap_mem_read_uint64s_wrapper"]
    peer.sendall(frame(CALL, 0, read, bytes(8)))  # no addresses
    assert read_frame(peer) == (RESULT, 0, 0, bytes(8))
    return symbols


def test_setup_offers_what_llvm_22_asks_for(executor: Path) -> None:
    with listening(executor) as (process, port):
        with connect(port) as peer:
            opcode, sequence, tag, payload = read_frame(peer)
        assert (opcode, sequence, tag) == (SETUP, 0, 0)
        manager = [
            f"__llvm_orc_SimpleExecutorMemoryManager_{name}"
            for name in (
                "Instance",
                "reserve_wrapper",
                "initialize_wrapper",
                "deinitialize_wrapper",
                "release_wrapper",
            )
        ]
        dylib = [
            f"__llvm_orc_SimpleExecutorDylibManager_{name}"
            for name in ("Instance", "open_wrapper", "resolve_wrapper")
        ]
        access = [
            f"__llvm_orc_bootstrap_mem_{verb}_{kind}_wrapper"
            for verb in ("read", "write")
            for kind in ("uint8s", "uint16s", "uint32s", "uint64s", "pointers", "buffers")
        ]
        run = [
            f"__llvm_orc_bootstrap_run_as_{kind}_wrapper"
            for kind in ("main", "void_function", "int_function")
        ]
        other = [
            "__llvm_orc_bootstrap_mem_read_strings_wrapper",
            "llvm_orc_registerEHFrameAllocAction",
            "llvm_orc_deregisterEHFrameAllocAction",
            "llvm_orc_registerJITLoaderGDBAllocAction",
            "__llvm_orc_SimpleRemoteEPC_dispatch_ctx",
            "__llvm_orc_SimpleRemoteEPC_dispatch_fn",
            "halo_keep",  # for halo-repl (executor/remote.h)
        ]
        symbols = bootstrap_symbols(payload)
        assert set(symbols) == {*manager, *dylib, *access, *run, *other}
        assert all(symbols.values())
        with connect(port) as peer:  # who asks for nothing does not end it
            greet(peer)
        assert process.wait(LIMIT_S) == 0  # closing between frames is an orderly end


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "size limit"),
        (b"\xff" * 64, "size limit"),
        (HEADER.pack(7, CALL, 0, 0), "shorter than its header"),
        (HEADER.pack(32, 9, 0, 0), "unknown opcode"),
        (HEADER.pack(32, SETUP, 0, 0), "setup message"),
        (HEADER.pack(32, RESULT, 12, 0), "a result for no call"),
        (HEADER.pack(5000, CALL, 0, 0) + b"cut", "closed inside a frame"),
        (b"abc", "closed inside a frame"),
    ],
    ids=["http", "ones", "tiny", "opcode", "setup", "orphan", "cut-payload", "cut-header"],
)
def test_garbage_of_a_controller_ends_it_with_a_reason(
    executor: Path, sent: bytes, reason: str
) -> None:
    with listening(executor) as (process, port):
        with connect(port) as peer:
            greet(peer)
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            _, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1
        assert errors.startswith("halo-executor: ")
        assert reason in errors


def test_bad_arguments_of_a_service_are_answered_not_obeyed(executor: Path) -> None:
    with listening(executor) as (_, port), connect(port) as peer:
        symbols = bootstrap_symbols(read_frame(peer)[3])
        reserve = symbols["__llvm_orc_SimpleExecutorMemoryManager_reserve_wrapper"]
        read = symbols["__llvm_orc_bootstrap_mem_read_uint64s_wrapper"]
        peer.sendall(frame(CALL, 1, reserve, struct.pack("<2Q", 0xBAD, 4096)))
        opcode, sequence, tag, payload = read_frame(peer)
        assert (opcode, sequence, tag, payload[0]) == (RESULT, 1, 0, 0)
        assert b"no such memory arena: 0xbad" in payload
        peer.sendall(frame(CALL, 2, read, struct.pack("<2Q", 1, 8)))  # nothing is mapped at 8
        assert read_frame(peer) == (RESULT, 2, 0, b"")
        peer.sendall(frame(CALL, 3, read, struct.pack("<Q", 2**61)))  # a count that would wrap
        assert read_frame(peer) == (RESULT, 3, 0, b"")


def test_a_write_to_a_bad_address_hangs_up_with_the_reason(executor: Path) -> None:
    with listening(executor) as (process, port), connect(port) as peer:
        symbols = bootstrap_symbols(read_frame(peer)[3])
        write = symbols["__llvm_orc_bootstrap_mem_write_uint64s_wrapper"]
        peer.sendall(frame(CALL, 1, write, struct.pack("<3Q", 1, 8, 7)))
        opcode, _, _, payload = read_frame(peer)
        assert (opcode, payload[0]) == (HANGUP, 1)
        assert b"mem_write_uint64s" in payload
        assert process.wait(LIMIT_S) == 1


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def test_symbols_resolve_and_user_code_may_exit(executor: Path) -> None:
    with listening(executor) as (process, port), connect(port) as peer:
        symbols = bootstrap_symbols(read_frame(peer)[3])
        dylib = "__llvm_orc_SimpleExecutorDylibManager_"
        opening = struct.pack("<Q", symbols[dylib + "Instance"]) + string("") + bytes(8)
        peer.sendall(frame(CALL, 1, symbols[dylib + "open_wrapper"], opening))
        is_value, handle = struct.unpack("<BQ", read_frame(peer)[3])
        assert is_value == 1
        names = ["exit", "halo_has_no_such_symbol", "abs"]
        wanted = struct.pack("<2Q", handle, len(names))
        wanted += b"".join(string(name) + b"\1" for name in names)
        peer.sendall(frame(CALL, 2, symbols[dylib + "resolve_wrapper"], wanted))
        is_value, count, has_exit, exit_address, flags, has_other, has_abs, abs_address, _ = (
            struct.unpack("<BQBQHBBQH", read_frame(peer)[3])
        )
        assert (is_value, count, has_exit, has_other, has_abs) == (1, 3, 1, 0, 1)
        assert flags == 0x0010
        run = symbols["__llvm_orc_bootstrap_run_as_int_function_wrapper"]
        peer.sendall(frame(CALL, 3, run, struct.pack("<Qi", abs_address, -5)))
        assert read_frame(peer) == (RESULT, 3, 0, struct.pack("<i", 5))
        missing = struct.pack("<Q", symbols[dylib + "Instance"]) + string("no-such.so") + bytes(8)
        peer.sendall(frame(CALL, 4, symbols[dylib + "open_wrapper"], missing))
        payload = read_frame(peer)[3]
        assert payload[0] == 0
        assert b"no-such.so" in payload
        peer.sendall(frame(CALL, 5, run, struct.pack("<Qi", exit_address, 37)))
        assert process.wait(LIMIT_S) == 37


def test_a_controller_that_dies_in_mid_message_is_noticed(executor: Path) -> None:
    with listening(executor) as (process, port):
        with connect(port) as peer:
            tag = bootstrap_symbols(read_frame(peer)[3])["halo_keep"]
        code = (
            "import os, socket, struct\n"
            f"s = socket.create_connection(('127.0.0.1', {port}))\n"
            "s.recv(32)\n"
            f"s.sendall(struct.pack('<4Q', 1 << 20, 3, 0, {tag}) + b'x' * 1000)\n"
            "os.kill(os.getpid(), 9)\n"
        )
        subprocess.run([sys.executable, "-c", code], timeout=LIMIT_S)
        _, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1
        assert "failed" in errors or "closed" in errors


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("listen=0.0.0.0:0", "not a loopback address"),
        ("connect=192.0.2.1:29000", "not a loopback address"),
        ("listen=127.0.0.1", "expected listen=HOST:PORT"),
        ("connect=:", "expected connect=HOST:PORT"),
        ("filedescs=3", "expected two descriptor numbers"),
        ("filedescs=700,701", "not open"),
        ("socket=3", "unknown connection"),
    ],
)
def test_bad_command_lines_say_what_is_wrong(executor: Path, argument: str, reason: str) -> None:
    done = subprocess.run([executor, argument], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2
    assert reason in done.stderr


def test_help_is_complete(executor: Path) -> None:
    done = subprocess.run([executor, "--help"], capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    for form in ("filedescs=IN,OUT", "listen=HOST:PORT", "connect=HOST:PORT"):
        assert form in done.stdout


def test_it_connects_to_a_listening_controller(executor: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_S)
        port = server.getsockname()[1]
        with subprocess.Popen([executor, f"connect=127.0.0.1:{port}"]) as process:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(LIMIT_S)
                assert read_frame(peer)[0] == SETUP
                peer.sendall(frame(HANGUP, 0, 0, b"\0"))
                assert process.wait(LIMIT_S) == 0


def test_only_the_same_user_or_root_gets_in(executor: Path) -> None:
    """Root can play another user; anybody else can only see that he himself gets in."""
    with listening(executor) as (process, port):
        if os.geteuid() == 0:
            os.seteuid(65534)
            try:
                stranger = connect(port)
            finally:
                os.seteuid(0)
            with stranger, contextlib.suppress(ConnectionResetError):
                assert stranger.recv(1) == b""
            assert process.stderr
            assert "the peer is user 65534" in process.stderr.readline()
        with connect(port) as peer:
            assert read_frame(peer)[0] == SETUP


def test_it_is_small(executor: Path) -> None:
    assert executor.stat().st_size <= 200_000
    with listening(executor) as (process, _):
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
        assert found
        assert int(found[1]) <= 1024
