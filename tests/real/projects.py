"""The real projects: those that bench/ knows, and two whose point is correctness alone.

`Project.arguments(data, seconds)` is work for the project's main program whose output does not
depend on its build. Lines run in a copy of the tree with CC and CFLAGS in the environment; the C++
driver is `$CC++`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.real import PROJECTS as BENCH_PROJECTS
from bench.real import Project

WORK = Path(__file__).resolve().parent / "work"


def _documents(_data: Path, seconds: float) -> Sequence[str]:
    return [str(max(1, round(150 * seconds)))]


def _script(data: Path, seconds: float) -> Sequence[str]:
    script = data / f"script-{seconds}.sql"
    text = (WORK / "script.sql").read_text()
    rounds = max(1, round(2 * seconds))
    begin = "DROP TABLE IF EXISTS sale; DROP TABLE IF EXISTS item; DROP TABLE IF EXISTS audit;\n"
    script.write_text((begin + text) * rounds)
    return ["-batch", ":memory:", f".read {script}"]


OWN = (
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
    Project(
        "tinyxml2",
        "tinyxml2",
        [
            'make CXX="$CC++" CXXFLAGS="$CFLAGS" xmltest',
            f'"$CC++" $CFLAGS -I. {WORK}/documents.cpp libtinyxml2.a -o documents',
        ],
        ["./xmltest"],
        "documents",
        _documents,
    ),
)

PROJECTS = {**BENCH_PROJECTS, **{project.name: project for project in OWN}}
QUICK = ("zlib", "bzip2")
"""Built and run by `make test` too."""
