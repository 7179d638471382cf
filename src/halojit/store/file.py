"""An SQLite store's file: who may have it, and how every connection to it is set up."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

PRAGMAS = (
    "foreign_keys = ON",
    "synchronous = NORMAL",
    # No memory map of the file: an I/O error is an error, not a SIGBUS.
    "mmap_size = 0",
    "cell_size_check = ON",
    "trusted_schema = OFF",
    f"journal_size_limit = {16 << 20}",
)


def path_of(store: str) -> Path | None:
    """Where the file is, for a store as users say it; None where it is none, or not to be had by a
    path alone. As SQLAlchemy means it: `a/../b` is `b`, whatever `a` leads to."""
    if "://" in store or store in ("", ":memory:") or store.startswith("file:"):
        return None
    return Path(os.path.abspath(store))  # noqa: PTH100 (as SQLAlchemy does)


def create(path: Path) -> None:
    """If there is none: readable by its owner alone. OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only if it is new: closing a file drops the locks that SQLite holds on it in this process.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def check(path: Path) -> None:
    """OSError unless it is ours alone to write: what is in the store is run."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is no regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise OSError(f"it belongs to user {found.st_uid}, who could put code into your programs")
    if found.st_mode & 0o022:
        raise OSError("others may write it, and could put code into your programs (chmod go-w)")
