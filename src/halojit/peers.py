"""Who is at the other end of a socket.

A server takes programs of its own user (or root) only: it would parse their bitcode and hand them
code; who connects to an executor hands it code, too. Unix sockets tell the peer's user
(SO_PEERCRED); for loopback TCP the kernel's table of connections does.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path


class StrangerError(RuntimeError):
    """The peer is not to be talked to; says who it is."""


def check(sock: socket.socket) -> str:
    """Names an admissible peer. Raises StrangerError."""
    if sock.family == socket.AF_UNIX:
        pid, uid, _ = struct.unpack(
            "3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        name = f"process {pid}"
    else:
        host, port = sock.getpeername()[:2]
        owner = _tcp_owner(sock)
        name = f"{host}:{port}"
        if owner is None:
            raise StrangerError(f"{name} is refused: the kernel does not say whose it is")
        uid = owner
    if uid not in (os.getuid(), 0):
        raise StrangerError(
            f"{name} is refused: it runs as user {uid}, this process as {os.getuid()}"
        )
    return name


def _tcp_owner(sock: socket.socket) -> int | None:
    """The user who owns the peer's end of a loopback connection."""
    theirs = _spell(*sock.getpeername()[:2])
    ours = _spell(*sock.getsockname()[:2])
    table = "tcp6" if sock.family == socket.AF_INET6 else "tcp"
    for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == theirs and fields[2] == ours:
            return int(fields[7])
    return None


def _spell(host: str, port: int) -> str:
    """An address as /proc/net/tcp spells it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    words = struct.iter_unpack("=I", socket.inet_pton(family, host))
    return "".join(f"{word:08X}" for (word,) in words) + f":{port:04X}"
