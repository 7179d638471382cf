"""The executor under test and the stock LLVM tools that drive it."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from pathlib import Path

import pytest
from stock_llvm import Stock


def _find_executor() -> Path:
    """HALO_EXECUTOR, else the one on PATH, else the installed package's."""
    found = os.environ.get("HALO_EXECUTOR") or shutil.which("halo-executor")
    if found:
        return Path(found).resolve()
    path = Path(str(importlib.resources.files("halojit"))) / "bin" / "halo-executor"
    if not path.exists():
        raise LookupError(f"{path} does not exist: run `make setup` or set HALO_EXECUTOR")
    return path


@pytest.fixture(scope="session")
def executor() -> Path:
    """Absolute path of halo-executor."""
    return _find_executor()


@pytest.fixture(scope="session")
def stock() -> Stock:
    """The stock tools."""
    return Stock()
