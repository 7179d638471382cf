"""An input whose symbol is in a library that nobody has loaded yet: found, loaded, run.

Each sample has a session of its own. zlib, which LLVM itself needs, is the library. Cold: the
kernel has forgotten what it had read of all libraries that no process has mapped.
"""

from __future__ import annotations

import contextlib
import os
from operator import methodcaller
from pathlib import Path

from bench.repl.entry import seats
from bench.repl.figures import OURS, Figure
from bench.repl.rivals import Place

WARM_GOAL_MS = 20.0
COLD_GOAL_MS = 100.0
TRIPLE = f"{os.uname().machine}-linux-gnu"
DIRECTORIES = (f"/lib/{TRIPLE}", f"/usr/lib/{TRIPLE}", "/lib", "/usr/lib", "/usr/local/lib")
SETUP = ('extern "C" const char *zlibVersion();', "int x = 1;")
USE = "*zlibVersion() == '1'"


def measure_autoload(place: Place, rounds: int) -> list[Figure]:
    """Enter to result. Stock clang-repl has no such thing."""
    warm = Figure("automatic library, warm", WARM_GOAL_MS)
    cold = Figure("automatic library, cold", COLD_GOAL_MS)
    for round in range(rounds):
        for figure in (warm, cold):
            for rival in OURS if round % 2 else reversed(OURS):
                with seats(place, [rival], lambda _: SETUP) as (seat,):
                    seat.begin(round)
                    if figure is cold:
                        forget_libraries()
                    seat.measure(figure, methodcaller("ask", USE, "(bool) true"))
    return [warm, cold]


def forget_libraries() -> None:
    """Takes them out of the page cache."""
    for directory in DIRECTORIES:
        for file in Path(directory).glob("*.so*"):
            with contextlib.suppress(OSError):
                fd = os.open(file, os.O_RDONLY)
                try:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)
