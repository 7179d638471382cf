"""Where inputs run: a process of this machine, or one that is connected to.

In: what a person chose. Out: a keeper of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from halojit import paths
from halojit.repl.keeper import Keeper
from halojit.repl.remote import RemoteKeeper


@dataclass(frozen=True, slots=True)
class Executor:
    """`path`: of a halo-executor; None: ours. `endpoint`: HOST:PORT of one that listens, instead.
    `memory_bytes`: limit of a worker's data; None: a share of the machine's. `orc_runtime`: LLVM's
    liborc_rt for its workers; None: that of this machine's clang."""

    path: Path | None = None
    endpoint: str | None = None
    memory_bytes: int | None = None
    orc_runtime: Path | None = None

    def start(self, stdio: tuple[int, int, int] | None) -> Keeper:
        """`stdio`: the workers' standard descriptors; None: ours. Raises KeeperGone, OSError."""
        if self.endpoint is not None:
            return RemoteKeeper(self.endpoint, stdio or (0, 1, 2))
        path = self.path or paths.command_dir() / "halo-executor"
        memory = [] if self.memory_bytes is None else [f"memory={self.memory_bytes}"]
        return Keeper(lambda fd: [str(path), f"keep={fd}", *memory], stdio or (None, None, None))


OURS = Executor()
"""On this machine, with a share of its memory."""
