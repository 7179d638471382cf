"""Where Halo's files are: the installed native parts, the server's sockets, the user's files.

The only module that knows directory layouts. In: the environment. Out: paths; nothing is created.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DEFAULT_PORT = 29000


def library_dir() -> Path:
    """The pass plugin and the runtime's objects."""
    return PACKAGE / "lib"


def command_dir() -> Path:
    """Native commands."""
    return PACKAGE / "bin"


def socket_dir() -> Path:
    """The directory of the user's server socket: the runtime computes the same."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "halo"
    return Path(f"/tmp/halo-{os.getuid()}")


def socket_path() -> Path:
    """Where the user's server listens by default."""
    return socket_dir() / "server.sock"


def control_path(server: Path | None = None) -> Path:
    """Where the server that listens at this Unix socket takes commands."""
    path = server or socket_path()
    return path.with_name(f"{path.name}.control")


def store_path() -> Path:
    """What was learned on this machine."""
    return _state_dir() / "store.sqlite"


def repl_history_path() -> Path:
    """What was typed at the console of halo-repl."""
    return _state_dir() / "repl_history"


def _state_dir() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "halo"


def cache_dir() -> Path:
    """What can be made anew."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "halo"


def config_path() -> Path:
    """The user's configuration file."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "halo" / "server.toml"
