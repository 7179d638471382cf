"""A keeper behind a TCP connection: halo-executor listen= (executor/remote.h).

In: HOST:PORT, the worker's standard descriptors. Out: a Keeper. What inputs print is written to
those descriptors, what is typed while one runs is sent to it. Only loopback addresses and peers of
the same user (or root) are talked to: the connection is not encrypted, and each side may run code
in the other's name. Another machine is at the end of a tunnel (ssh -L).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence

from halojit import peers
from halojit.repl.keeper import MESSAGE, Keeper, KeeperGone, Kind

_INPUT, _PING = 8, 9  # enum halo_remote_kind
_OUTPUT, _TAKEN, _PONG = 24, 25, 26
_PIECE_BYTES = 32768
_TOKEN_BYTES = 16

_FRAME = struct.Struct("<4Q")  # struct halo_frame
_SETUP, _HANGUP, _RESULT, _CALL = range(4)
_FRAME_LIMIT_BYTES = 1 << 20

_GREETING_LIMIT_S = 10.0
_SILENCE_S = 5.0  # then it is asked whether it is there
_SILENCE_LIMIT_S = 20.0
_END_LIMIT_S = 5.0


class RemoteKeeper(Keeper):
    """Connects at once. Raises KeeperGone."""

    def __init__(self, endpoint: str, stdio: tuple[int, int, int] = (0, 1, 2)) -> None:
        self._name = f"the executor at {endpoint}"
        self._address = self._look_up(endpoint)
        self._control = self._connect()
        try:
            self._become_keeper()
        except (OSError, ValueError, struct.error, peers.StrangerError) as error:
            self._control.close()
            why = "it does not answer" if isinstance(error, TimeoutError) else error
            raise KeeperGone(f"{self._name}: {why}") from error
        self._control.settimeout(_SILENCE_LIMIT_S)  # of sending
        self._orders, self._events = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wake, self._waker = socket.socketpair()
        self._stdin, *self._outputs = stdio
        self._is_lent = self._is_input_over = self._is_input_sent = False
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._asked = self._answered = 0  # numbers of pings
        self._why_gone: str | None = None
        self._pump = threading.Thread(target=self._run, name="remote worker", daemon=True)
        self._pump.start()

    # ---- as a Keeper

    def begin(self, kind: Kind, id: int) -> socket.socket:
        """The connection is matched with the order by a token."""
        token = secrets.token_bytes(_TOKEN_BYTES)
        line = self._connect()
        try:
            line.sendall(token)
            line.settimeout(None)
            self._send(kind, id, token)
        except OSError as error:
            line.close()
            raise KeeperGone(self._ending()) from error
        return line

    def order(self, kind: Kind, id: int = 0, sockets: Sequence[socket.socket] = ()) -> None:
        """Descriptors cannot be sent: there must be none."""
        assert not sockets
        try:
            self._send(kind, id)
        except OSError as error:
            raise KeeperGone(self._ending()) from error

    @contextlib.contextmanager
    def lent_input(self) -> Iterator[None]:
        """At the end, what was printed up to now is shown."""
        self._lend(True)
        try:
            yield
        finally:
            self._lend(False)
            self._flush()

    def close(self) -> None:
        """Ends the session there; returns when all it kept is gone, or when that takes too long."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        self._pump.join(_END_LIMIT_S)
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RD)
        self._pump.join()
        for each in (self._control, self._orders, self._wake, self._waker):
            each.close()

    def _ending(self) -> str:
        return f"{self._name} is gone: {self._why_gone or 'the connection is lost'}"

    # ---- connections

    def _look_up(self, endpoint: str) -> tuple[str, int]:
        host, colon, port = endpoint.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
            raise KeeperGone(f"{endpoint}: expected HOST:PORT, as 127.0.0.1:4000")
        host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
        try:
            found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][4]
        except OSError as error:
            raise KeeperGone(f"{endpoint}: {error.strerror}") from error
        if not ipaddress.ip_address(found[0]).is_loopback:
            raise KeeperGone(
                f"{endpoint}: not a loopback address, and the connection would not be encrypted; "
                f"run ssh -L {port}:127.0.0.1:{port} {host} and connect to 127.0.0.1:{port}"
            )
        return str(found[0]), int(port)

    def _connect(self) -> socket.socket:
        try:
            line = socket.create_connection(self._address, _GREETING_LIMIT_S)
        except OSError as error:
            why = error.strerror or error
            raise KeeperGone(
                f"{self._name}: {why}; is there a halo-executor listen=HOST:PORT?"
            ) from error
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def _become_keeper(self) -> None:
        """Asks for halo_keep, is answered and hung up on. Raises ValueError, with the reason."""
        opcode, payload = self._frame()
        if opcode == _HANGUP:
            raise ValueError(_farewell(payload))
        # Accepted by now: only then does the kernel say whose it is.
        peers.check(self._control)
        if opcode != _SETUP:
            raise ValueError("it is no executor: it does not introduce itself")
        tag = _symbols(payload).get("halo_keep")
        if tag is None:
            raise ValueError("it keeps no sessions; start halo-executor listen=HOST:PORT there")
        self._control.sendall(_FRAME.pack(_FRAME.size, _CALL, 1, tag))
        opcode, payload = self._frame()
        if opcode != _RESULT or payload != b"\0":
            raise ValueError(_farewell(payload) or "it keeps no session")
        if self._frame()[0] != _HANGUP:
            raise ValueError("it sends what none sends")

    def _frame(self) -> tuple[int, bytes]:
        size, opcode, _, _ = _FRAME.unpack(self._exactly(_FRAME.size))
        if not _FRAME.size <= size <= _FRAME_LIMIT_BYTES:
            raise ValueError(f"it is no executor: its message has {size} bytes")
        return opcode, self._exactly(size - _FRAME.size)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._control.recv(count - len(data))
            if not piece:
                raise ValueError("it hangs up")
            data += piece
        return data

    def _send(self, kind: int, id: int = 0, data: bytes = b"") -> None:
        with self._sending:
            self._control.sendall(MESSAGE.pack(kind, 0, id, 0, len(data)) + data)

    # ---- what inputs read and print

    def _lend(self, is_lent: bool) -> None:
        self._is_lent = is_lent
        with contextlib.suppress(OSError):  # closed meanwhile
            self._waker.send(b"!")

    def _flush(self) -> None:
        """Waits until what was printed before is here, or the connection is gone."""
        try:
            with self._changed:
                self._asked += 1
                number = self._asked
            self._send(_PING, number)
        except OSError:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= number or self._why_gone)

    # ---- the thread that reads the connection

    def _run(self) -> None:
        try:
            self._read()
        except TimeoutError:
            why = f"no sign of life for {_SILENCE_LIMIT_S:.0f} s"
        except (OSError, ValueError) as error:
            why = str(error)
        with self._changed:
            self._why_gone = why
            self._changed.notify_all()
        self._events.close()

    def _read(self) -> None:
        """Returns by an exception: the connection's end."""
        received = b""
        heard = time.monotonic()
        while True:
            ready = self._wait()
            if self._control.fileno() in ready:
                piece = self._control.recv(1 << 16)
                if not piece:
                    raise ConnectionError("it has hung up")
                heard = time.monotonic()
                received = self._take(received + piece)
            elif time.monotonic() - heard > _SILENCE_LIMIT_S:
                raise TimeoutError
            elif time.monotonic() - heard > _SILENCE_S:
                self._send(_PING)
            if self._wake.fileno() in ready:
                self._wake.recv(64)
            if self._stdin in ready and self._is_lent:
                typed = _read(self._stdin)
                self._is_input_over, self._is_input_sent = not typed, True
                self._send(_INPUT, data=typed)

    def _wait(self) -> set[int]:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        if self._is_lent and not self._is_input_over and not self._is_input_sent:
            poll.register(self._stdin, select.POLLIN)
        return {fd for fd, _ in poll.poll(_SILENCE_S * 1000)}

    def _take(self, received: bytes) -> bytes:
        """Handles whole messages; what is left. Raises ValueError."""
        at = 0
        while len(received) - at >= MESSAGE.size:
            kind, pid, id, status, count = MESSAGE.unpack_from(received, at)
            if count > _PIECE_BYTES:
                raise ValueError(f"it sent a message of {count} bytes, {_PIECE_BYTES} are possible")
            end = at + MESSAGE.size + count
            if end > len(received):
                break
            self._handle(kind, pid, id, status, received[at + MESSAGE.size : end])
            at = end
        return received[at:]

    def _handle(self, kind: int, pid: int, id: int, status: int, data: bytes) -> None:
        if kind == _OUTPUT and status in (1, 2):
            _write(self._outputs[status - 1], data)
        elif kind == _TAKEN:
            self._is_input_sent = False
        elif kind == _PONG:
            with self._changed:
                self._answered = max(self._answered, min(id, self._asked))
                self._changed.notify_all()
        elif kind in _EVENTS and not data:
            self._events.send(MESSAGE.pack(kind, pid, id, status, 0))
        else:
            raise ValueError(f"it sent an event that does not exist ({kind})")


_EVENTS = (Kind.LIVE, Kind.FROZEN, Kind.DIED, Kind.LOST, Kind.FAILED)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _PIECE_BYTES)
    except OSError:  # there is none
        return b""


def _write(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except OSError:  # nobody reads it any more
            return


def _farewell(payload: bytes) -> str:
    """Of an SPSError: why; "": there is no reason."""
    return payload[9:].decode(errors="replace") if payload[:1] == b"\1" else ""


def _symbols(setup: bytes) -> dict[str, int]:
    """What an executor announces. Raises struct.error, UnicodeDecodeError."""
    at = 0

    def number() -> int:
        nonlocal at
        (value,) = struct.unpack_from("<Q", setup, at)
        at += 8
        return int(value)

    def text() -> str:
        nonlocal at
        length = number()
        at += length
        return setup[at - length : at].decode()

    text()  # triple
    number()  # bytes in a page
    for _ in range(number()):
        text(), text()
    return {text(): number() for _ in range(number())}
