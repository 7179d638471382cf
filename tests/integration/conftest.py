"""Fixtures of the integration tests: compiled programs and ways to run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.program import Program, build
from harness.tools import Tools

CompileProgram = Callable[..., Path]


@pytest.fixture(scope="session")
def compile_program(tools: Tools, cache: BuildCache) -> CompileProgram:
    """compile_program(program, is_halo=True): the path of its executable."""

    def compile_one(program: Program, *, is_halo: bool) -> Path:
        return build(program, tools, cache, is_halo=is_halo)

    return compile_one
