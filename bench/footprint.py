"""Memory and bytes that Halo adds to a running program, read from /proc/PID/smaps.

The same program runs plainly, with Halo and no server, and with Halo while it is sampled; after
it has worked for a while its mappings are added up by kind, and the differences are Halo's share.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.elf import sizes
from bench.measure import BenchError, laps
from bench.programs import Workload
from bench.server import NO_SERVER

WORKED_S = 0.75
"""Two laps of the program: by then a server has connected and opened its sampler."""

HEADER = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \d+ *(.*)$")


@dataclass(frozen=True)
class Footprint:
    """What -fhalo adds. `no_server_kb` and `sampled_kb` leave out pages of shared libraries, which
    the page cache holds once for all processes and the kernel maps in handfuls: `libraries_kb`.
    `kinds` are resident kilobytes by kind of mapping, an arm each."""

    program: str
    file_bytes: int
    no_server_kb: int
    sampled_kb: int
    libraries_kb: int
    kinds: dict[str, dict[str, int]]


def resident_kb(smaps: str, executable: str) -> dict[str, int]:
    """Kilobytes resident by kind of mapping; perf is the sampler's rings."""
    totals: dict[str, int] = {}
    kind = ""
    for line in smaps.splitlines():
        if match := HEADER.match(line):
            kind = _kind(match[2], executable)
        elif line.startswith("Rss:"):
            totals[kind] = totals.get(kind, 0) + int(line.split()[1])
    return totals


def _kind(name: str, executable: str) -> str:
    if name == executable:
        return "executable"
    if name.startswith("anon_inode:[perf_event]"):
        return "perf"
    if name.startswith("/"):
        return "libraries"
    return {"[heap]": "heap", "[stack]": "stack"}.get(name, "anonymous")


def measure_footprint(workload: Workload, server: Mapping[str, str]) -> Footprint:
    """The program must report laps."""
    kinds = {
        "plain": _watch(workload, False, NO_SERVER),
        "no_server": _watch(workload, True, NO_SERVER),
        "sampled": _watch(workload, True, server),
    }
    libraries = {arm: kb.get("libraries", 0) for arm, kb in kinds.items()}
    total = {arm: sum(kb.values()) - libraries[arm] for arm, kb in kinds.items()}
    return Footprint(
        workload.name,
        sizes(workload.halo).file_bytes - sizes(workload.plain).file_bytes,
        total["no_server"] - total["plain"],
        total["sampled"] - total["plain"],
        libraries["sampled"] - libraries["plain"],
        kinds,
    )


def _watch(workload: Workload, is_halo: bool, environment: Mapping[str, str]) -> dict[str, int]:
    command = workload.command(is_halo, 20.0)
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if any(lap.at_s >= WORKED_S for lap in laps(line)):
                    smaps = Path(f"/proc/{process.pid}/smaps").read_text()
                    return resident_kb(smaps, str(Path(command[0]).resolve()))
        finally:
            process.kill()
    raise BenchError(f"{workload.name} ended before it had worked for {WORKED_S} s")
