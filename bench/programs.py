"""The suite's own programs: where they are, how they are built, how long they run.

A `Workload` is what the measurements know: two commands that do the same, and their arguments for a
wanted number of seconds. Real programs (`real.py`) become workloads too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import BenchError

SOURCES = Path(__file__).resolve().parent / "programs"

ROUNDS_PER_S = {
    "clusters": 4200,
    "counters": 110_000,
    "fft": 12_000,
    "hashtable": 7500,
    "interpreter": 2400,
    "json": 12_500,
    "lu": 5300,
    "matmul": 540,
    "nbody": 20_000,
    "parameters": 51_000,
    "perlin": 2200,
    "raytracer": 1360,
    "reedsolomon": 29_000,
    "sort": 1100,
    "spectral": 2500,
    "words": 2150,
}
"""Rounds that took about a second at -O2 (2026). They only set how long a run is; fixed numbers
keep results comparable from machine to machine."""


PHASES = "phases"
"""Runs for seconds, not for rounds, and is measured by a part of its own."""


@dataclass(frozen=True)
class Tools:
    """The two compilers, and the commands of Halo."""

    directory: Path
    """Where halo-clang, halo and haloserver are."""

    def halo(self, name: str) -> str:
        """A command of Halo; BenchError when it is missing."""
        path = self.directory / name
        if not path.exists():
            raise BenchError(f"{path} is missing: run `make setup` first")
        return str(path)

    def compiler(self, is_halo: bool, is_cxx: bool) -> str:
        """The compiler to call."""
        suffix = "++" if is_cxx else ""
        return self.halo(f"halo-clang{suffix}") if is_halo else f"clang{suffix}-22"


@dataclass(frozen=True)
class Workload:
    """The same program, built twice."""

    name: str
    plain: Path
    halo: Path
    arguments: Callable[[float], Sequence[str]]
    """For about that many seconds."""
    cwd: Path | None = None
    is_real: bool = False

    def command(self, is_halo: bool, seconds: float) -> list[str]:
        """What to run."""
        return [str(self.halo if is_halo else self.plain), *self.arguments(seconds)]


def names() -> list[str]:
    """All programs of the suite."""
    return sorted(ROUNDS_PER_S)


def source(name: str) -> Path:
    """The file of that name, C or C++."""
    for suffix in (".c", ".cpp"):
        path = SOURCES / (name + suffix)
        if path.exists():
            return path
    raise BenchError(f"no program is called {name!r}; there are {', '.join(names())}")


def compile_source(path: Path, is_halo: bool, level: str, output: Path, tools: Tools) -> Path:
    """One file to one program. Contraction stays at clang's default for both."""
    is_cxx = path.suffix == ".cpp"
    command = [tools.compiler(is_halo, is_cxx), f"-{level}"]
    command += ["-std=c++20"] if is_cxx else ["-std=gnu17"]
    command += ["-fhalo"] if is_halo else []
    command += [str(path), "-o", str(output), "-lm"]
    output.parent.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise BenchError(f"{' '.join(command)}: {result.stderr[:2000]}")
    return output


def workload(name: str, level: str, build: Path, tools: Tools) -> Workload:
    """Builds both."""
    path = source(name)
    plain = compile_source(path, False, level, build / level / name, tools)
    halo = compile_source(path, True, level, build / level / f"{name}-halo", tools)
    per_s = ROUNDS_PER_S[name]
    return Workload(name, plain, halo, lambda seconds: [str(max(1, round(per_s * seconds)))])
