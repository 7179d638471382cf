"""Fixtures of the integration tests: compiled programs and ways to run them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.program import Program, build
from harness.tools import Tools

CompileProgram = Callable[..., Path]
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def compile_program(tools: Tools, cache: BuildCache) -> CompileProgram:
    """compile_program(program, is_halo=True): the path of its executable."""

    def compile_one(program: Program, *, is_halo: bool) -> Path:
        return build(program, tools, cache, is_halo=is_halo)

    return compile_one


@pytest.fixture(scope="session")
def hot(tools: Tools, cache: BuildCache) -> Path:
    """programs/hot.c, built with -fhalo: one hot function, called for as long as asked."""

    def fill(directory: Path) -> None:
        command = [tools.halo_clang, "-O2", "-fhalo", PROGRAMS / "hot.c", "-o", directory / "hot"]
        subprocess.run(command, check=True)

    return cache.directory("hot", fill) / "hot"
