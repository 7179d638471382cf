"""What a session comes to in memory: an idle executor, and many inputs.

From /proc: PSS and anonymous memory of a process, how many mappings it has.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import BenchError
from bench.repl.figures import STOCKS, Figure, Rival
from bench.repl.pipe import Piped
from bench.repl.rivals import STOCK_EXECUTOR, Direct, Place
from bench.repl.terminal import NoAnswer
from halojit import paths

DISK_GOAL_KB = 200.0
IDLE_GOAL_KB = 1024.0
MAPPINGS_GOAL = 100.0
INPUT_GOAL_BYTES = 1024.0
POINTS = 20
WARM_SHARE = 0.2
"""Of the inputs: what is allocated once is by then."""
LIMIT_S = 60.0
"""For all inputs of a stock rival."""
INTRODUCTION_LIMIT_S = 10.0
REST_S = 0.2


@dataclass(frozen=True)
class Memory:
    """Of one process."""

    resident_kb: int
    pss_kb: int
    anonymous_kb: int
    mappings: int


def memory(pid: int) -> Memory:
    """Now. OSError when it is gone."""
    fields = rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
    mappings = Path(f"/proc/{pid}/maps").read_text().count("\n")
    return Memory(fields["Rss"], fields["Pss"], fields["Anonymous"], mappings)


def rollup(text: str) -> dict[str, int]:
    """The fields in KB of a smaps_rollup."""
    lines = (line.split() for line in text.splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[2:] == ["kB"]}


@dataclass(frozen=True)
class Point:
    """After that many inputs; `input_ms`: of each since the last point."""

    inputs: int
    input_ms: float
    memory: dict[str, Memory]
    """By process: "worker" and "interpreter"."""


@dataclass
class Growth:
    """What a rival comes to with the number of inputs. The first point is the beginning.
    `ended`: how, when it did not take all inputs."""

    rival: Rival
    points: list[Point] = field(default_factory=list)
    ended: str = ""

    def processes(self) -> list[str]:
        """Of which the points tell."""
        return list(self.points[0].memory) if self.points else []

    def input_bytes(self, process: str) -> float | None:
        """Anonymous memory an input, after what the first ones need. None: too few inputs."""
        if len(self.points) < 3:
            return None
        last = self.points[-1]
        first = next(one for one in self.points if one.inputs >= WARM_SHARE * last.inputs)
        grown_kb = last.memory[process].anonymous_kb - first.memory[process].anonymous_kb
        return 1024 * grown_kb / (last.inputs - first.inputs)

    def new_mappings(self, process: str) -> int:
        """Since the beginning."""
        return self.points[-1].memory[process].mappings - self.points[0].memory[process].mappings


def measure_executor() -> list[Figure]:
    """Both executors when they have introduced themselves and wait for their controller."""
    disk = Figure("executor, file", DISK_GOAL_KB, "KB")
    idle = Figure("executor idle, PSS", IDLE_GOAL_KB, "KB")
    resident = Figure("executor idle, resident", None, "KB")
    programs = {
        Rival.HALO: paths.command_dir() / "halo-executor",
        Rival.OOP: STOCK_EXECUTOR,
    }
    for rival, program in programs.items():
        disk.add(rival, program.stat().st_size / 1024)
        now = _idle(program)
        idle.add(rival, now.pss_kb)
        resident.add(rival, now.resident_kb)
    return [disk, idle, resident]


def _idle(program: Path) -> Memory:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = theirs.fileno()
        with subprocess.Popen([program, f"filedescs={fd},{fd}"], pass_fds=[fd]) as process:
            try:
                ours.settimeout(INTRODUCTION_LIMIT_S)
                if not ours.recv(1 << 16):
                    raise BenchError(f"{program} does not introduce itself")
                time.sleep(REST_S)
                return memory(process.pid)
            except TimeoutError as error:
                raise BenchError(f"{program} does not introduce itself") from error
            finally:
                process.kill()


def measure_growth(place: Place, ours: int, theirs: int) -> list[Growth]:
    """So many trivial inputs for Halo, and for each stock rival."""
    found = [_halo(ours)]
    for rival in STOCKS:
        growth = Growth(rival)
        piped = Piped(place, rival)
        try:
            _stock(piped, growth, theirs)
        except (NoAnswer, OSError) as error:
            last = growth.points[-1].inputs if growth.points else 0
            growth.ended = f"{error} after {last} inputs"
        finally:
            piped.close()
        found.append(growth)
    return found


def _steps(count: int) -> Iterator[tuple[int, int]]:
    """(inputs before, inputs until the next point)."""
    size = max(1, count // POINTS)
    for before in range(0, count, size):
        yield before, min(size, count - before)


def _input(number: int) -> str:
    return f"x += {number};"


def _halo(count: int) -> Growth:
    growth = Growth(Rival.API)
    direct = Direct()
    try:
        session = direct.session
        session.run("int x = 0;")
        growth.points.append(Point(0, 0.0, _memories(session.processes())))
        for before, size in _steps(count):
            begun_ns = time.perf_counter_ns()
            for i in range(before, before + size):
                if not (outcome := session.run(_input(i))).is_kept:
                    growth.ended = f"{outcome.failure} after {i} inputs"
                    return growth
            pids = session.processes()
            input_ms = (time.perf_counter_ns() - begun_ns) * 1e-6 / size
            growth.points.append(Point(before + size, input_ms, _memories(pids)))
    finally:
        direct.close()
    return growth


def _stock(piped: Piped, growth: Growth, count: int) -> None:
    piped.send("int x = 0;")
    piped.mark("begin")
    last_ns = begun_ns = piped.wait("begin", LIMIT_S)
    children = Path(f"/proc/{piped.pid}/task/{piped.pid}/children").read_text().split()
    pids = {"interpreter": piped.pid, **({"worker": int(children[0])} if children else {})}
    growth.points.append(Point(0, 0.0, _memories(pids)))
    for before, size in _steps(count):
        piped.send(*(_input(i) for i in range(before, before + size)))
        piped.mark("step")
        left_s = LIMIT_S - (last_ns - begun_ns) * 1e-9
        at_ns = piped.wait("step", left_s)
        input_ms = (at_ns - last_ns) * 1e-6 / (size + 1)
        last_ns = at_ns
        growth.points.append(Point(before + size, input_ms, _memories(pids)))


def _memories(pids: Mapping[str, int | None]) -> dict[str, Memory]:
    return {name: memory(pid) for name, pid in pids.items() if pid}
