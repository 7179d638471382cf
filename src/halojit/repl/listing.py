"""What a session knows, as text for a person: what is declared, and code.

In: what a session answers. Out: text. It does not know where the text is shown.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from halojit.repl.outcome import Declared

WIDTH = 100
"""Of the table."""
VALUE_WIDTH = 48
_DIRECTIVE = re.compile(r"\s*\.(?!L|long|quad|byte|short|asci|zero)")
_GLOBAL = re.compile(r"[^\s.]\S*:")


def table(rows: Iterable[tuple[Declared, str]]) -> str:
    """Declarations with their values, as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="")
    for title in ("name", "kind", "type", "value"):
        drawn.add_column(title, overflow="fold")
    for each, value in rows:
        cells = (each.name, each.kind, each.type, short(value))
        drawn.add_row(*(Text(cell) for cell in cells))
    written = io.StringIO()
    Console(file=written, width=WIDTH, color_system=None).print(drawn)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def short(value: str) -> str:
    """A value in one line."""
    line = " ".join(value.split("\n"))
    return line if len(line) <= VALUE_WIDTH else f"{line[: VALUE_WIDTH - 3]}..."


def assembly(text: str) -> str:
    """Without what is for the assembler and for unwinding; an empty line before each function."""
    kept = [line.rstrip() for line in _sections(text.splitlines()) if not _DIRECTIVE.match(line)]
    used = set(re.findall(r"\.L\w+", "\n".join(each for each in kept if each[:1].isspace())))
    lines: list[str] = []
    for line in kept:
        if line.startswith(".L") and line.partition(":")[0] not in used:
            continue
        if lines and _GLOBAL.match(line):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


def _sections(lines: Iterable[str]) -> Iterable[str]:
    is_code = True
    for line in lines:
        if line.strip().startswith(".section"):
            is_code = not any(name in line for name in (".gcc_except_table", ".note", ".debug"))
        elif line.strip() == ".text":
            is_code = True
        elif is_code and line.strip() and not line.strip().startswith("#"):
            yield line
