"""Which projects to build: all when tests/real is asked for by name, else two."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import PROJECTS, QUICK

HERE = Path(__file__).resolve().parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "project_name" not in metafunc.fixturenames:
        return
    asked = [Path(word.split("::")[0]).resolve() for word in metafunc.config.args]
    is_asked = any(path == HERE or HERE in path.parents for path in asked)
    metafunc.parametrize(
        "project_name", list(PROJECTS) if is_asked else list(QUICK), scope="session"
    )
