"""Files of %save and %load in real sessions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import value
from harness.tools import Tools

from halojit.repl.commands import Commands
from halojit.repl.session import Session


@pytest.fixture
def commands() -> Iterator[Commands]:
    commands = Commands(Session(), Session)
    yield commands
    commands.close()


def test_what_is_saved_can_be_loaded(commands: Commands, tools: Tools, tmp_path: Path) -> None:
    inputs = ("int x = 1;", "int x = 2; // again", "int f() {\n  return x;\n}", "f() + x")
    file = tmp_path / "saved.cpp"
    assert all(commands.take(each).is_ok for each in (*inputs, f"%save {file}", "%restart"))
    result = commands.take(f"%load {file}")
    assert result.is_ok, result
    assert commands.session.inputs == inputs
    assert value(commands.session, "f() + x") == "4"
    with file.open() as stdin:
        done = subprocess.run(
            [str(tools.halo_repl)], stdin=stdin, capture_output=True, text=True, timeout=120
        )
    assert (done.stdout, done.stderr, done.returncode) == ("(int) 4\n", "", 0)
