"""Which command lines ask for nothing but a console."""

from __future__ import annotations

import pytest

from halojit.cli.repl import flags_of_console


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], ()),
        (["-Xcc", "-std=c++23"], ("-std=c++23",)),
        (["-Xcc", "-xc", "-Xcc", "-O1"], ("-xc", "-O1")),
        (["-Xcc"], None),
        (["1 + 1"], None),
        (["-Xcc", "-xc", "-lz"], None),
        (["--memory", "1G"], None),
        (["--help"], None),
    ],
)
def test_flags_of_a_console(arguments: list[str], flags: tuple[str, ...] | None) -> None:
    assert flags_of_console(arguments) == flags
