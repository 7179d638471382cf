"""Fixtures for tests that build and run real programs: the tools, and a shared build cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.cache import BuildCache
from harness.tools import Tools, find_tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The installed commands; fails, rather than skips, when there are none."""
    return find_tools()


@pytest.fixture(scope="session")
def session_dir(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """One directory for all workers of this session."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session")
def cache(session_dir: Path) -> BuildCache:
    """Builds, each made once a session."""
    return BuildCache(session_dir / "builds")
