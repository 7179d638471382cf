"""A haloserver of our own for as long as a measurement lasts, and how programs find it, or do not.

Costs are measured with a server that runs beside the programs rather than by `halo run`: the kernel
then accounts to the program exactly what its own process did.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import BenchError
from bench.programs import Tools

START_S = 30.0

NO_SERVER = {"HALO_SERVER": "unix:/nonexistent/halo.sock"}
"""A program started with this looks for a server and finds none."""


@contextlib.contextmanager
def running(tools: Tools, strategy: str) -> Iterator[dict[str, str]]:
    """Yields the environment that leads a program to the server."""
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as directory:
        path = Path(directory) / "server.sock"
        log = Path(directory) / "log"
        command = [tools.halo("haloserver"), "--strategy", strategy, "--socket", str(path)]
        command += ["--listen", "none"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            _wait_listening(process, path, log)
            yield {"HALO_SERVER": f"unix:{path}"}
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_listening(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    """Until it accepts a connection; BenchError with its log when it ends or stays silent."""
    pidfd = select.poll()
    descriptor = os.pidfd_open(process.pid)
    try:
        pidfd.register(descriptor, select.POLLIN)
        for _ in range(int(START_S / 0.05)):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(path))
                return
            if pidfd.poll(50):
                break
    finally:
        os.close(descriptor)
    raise BenchError(f"haloserver does not listen: {log.read_text(errors='replace')[-1000:]}")
