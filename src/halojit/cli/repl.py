"""`halo-repl`: interactive C++ (and C)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def repl(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Inputs to run, one after the other, instead of a prompt."),
    ] = None,
    xcc: Annotated[
        list[str] | None,
        typer.Option("-Xcc", metavar="FLAG", help="A flag for clang, as -Xcc -std=c++23."),
    ] = None,
) -> None:
    """Interactive C++ whose crashes cost nothing.

    Each input is compiled in one process and runs in another. One that fails, in whatever way, is
    taken back: every variable is as it was.
    """
    from halojit.repl.plain import Plain
    from halojit.repl.session import Session

    with Session(tuple(xcc or ())) as session:
        plain = Plain(session)
        if inputs:
            for each in inputs:
                plain.take(each)
        else:
            plain.read(sys.stdin)
    raise typer.Exit(plain.status)


def main() -> None:
    """Entry point."""
    app(prog_name="halo-repl")
