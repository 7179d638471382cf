"""Real projects of the deciding table, more than `real.py` has, and the real input they work on.

`corpus` is about a megabyte of what people do compress: C, HTML, XML, PostScript, PDF,
taken from the source packages themselves, so that it is the same wherever Debian's packages are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import sources
from bench.real import PROJECTS, WORKLOADS, Project

CORPUS = (
    ("sqlite3", "src/select.c", 300_000),
    ("sqlite3", "src/vdbe.c", 250_000),
    ("lua5.4", "doc/manual.html", 150_000),
    ("tinyxml2", "resources/dream.xml", 150_000),
    ("bzip2", "manual.ps", 100_000),
    ("bzip2", "manual.pdf", 100_000),
)
"""Package, file, the most bytes of it."""


def write_corpus(data: Path) -> Path:
    """The input of all compressors."""
    path = data / "corpus"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        pieces = [(sources.fetch(name) / file).read_bytes()[:most] for name, file, most in CORPUS]
        whole = data / "corpus.new"
        whole.write_bytes(b"".join(pieces))
        whole.rename(path)
    return path


def _files(options: Sequence[str], per_s: float) -> Callable[[Path, float], Sequence[str]]:
    def arguments(data: Path, seconds: float) -> Sequence[str]:
        return [*options, *[str(write_corpus(data))] * max(1, round(per_s * seconds))]

    return arguments


def _one_file(options: Sequence[str], per_s: float) -> Callable[[Path, float], Sequence[str]]:
    """minigzip writes one file to stdout: it gets a longer one."""

    def arguments(data: Path, seconds: float) -> Sequence[str]:
        corpus = write_corpus(data)
        copies = max(1, round(per_s * seconds))
        path = data / "corpus-copies"
        if not path.exists() or path.stat().st_size != copies * corpus.stat().st_size:
            # Whoever reads the one before goes on with it.
            whole = data / "corpus-copies.new"
            whole.write_bytes(corpus.read_bytes() * copies)
            whole.rename(path)
        return [*options, str(path)]

    return arguments


def _documents(_data: Path, seconds: float) -> Sequence[str]:
    document = sources.fetch("tinyxml2") / "resources" / "dream.xml"
    return [str(max(1, round(470 * seconds))), str(document)]


def _script(data: Path, seconds: float) -> Sequence[str]:
    rounds = max(1, round(80 * seconds))
    path = data / f"script-{rounds}.sql"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        path.write_text((WORKLOADS / "script.sql").read_text() * rounds)
    return ["-batch", ":memory:", f".read {path}"]


TABLE_PROJECTS = {
    project.name: project
    for project in (
        PROJECTS["lua"],
        Project(
            "sqlite3",
            "sqlite3",
            [
                './configure --disable-tcl --disable-readline --disable-shared CC="$CC"',
                "make sqlite3",
            ],
            ["test \"$(echo 'select 6 * 7;' | ./sqlite3 :memory:)\" = 42"],
            "sqlite3",
            _script,
        ),
        replace(PROJECTS["zstd"], arguments=_files(["-q", "-12", "--single-thread", "-c"], 30)),
        replace(PROJECTS["bzip2"], arguments=_files(["-9", "-c"], 10)),
        replace(PROJECTS["zlib"], arguments=_one_file(["-9", "-c"], 12)),
        Project(
            "tinyxml2",
            "tinyxml2",
            [f'"$CXX" $CFLAGS -I. {WORKLOADS}/documents.cpp tinyxml2.cpp -o documents'],
            ['make CXX="$CXX" CXXFLAGS="$CFLAGS" xmltest', "./xmltest"],
            "documents",
            _documents,
        ),
        Project(
            "lzip",
            "lzip",
            ['./configure CXX="$CXX" CXXFLAGS="$CFLAGS"', 'make -j"$JOBS"'],
            ["make check"],
            "lzip",
            _files(["-3", "-c"], 4),
        ),
    )
}
"""In the order of the table."""
