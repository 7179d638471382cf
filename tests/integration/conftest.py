"""Fixtures of the integration tests: compiled programs and ways to run them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.postgresql import Postgresql
from harness.program import Program, build
from harness.tools import Tools

CompileProgram = Callable[..., Path]
Build = Callable[..., Path]
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def compile_program(tools: Tools, cache: BuildCache) -> CompileProgram:
    """compile_program(program, is_halo=True): the path of its executable."""

    def compile_one(program: Program, *, is_halo: bool) -> Path:
        return build(program, tools, cache, is_halo=is_halo)

    return compile_one


@pytest.fixture
def compiled(tools: Tools, tmp_path: Path) -> Build:
    """compiled({name: text}, flags, output="app"): an image, from sources in an empty directory."""

    def build(sources: dict[str, str], flags: str, output: str = "app", halo: bool = True) -> Path:
        for name, text in sources.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        is_cxx = any(name.endswith(".cpp") for name in sources)
        driver = tools.halo_clangxx if is_cxx else tools.halo_clang
        objects = []
        switch = ["-fhalo"] if halo else []
        common = [*switch, *flags.split(), "-Qunused-arguments"]
        for name in sources:
            objects.append(f"{name}.o")
            subprocess.run(
                [driver, *common, "-c", name, "-o", objects[-1]], cwd=tmp_path, check=True
            )
        subprocess.run([driver, *common, *objects, "-o", output], cwd=tmp_path, check=True)
        return tmp_path / output

    return build


@pytest.fixture(scope="session")
def hot(tools: Tools, cache: BuildCache) -> Path:
    """programs/hot.c, built with -fhalo: one hot function, called for as long as asked."""

    def fill(directory: Path) -> None:
        command = [tools.halo_clang, "-O2", "-fhalo", PROGRAMS / "hot.c", "-o", directory / "hot"]
        subprocess.run(command, check=True)

    return cache.directory("hot", fill) / "hot"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A server of this session's own."""
    with Postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Tests that use a `url` run with each kind."""
    return str(request.param)


@pytest.fixture
def url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    return _database(database_kind, request, tmp_path / "state" / "store.db")


@pytest.fixture
def another_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A second one of the same kind."""
    return _database(database_kind, request, tmp_path / "another.db")


def _database(kind: str, request: pytest.FixtureRequest, path: Path) -> str:
    if kind == "sqlite":
        return str(path)
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.database()
