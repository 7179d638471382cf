"""Builds kept for the length of a test session, shared by the workers of pytest-xdist.

In: a key and a function that fills an empty directory. Out: the directory, filled exactly once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path


class BuildCache:
    """Directories by key. Any process of the session; a lock file each keeps them apart."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def directory(self, key: str, fill: Callable[[Path], None]) -> Path:
        """The directory of `key`. A fill that raises leaves nothing behind."""
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        path = self._root / name
        with (self._root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                fresh = self._root / f"{name}.new"
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir()
                fill(fresh)
                fresh.rename(path)
        return path
