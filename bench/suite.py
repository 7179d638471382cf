"""What the deciding table is about: all programs, own and real, with one way to build and run each.

In: a toolchain (compilers and flags), an empty directory. Out: a program. Does not know which
toolchains there are or what is measured.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import programs, real
from bench.measure import BenchError
from bench.projects import TABLE_PROJECTS

Kind = Literal["numeric", "other", "real"]

NUMERIC = frozenset(
    ("fft", "lu", "matmul", "nbody", "parameters", "perlin", "raytracer", "spectral")
)
"""Own programs whose work is floating-point arithmetic; the rest are "other"."""


@dataclass(frozen=True)
class Toolchain:
    """Compilers as a makefile calls them, and flags for both compiling and linking."""

    cc: str
    cxx: str
    flags: Sequence[str]


@dataclass(frozen=True)
class Subject:
    """A program of the table."""

    name: str
    kind: Kind

    def build(self, toolchain: Toolchain, directory: Path) -> Path:
        """Builds it in that directory, which is new or may be overwritten. BenchError."""
        if self.kind == "real":
            environment = {"CXX": toolchain.cxx, "CFLAGS": shlex.join(toolchain.flags)}
            project = TABLE_PROJECTS[self.name]
            cflags = shlex.join(toolchain.flags)
            return real.build(project, toolchain.cc, cflags, directory, environment=environment)
        path = programs.source(self.name)
        is_cxx = path.suffix == ".cpp"
        command = [toolchain.cxx if is_cxx else toolchain.cc, *toolchain.flags]
        command += ["-std=c++20" if is_cxx else "-std=gnu17", str(path)]
        directory.mkdir(parents=True, exist_ok=True)
        output = directory / self.name
        command += ["-o", str(output), "-lm"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise BenchError(f"{' '.join(command)}: {result.stderr[:2000]}")
        return output

    def arguments(self, data: Path, seconds: float) -> list[str]:
        """For work of about that many seconds; `data` is where its input is or will be made."""
        if self.kind == "real":
            return list(TABLE_PROJECTS[self.name].arguments(data, seconds))
        return [str(max(1, round(programs.ROUNDS_PER_S[self.name] * seconds)))]


def subjects() -> list[Subject]:
    """Numeric own ones first, then other own ones, then real ones."""
    own = programs.names()
    numeric = [Subject(name, "numeric") for name in own if name in NUMERIC]
    other = [Subject(name, "other") for name in own if name not in NUMERIC]
    return [*numeric, *other, *(Subject(name, "real") for name in TABLE_PROJECTS)]
