"""`halo run`: a server for one program, and a report at its end.

The program is started first; everything that is slow to load (LLVM, rich) loads while it
runs. Its connection waits in the socket's backlog for that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
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
    from concurrent.futures import Executor

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
    has_story: bool
    has_perf_map: bool
    socket: Path | None
    """Where the server listens; None: in a directory of its own."""


def run(what: Run, settings: Settings) -> int:
    """The program's exit status."""
    from halojit.view.report import Report

    report = Report(settings.strategy, settings.budget)
    begin = time.monotonic()
    try:
        status = _run(what, settings, report, begin)
    except CannotStart as error:
        print(f"halo: {error}", file=sys.stderr)
        return error.status
    wall_s = time.monotonic() - begin
    if not report.messages:
        _explain_absence(report, what.command[0])
    if not what.is_quiet:
        from halojit.view import table

        table.show(report, wall_s, sys.stderr, what.has_story)
    if what.json_file is not None:
        try:
            what.json_file.write_text(report.to_json(status, wall_s))
        except OSError as error:
            print(f"halo: cannot write {what.json_file}: {error.strerror}", file=sys.stderr)
    return status


def _run(what: Run, settings: Settings, report: Report, begin: float) -> int:
    """Runs the program, with a server if there can be one."""
    from halojit import paths
    from halojit.server import sockets

    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="halo-"))
            path = what.socket or Path(directory) / "server.sock"
            listening = sockets.unix(path)
            stack.callback(path.unlink, missing_ok=True)
            steering = sockets.unix(paths.control_path(path))
            stack.callback(paths.control_path(path).unlink, missing_ok=True)
        except (OSError, sockets.ListenError) as error:
            report.messages.append(f"the program ran without a server: {error}")
            return Child(what.command, os.environ).wait()
        child = Child(what.command, _environment(path, what))
        try:
            _serve_child(child, listening, steering, settings, what, report, begin)
        except Exception as error:
            # The program is not to suffer from a fault on this side.
            report.messages.append(f"the program went on without a server: {error!r}")
            logging.getLogger("halo").debug("the server's fault", exc_info=True)
        return child.wait()


def _serve_child(
    child: Child,
    listening: socket.socket,
    steering: socket.socket,
    settings: Settings,
    what: Run,
    report: Report,
    begin: float,
) -> None:
    from halojit.build.pool import WorkerPool

    pool = WorkerPool(settings.workers, settings.memory_limit_bytes, settings.time_limit_s)
    try:
        asyncio.run(_serve(child, pool, listening, steering, settings, what, report, begin))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _environment(path: Path, what: Run) -> Mapping[str, str]:
    environment = dict(os.environ)
    environment["HALO_SERVER"] = f"unix:{path}"
    if what.has_perf_map:
        environment["HALO_PERF_MAP"] = "1"
    return environment


async def _serve(
    child: Child,
    pool: Executor,
    listening: socket.socket,
    steering: socket.socket,
    settings: Settings,
    what: Run,
    report: Report,
    begin: float,
) -> None:
    from halojit.server.server import Server

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(child.pidfd, ended.set)
    server = Server(settings, pool, report.hear)
    server.listen([listening])
    await server.listen_control(steering)
    is_live = (
        sys.stderr.isatty()
        and not what.is_quiet
        and not logging.getLogger("halo").isEnabledFor(logging.INFO)
    )
    if is_live:
        from halojit.view.status import StatusLine

        line = StatusLine(report, sys.stderr)

        def suspend() -> None:
            line.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

        loop.add_signal_handler(signal.SIGTSTP, suspend)
        try:
            while not ended.is_set():
                line.draw(time.monotonic() - begin)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), DRAW_S)
        finally:
            line.clear()
    await ended.wait()
    loop.remove_reader(child.pidfd)
    await server.close()


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
            f"{command} carries Halo but did not connect: it ended too soon, its link lacked "
            "-fhalo, or HALO_DISABLE is set"
        )
    else:
        report.messages.append(
            f"{command} is not a Halo program; build it with halo-clang -O2 -fhalo, "
            "or see halo config"
        )
