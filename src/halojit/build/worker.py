"""A worker process: reads jobs from its socket, runs them, writes back what came of them.

A process of its own because LLVM's options are process-global, and because a crash of the compiler
must cost one job only. It limits its own memory, gives way to the program it works for, and dies
with its pool. Started as `python -m halojit.build.worker DESCRIPTOR MEMORY_BYTES`.

    pool -> worker   pickle of (sections to add, digests to drop), then the job (see pool.py)
    worker -> pool   b"ready" once, then a pickle of ("value", v) or ("error", exception) a job
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import pickle
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from halojit.build.section import Section

PR_SET_PDEATHSIG = 1
NICENESS = 5
"""A quarter of a processor when the program wants all of it: enough for the first patch to come in
time, and hardly felt."""


class _Unpickler(pickle.Unpickler):
    """Puts the worker's own sections where the job names them by digest."""

    def __init__(self, data: bytes, sections: dict[str, Section]) -> None:
        super().__init__(io.BytesIO(data))
        self._sections = sections

    def persistent_load(self, pid: Any) -> Section:
        return self._sections[pid]


def _settle(memory_bytes: int) -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _run(job: bytes, sections: dict[str, Section]) -> bytes:
    try:
        function, args, kwargs = _Unpickler(job, sections).load()
        return pickle.dumps(("value", function(*args, **kwargs)))
    except MemoryError:
        return pickle.dumps(("error", MemoryError("the compiler ran out of its memory limit")))
    except Exception as error:
        return pickle.dumps(("error", error))


def serve(connection: Connection) -> None:
    """Runs jobs until the pool closes its side."""
    sections: dict[str, Section] = {}
    connection.send_bytes(b"ready")
    while True:
        try:
            added, dropped = pickle.loads(connection.recv_bytes())
            job = connection.recv_bytes()
        except (EOFError, OSError):
            return
        for digest in dropped:
            sections.pop(digest, None)
        for section in added:
            sections[section.digest] = section
        del added
        try:
            connection.send_bytes(_run(job, sections))
        except OSError:
            return


def main() -> None:
    """Entry point."""
    _settle(int(sys.argv[2]))
    # Loads LLVM now, while nobody waits for it.
    from halojit.build import build

    build.host()
    serve(Connection(int(sys.argv[1])))
    # Nothing here needs LLVM's and Python's own farewells.
    os._exit(0)


if __name__ == "__main__":
    main()
