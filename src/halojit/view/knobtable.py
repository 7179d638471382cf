"""The knobs as a table for people: what search may turn, and what each setting is for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from halojit.model.knob import Knob

PLAIN_WIDTH = 120
"""Of files and pipes, which have none of their own."""


def show(knobs: Iterable[Knob], users: Iterable[Knob], file: TextIO) -> None:
    """Writes the knobs that search turns, then those that only users turn."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=file, highlight=False, width=None if file.isatty() else PLAIN_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("knob", no_wrap=True)
    table.add_column("settings", overflow="fold", max_width=34)
    table.add_column("what it is", overflow="fold")
    for knob in knobs:
        table.add_row(*_cells(knob))
    table.add_section()
    for knob in users:
        table.add_row(*_cells(knob, " (only by a user)"))
    console.print(Text("The first setting of a knob changes nothing: it is what LLVM does anyway."))
    console.print(table)


def _cells(knob: Knob, note: str = "") -> tuple[str, str, str]:
    return knob.name, " ".join(knob.settings), knob.doc + note
