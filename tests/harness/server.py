"""A haloserver of a test's own, and its log as it is written.

In: tools, a directory for the socket. Out: a running server; every wait has a limit, and what it
waits for is a line of the log.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType

from harness.run import environment
from harness.tools import Tools

WAIT_S = 60.0


class Server:
    """Runs from construction, which returns when it listens, until `stop` or `kill`."""

    def __init__(self, tools: Tools, directory: Path, *options: str, **variables: str) -> None:
        self.socket = directory / "halo" / "server.sock"
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            [tools.haloserver, "--socket", self.socket, "--listen", "none", *options],
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for("listening at")

    @property
    def address(self) -> dict[str, str]:
        """The environment by which programs find it."""
        return {"HALO_SERVER": f"unix:{self.socket}"}

    @property
    def log(self) -> str:
        with self._grown:
            return "".join(self.lines)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._grown:
                self.lines.append(line)
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def wait_for(self, pattern: str, count: int = 1, limit_s: float = WAIT_S) -> None:
        """Until `count` lines of the log have the pattern."""
        found = re.compile(pattern)

        def is_there() -> bool:
            return sum(bool(found.search(line)) for line in self.lines) >= count

        with self._grown:
            if not self._grown.wait_for(is_there, limit_s):
                raise AssertionError(f"no {pattern!r} in the log:\n{''.join(self.lines)}")

    def swaps(self) -> list[int]:
        """Of every process that ended, under `stress`."""
        return [int(number) for number in re.findall(r"stress: (\d+) swaps", self.log)]

    def stop(self) -> int:
        """Asks it to end; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._end()

    def _end(self) -> int:
        status = self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        if self._process.stderr is not None:
            self._process.stderr.close()
        return status

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.kill() if error else self.stop()
