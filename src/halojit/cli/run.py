"""`halo run`: a server for one program, and a report at its end.

The program is started first; everything that is slow to load (LLVM, numpy, rich) loads while it
runs. Its connection waits in the socket's backlog for that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halojit.cli.child import CannotStart, Child

if TYPE_CHECKING:
    import socket

    from halojit.server.settings import Settings
    from halojit.view.report import Report

DRAW_S = 0.25
MAGIC = b"HALOBC\r\n"


@dataclass(frozen=True)
class Run:
    """What to run, and how to tell about it."""

    command: Sequence[str]
    json_file: Path | None
    is_quiet: bool
    has_perf_map: bool


def run(what: Run, settings: Settings) -> int:
    """The program's exit status."""
    from halojit.build.pool import WorkerPool
    from halojit.server import sockets

    with tempfile.TemporaryDirectory(prefix="halo-") as directory:
        path = Path(directory) / "server.sock"
        listening = sockets.unix(path)
        begin = time.monotonic()
        try:
            child = Child(what.command, _environment(path, what))
        except CannotStart as error:
            print(f"halo: {error}", file=sys.stderr)
            return error.status
        pool = WorkerPool(settings.workers, settings.memory_limit_bytes, settings.time_limit_s)
        try:
            report = asyncio.run(_serve(child, pool, listening, settings, what, begin))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        status = child.wait()
        wall_s = time.monotonic() - begin
    _explain_absence(report, what.command[0])
    if not what.is_quiet:
        from halojit.view import table

        table.show(report, wall_s, sys.stderr)
    if what.json_file is not None:
        try:
            what.json_file.write_text(report.to_json(status, wall_s))
        except OSError as error:
            print(f"halo: cannot write {what.json_file}: {error.strerror}", file=sys.stderr)
    return status


def _environment(path: Path, what: Run) -> Mapping[str, str]:
    environment = dict(os.environ)
    environment["HALO_SERVER"] = f"unix:{path}"
    if what.has_perf_map:
        environment["HALO_PERF_MAP"] = "1"
    return environment


async def _serve(
    child: Child,
    pool: object,
    listening: socket.socket,
    settings: Settings,
    what: Run,
    begin: float,
) -> Report:
    from halojit.server.server import Server
    from halojit.view.report import Report

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(child.pidfd, ended.set)
    report = Report(settings.strategy)
    server = Server(settings, pool, report.hear)  # type: ignore[arg-type]
    server.listen([listening])
    is_live = (
        sys.stderr.isatty()
        and not what.is_quiet
        and not logging.getLogger("halo").isEnabledFor(logging.INFO)
    )
    if is_live:
        from halojit.view.status import StatusLine

        line = StatusLine(report, sys.stderr)
        while not ended.is_set():
            line.draw(time.monotonic() - begin)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), DRAW_S)
        line.clear()
    await ended.wait()
    loop.remove_reader(child.pidfd)
    await server.close()
    return report


def _explain_absence(report: Report, command: str) -> None:
    """If no process connected, says why and what to do."""
    if report.processes:
        return
    import mmap
    import shutil

    path = shutil.which(command)
    carries = False
    if path is not None:
        try:
            with Path(path).open("rb") as file:
                view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                carries = view.find(MAGIC) >= 0
        except (OSError, ValueError):
            carries = False
    if carries:
        report.messages.append(
            f"{command} carries Halo but did not connect: it ended too soon, or HALO_DISABLE is set"
        )
    else:
        report.messages.append(
            f"{command} is not a Halo program; build it with halo-clang -O2 -fhalo, "
            "or see halo config"
        )
