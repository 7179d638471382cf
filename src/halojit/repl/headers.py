"""The header cache: which files hold it, and their making in the background.

In: clang's flags. Out: the path of a precompiled header that fits them, if there is one, and of the
library that holds the code of what it defines. The key is everything that the contents depend on,
except that the headers may change: the interpreter refuses such a file, and it is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from halojit import paths

KEPT = 8
"""Files, for that many sets of flags or versions of Halo; of some 20 MB each."""


def path(flags: Sequence[str]) -> Path | None:
    """Where the cache for these flags is, or would be. None: these flags have none."""
    if any(flag.startswith("-x") or flag == "-include-pch" for flag in flags):
        return None
    header = paths.library_dir() / "headers.h"
    parts = [*flags, str(header)]
    parts_of_it = [paths.library_dir() / name for name in ("headers.h", "instances.h", "show.h")]
    for each in (*parts_of_it, paths.command_dir() / "halo-interpreter"):
        try:
            parts.append(str(each.stat().st_mtime_ns))
        except OSError:
            return None
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    return paths.cache_dir() / "headers" / f"{key}.pch"


def library(cache: Path) -> Path:
    """The code of what the cached headers define: inline functions, instances of templates."""
    return cache.with_suffix(".so")


def note_use(cache: Path) -> None:
    """Those that are used stay: a session may want the code of its cache at any time."""
    with contextlib.suppress(OSError):
        os.utime(cache)


def make(flags: Sequence[str]) -> None:
    """Begins to write the cache, at low priority, unless somebody does already. It takes some
    seconds, and goes on when this process ends."""
    if path(flags):
        subprocess.run(
            ["setsid", "--fork", "nice", "-n", "10", sys.executable, "-m", __name__, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _write(flags: Sequence[str]) -> None:
    """A cache that cannot be written is none."""
    file = path(flags)
    compiler = shutil.which("clang++-22") or shutil.which("/usr/lib/llvm-22/bin/clang++")
    if not file or not compiler:
        return
    directory = file.parent
    directory.mkdir(parents=True, exist_ok=True)
    _drop_old(directory)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with tempfile.TemporaryDirectory(dir=directory) as made:
            header, code = Path(made) / file.name, Path(made) / library(file).name
            interpreter = paths.command_dir() / "halo-interpreter"
            source = paths.library_dir() / "headers.h"
            subprocess.run(
                [interpreter, f"--write-headers={source}", f"--headers={header}", "--", *flags],
                check=True,
            )
            subprocess.run([compiler, "-shared", "-fPIC", header, "-o", code], check=True)
            code.rename(library(file))
            header.rename(file)  # the last: with it the cache is complete


def _drop_old(directory: Path) -> None:
    files = sorted(directory.glob("*.pch"), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in files[KEPT:]:
        with contextlib.suppress(OSError):
            each.unlink()
            library(each).unlink()
            each.with_suffix(".lock").unlink()


if __name__ == "__main__":
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        _write(sys.argv[1:])
