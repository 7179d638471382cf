"""A test program: its sources and how they are built, plainly and with -fhalo.

In: a Program, tools, a cache. Out: the path of an executable. Each object file is compiled in
the directory of its source, by its bare name, so that `one/part.c` and `two/part.c` have the same
relative path as far as the compiler can tell.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cache import BuildCache
from harness.tools import Tools

PROGRAMS = Path(__file__).resolve().parent.parent / "integration" / "edge" / "programs"
CXX = {".cpp", ".cc"}
# The programs' checksums wrap around; that must not be undefined.
COMMON = ("-fwrapv", "-pthread", f"-I{PROGRAMS}")


@dataclass(frozen=True, slots=True)
class Program:
    """One executable. `flags` go to every compile and to the link; `libraries` are shared objects
    built beside it from one source each: name -> (source, is it a Halo library)."""

    name: str
    sources: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("-O2",)
    link: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str, bool], ...] = ()
    least_swaps: int = 10
    """Under `stress`; 0 where the program is not tunable or ends at once."""
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def is_cxx(self) -> bool:
        return any(Path(source).suffix in CXX for source in self.sources)


class BuildError(AssertionError):
    """A compiler refused; carries its command line and what it said."""


def call(arguments: Sequence[str | Path], cwd: Path) -> str:
    """Runs a build step; its stderr, or BuildError."""
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        line = " ".join(str(argument) for argument in arguments)
        raise BuildError(f"{line}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr


def build(program: Program, tools: Tools, cache: BuildCache, *, is_halo: bool) -> Path:
    """The executable; a second call finds the first one's."""

    def fill(directory: Path) -> None:
        switch = ["-fhalo"] if is_halo else []
        for name, source, is_halo_library in program.libraries:
            path = PROGRAMS / source
            is_cxx = path.suffix in CXX
            driver = tools.compiler(is_halo=is_halo and is_halo_library, is_cxx=is_cxx)
            extra = switch if is_halo_library else []
            line = [driver, *COMMON, *program.flags, *extra, "-fPIC", "-shared", path.name]
            call([*line, "-o", directory / name], path.parent)
        objects: list[Path] = []
        for number, source in enumerate(program.sources):
            path = PROGRAMS / source
            driver = tools.compiler(is_halo=is_halo, is_cxx=path.suffix in CXX)
            objects.append(directory / f"{number}-{path.stem}.o")
            line = [driver, *COMMON, *program.flags, *switch, "-c", path.name, "-o", objects[-1]]
            call(line, path.parent)
        driver = tools.compiler(is_halo=is_halo, is_cxx=program.is_cxx)
        line = [driver, *COMMON, *program.flags, *switch, *objects, *program.link]
        call([*line, "-o", directory / program.name], directory)

    return cache.directory(f"{is_halo} {program}", fill) / program.name
