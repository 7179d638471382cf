"""Where a server listens, and how it tells systemd.

In: addresses, or the descriptors that systemd passes (sd_listen_fds(3)). Out: listening sockets.
The directory of the Unix socket must be the user's own and closed to others, else anybody could
put a server there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

BACKLOG = 512
FIRST_PASSED = 3


class ListenError(RuntimeError):
    """An address cannot be listened at; says which, why, and what to do."""


def unix(path: Path) -> socket.socket:
    """Listens at a path; a socket file that nobody serves any more is replaced."""
    _own_directory(path.parent)
    if len(os.fsencode(path)) > 107:
        raise ListenError(f"{path} is too long for a Unix socket (107 bytes)")
    sock = socket.socket(socket.AF_UNIX)
    try:
        try:
            sock.bind(str(path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if _is_served(path):
                raise ListenError(f"a server listens at {path} already") from None
            path.unlink()
            sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen at {path}: {error.strerror}") from None
    except ListenError:
        sock.close()
        raise
    return sock


def tcp(address: str) -> socket.socket:
    """Listens at HOST:PORT of this machine."""
    host, _, port = address.rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        raise ListenError(
            f"cannot listen at {address}: only 127.0.0.1 is allowed, programs of other machines "
            "would be sent code in the clear"
        )
    if not port.isdecimal() or int(port) > 65535:
        raise ListenError(f"cannot listen at {address}: {port!r} is no port")
    sock = socket.socket(socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", int(port)))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen at {address}: {error.strerror}") from None
    return sock


def passed_by_systemd() -> list[socket.socket]:
    """Sockets that systemd has opened for this process."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = os.environ.get("LISTEN_FDS", "0")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    sockets = []
    for number in range(FIRST_PASSED, FIRST_PASSED + (int(count) if count.isdecimal() else 0)):
        os.set_inheritable(number, False)
        sockets.append(socket.socket(fileno=number))
    return sockets


def notify_systemd(state: str) -> None:
    """Tells the service manager, if there is one: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


def _own_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise ListenError(f"cannot make {path} for the socket: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ListenError(
            f"{path} must be a directory of user {os.getuid()} that is closed to others "
            "(mode 0700); use --socket for another place"
        )


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
