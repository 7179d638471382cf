"""`halo kernel install`: what it writes for Jupyter, and what it says when it cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from halojit.cli.halo import app


def install(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["kernel", "install", *arguments])
    return result.exit_code, result.output


def test_all_languages_are_installed(tmp_path: Path) -> None:
    assert install(f"--prefix={tmp_path}")[0] == 0
    kernels = tmp_path / "share" / "jupyter" / "kernels"
    specs = {
        each.parent.name: json.loads(each.read_text()) for each in kernels.glob("*/kernel.json")
    }
    assert {name: spec["display_name"] for name, spec in specs.items()} == {
        "halo-cpp17": "Halo C++17",
        "halo-cpp20": "Halo C++20",
        "halo-cpp23": "Halo C++23",
        "halo-c": "Halo C",
    }
    assert specs["halo-cpp23"]["argv"][-1] == "--std=c++23"
    assert specs["halo-c"]["language"] == "c"


def test_one_language_is_installed(tmp_path: Path) -> None:
    assert install(f"--prefix={tmp_path}", "--std=c++17")[0] == 0
    kernels = tmp_path / "share" / "jupyter" / "kernels"
    assert [each.name for each in kernels.iterdir()] == ["halo-cpp17"]


def test_two_places_are_refused(tmp_path: Path) -> None:
    status, output = install("--user", f"--prefix={tmp_path}")
    assert status == 2
    assert "exclude each other" in output


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    status, output = install(f"--prefix={tmp_path}")
    assert status == 1
    assert "pip install 'halojit[jupyter]'" in output
