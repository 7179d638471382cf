"""Commands that tell a running server something: one request, one answer.

In: the path of the server's Unix socket, a command. Out: the answer, or a message that says what to
do next. The protocol is that of server/control.py.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

from halojit import paths

ANSWER_LIMIT_S = 15.0


class NoAnswer(RuntimeError):
    """The server cannot be told, or refuses; says why."""


def tell(command: str, server: Path | None) -> dict[str, Any]:
    """The server's answer. Raises NoAnswer."""
    path = server or paths.socket_path()
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(ANSWER_LIMIT_S)
            sock.connect(str(paths.control_path(path)))
            # A server that refuses to listen has said why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(json.dumps({"command": command}).encode() + b"\n")
            with sock.makefile("rb") as file:
                line = file.readline()
    except TimeoutError:
        raise NoAnswer(f"the server at {path} did not answer in {ANSWER_LIMIT_S:g} s") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAnswer(
            f"no server listens at {path}: start haloserver, or say where it is by --socket"
        ) from None
    except OSError as error:
        raise NoAnswer(f"the server at {path} cannot be told: {error.strerror or error}") from None
    try:
        answer = json.loads(line)
    except ValueError:
        raise NoAnswer(f"the server at {path} hung up without an answer") from None
    if not answer.get("ok"):
        raise NoAnswer(str(answer.get("error")))
    return dict(answer)
