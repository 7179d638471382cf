"""Runs of a program: plainly, alone, under a strategy; and what must be equal between them.

In: an executable and its arguments. Out: an Outcome. A program's own loop takes the least time it
should run for, in milliseconds, as its first argument; what it prints does not depend on it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.tools import Tools

TIME_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left. `status` is as a shell's waitpid gives it: negative for a signal."""

    stdout: bytes
    status: int
    stderr: str = field(compare=False)
    report: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def swaps(self) -> int:
        """Times an entry was pointed elsewhere, as the report counts them."""
        return int(self.report.get("swaps", 0))

    @property
    def regions(self) -> list[dict[str, Any]]:
        return list(self.report.get("regions", []))


def shell_status(status: int) -> int:
    """How a shell tells the exit status of a process: 128 + N when signal N killed it."""
    return status if status >= 0 else 128 - status


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, without anything that would steer Halo."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HALO_")}
    # What tests learn is not the user's.
    return clean | {"HALO_STORE": "none"} | dict(extra or {})


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    extra: Mapping[str, str] | None = None,
    limit_s: float = TIME_LIMIT_S,
    stdin: bytes = b"",
) -> Outcome:
    """Runs to the end of the program and of everything that holds its output. A hang is killed,
    group and all, and raises TimeoutExpired with what was printed so far."""
    child = subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(extra),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = child.communicate(stdin, timeout=limit_s)
    except subprocess.TimeoutExpired as expired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        detail = f"{out[-2000:]!r} {err[-2000:]!r}"
        raise AssertionError(f"no end after {limit_s} s: {command}\n{detail}") from expired
    return Outcome(out, child.returncode, err.decode(errors="replace"))


def without_server(path: Path) -> dict[str, str]:
    """An environment in which a Halo program finds nobody."""
    return {"HALO_SERVER": f"unix:{path}/nobody.sock"}


def run_halo(
    tools: Tools,
    strategy: str,
    command: Sequence[str | Path],
    directory: Path,
    *,
    options: Sequence[str] = (),
    cwd: Path | None = None,
    extra: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    limit_s: float = TIME_LIMIT_S,
) -> Outcome:
    """`halo run`: the program's outcome with the report. `halo run` ends as a shell would say it:
    see `shell_status`."""
    report = directory / f"report-{strategy}-{os.getpid()}.json"
    report.unlink(missing_ok=True)
    line = [tools.halo, "run", "--strategy", strategy, "--json", report, *options, "--", *command]
    outcome = run(line, cwd=cwd, extra=extra, stdin=stdin, limit_s=limit_s)
    said = json.loads(report.read_text()) if report.exists() else {}
    return Outcome(outcome.stdout, outcome.status, outcome.stderr, said)
