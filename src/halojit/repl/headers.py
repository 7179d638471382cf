"""The header cache: which file holds it, and its making in the background.

In: clang's flags. Out: the path of a precompiled header that fits them, if there is one. The key is
everything that the contents depend on, except that the headers may change: the interpreter refuses
such a file, and it is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
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
    for each in (header, paths.library_dir() / "show.h", paths.command_dir() / "halo-interpreter"):
        try:
            parts.append(str(each.stat().st_mtime_ns))
        except OSError:
            return None
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    return paths.cache_dir() / "headers" / f"{key}.pch"


def make(flags: Sequence[str]) -> None:
    """Begins to write the cache, at low priority, unless somebody does already. It takes some
    seconds, and goes on when this process ends."""
    file = path(flags)
    if file is None:
        return
    # A cache that cannot be written is none.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        _drop_old(file.parent)
        subprocess.run(
            [
                *("setsid", "--fork", "flock", "--nonblock", str(file.with_suffix(".lock"))),
                *("nice", "-n", "10"),
                str(paths.command_dir() / "halo-interpreter"),
                f"--write-headers={paths.library_dir() / 'headers.h'}",
                f"--headers={file}",
                "--",
                *flags,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _drop_old(directory: Path) -> None:
    files = sorted(directory.glob("*.pch"), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in files[KEPT:]:
        with contextlib.suppress(OSError):
            each.unlink()
            each.with_suffix(".lock").unlink()
