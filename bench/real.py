"""Real projects from Debian's source packages, built unmodified by their own build systems.

`build(PROJECTS["zlib"], "halo-clang", "-O2 -fhalo", directory)` copies the sources and builds in
the copy; `check` runs the project's own tests. Used by the benchmark and by tests/real.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import sources
from bench.measure import BenchError
from bench.programs import Tools, Workload

WORKLOADS = Path(__file__).resolve().parent / "workloads"
BUILD_S = 1800
TEXT_BYTES = 400_000


@dataclass(frozen=True)
class Project:
    """Shell lines are run in the copied tree with CC, CFLAGS and JOBS in the environment."""

    name: str
    package: str
    build: Sequence[str]
    check: Sequence[str]
    program: str
    arguments: Callable[[Path, float], Sequence[str]]
    """(directory of data, seconds) -> arguments that keep the program busy about that long."""


def _files(options: Sequence[str], per_s: float) -> Callable[[Path, float], Sequence[str]]:
    def arguments(data: Path, seconds: float) -> Sequence[str]:
        return [*options, *[str(data / "text")] * max(1, round(per_s * seconds))]

    return arguments


def _one_file(options: Sequence[str], per_s: float) -> Callable[[Path, float], Sequence[str]]:
    """minigzip takes one file to stdout: it gets a longer one."""

    def arguments(data: Path, seconds: float) -> Sequence[str]:
        copies = max(1, round(per_s * seconds))
        path = data / f"text-{copies}"
        if not path.exists():
            path.write_bytes((data / "text").read_bytes() * copies)
        return [*options, str(path)]

    return arguments


def _lua(data: Path, seconds: float) -> Sequence[str]:
    return [str(WORKLOADS / "work.lua"), str(max(1, round(1400 * seconds)))]


PROJECTS = {
    project.name: project
    for project in (
        Project(
            "lua",
            "lua5.4",
            [
                'make -j"$JOBS" -C src linux CC="$CC -std=gnu99" '
                'MYCFLAGS="$CFLAGS" MYLDFLAGS="$CFLAGS"'
            ],
            ["make test", 'src/lua -e \'assert(string.rep("x", 3) == "xxx")\''],
            "src/lua",
            _lua,
        ),
        Project(
            "zlib",
            "zlib",
            ["./configure --static", 'make -j"$JOBS"'],
            ["make test"],
            "minigzip",
            _one_file(["-9", "-c"], 15),
        ),
        Project(
            "bzip2",
            "bzip2",
            ['make -j"$JOBS" CC="$CC" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64" bzip2 bzip2recover'],
            ['make CC="$CC" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64" test'],
            "bzip2",
            _files(["-9", "-c"], 37),
        ),
        Project(
            "zstd",
            "libzstd",
            ['make -j"$JOBS" -C programs zstd CC="$CC" CFLAGS="$CFLAGS" HAVE_LZMA=0 HAVE_LZ4=0'],
            [
                'make -j"$JOBS" -C tests fuzzer CC="$CC" CFLAGS="$CFLAGS"',
                "tests/fuzzer -s17 -i40",
            ],
            "programs/zstd",
            _files(["-q", "-12", "--single-thread", "-c"], 80),
        ),
    )
}
DEFAULT = ["lua", "zlib", "bzip2"]


def build(
    project: Project,
    cc: str,
    cflags: str,
    directory: Path,
    jobs: int = 2,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """A fresh copy, built; returns the program. BenchError with the compiler's words."""
    tree = sources.fetch(project.package)
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(tree, directory, symlinks=True)
    own = {"CC": cc, "CFLAGS": cflags, "JOBS": str(jobs), **(environment or {})}
    for line in project.build:
        _shell(line, directory, own)
    program = directory / project.program
    if not program.exists():
        raise BenchError(f"{project.name}: its build made no {project.program}")
    return program


def check(
    project: Project,
    cc: str,
    cflags: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    """The project's own tests, in a tree that `build` made; BenchError if they fail."""
    own = {"CC": cc, "CFLAGS": cflags, "JOBS": "2", **(environment or {})}
    for line in project.check:
        _shell(line, directory, own)


def workload(name: str, level: str, directory: Path, tools: Tools) -> Workload:
    """Builds both and makes the data they work on. Built trees are kept and used again, the one of
    Halo unless its compiler is newer."""
    project = PROJECTS[name]
    programs = {}
    for is_halo in (False, True):
        cc = tools.compiler(is_halo, is_cxx=False)
        tree = directory / level / f"real-{name}{'-halo' if is_halo else ''}"
        cflags = f"-{level}{' -fhalo' if is_halo else ''}"
        program = tree / project.program
        if is_halo or not program.exists():
            program = build(project, shlex.quote(cc), cflags, tree)
        programs[is_halo] = program
    data = directory / "data"
    write_data(data)
    return Workload(
        name,
        programs[False],
        programs[True],
        lambda seconds: project.arguments(data, seconds),
        is_real=True,
    )


def write_data(directory: Path) -> None:
    """A text to compress: the same everywhere."""
    path = directory / "text"
    if path.exists() and path.stat().st_size == TEXT_BYTES:
        return
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    lexicon = [
        "".join(letters[min(25, int(rng.expovariate(0.15)))] for _ in range(rng.randint(2, 9)))
        for _ in range(3000)
    ]
    words = []
    size = 0
    while size < TEXT_BYTES:
        word = lexicon[min(2999, int(rng.paretovariate(0.6)) - 1)]
        words.append(word + (".\n" if rng.random() < 0.08 else ""))
        size += len(words[-1]) + 1
    path.write_bytes(" ".join(words).encode()[:TEXT_BYTES])


def _shell(line: str, cwd: Path, environment: Mapping[str, str]) -> None:
    try:
        result = subprocess.run(
            line,
            shell=True,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{line}: not done after {BUILD_S} s in {cwd}") from error
    if result.returncode:
        raise BenchError(f"{line} (in {cwd}): {(result.stdout + result.stderr)[-3000:]}")
