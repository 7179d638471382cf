"""`halo-repl`: interactive C++ (and C)."""

from __future__ import annotations

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from halojit import paths

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
    library: Annotated[
        list[str] | None,
        typer.Option("-l", metavar="LIBRARY", help="Link with a library, as -lz or -l./libx.a."),
    ] = None,
    directory: Annotated[
        list[str] | None,
        typer.Option("-L", metavar="DIRECTORY", help="Look for libraries there first."),
    ] = None,
    autoload: Annotated[
        bool,
        typer.Option(
            "--autoload/--no-autoload",
            help="Search a symbol that nothing defines in the libraries of this machine.",
        ),
    ] = True,
) -> None:
    """Interactive C++ whose crashes cost nothing.

    Each input is compiled in one process and runs in another. One that fails, in whatever way, is
    taken back: every variable is as it was. An expression without a semicolon shows its value.

    At the prompt, Enter runs what is complete and goes on with what is not; an empty line runs it
    as it is. Tab completes, Ctrl-C ends the input that runs, Ctrl-D the session. %help lists the
    commands, ?NAME tells what a name is.

    \b
    halo-repl                             a prompt, when started at a terminal
    halo-repl < session.cpp               inputs from a pipe or a file; they read nothing from it
    halo-repl 'int x = 6;' 'x * 7'        inputs as arguments
    halo-repl -Xcc -std=c++23             another standard
    halo-repl -Xcc -xc                    C
    halo-repl -lz                         with a library; %lib, %pkg do it later

    The exit status without a prompt is 1 when an input or a command has failed.
    """
    from halojit.repl.commands import Commands
    from halojit.repl.libraries import Libraries
    from halojit.repl.plain import Plain
    from halojit.repl.session import Session, SessionError

    flags = tuple(xcc or ())
    libraries = Libraries(
        tuple(str(Path(each).absolute()) if "/" in each else each for each in library or ()),
        tuple(str(Path(each).absolute()) for each in directory or ()),
        autoload,
    )
    is_console = not inputs and sys.stdin.isatty() and sys.stdout.isatty()
    # What is read as inputs is not for `cin`.
    nothing = None if inputs or sys.stdin.isatty() else os.open(os.devnull, os.O_RDONLY)

    def start() -> Session:
        return Session(flags, None if nothing is None else (nothing, 1, 2), libraries)

    # Importing what the prompt needs takes as long as starting the compiler does.
    with ThreadPoolExecutor(1) as starter:
        starting = starter.submit(start)
        if is_console:
            import halojit.repl.console
    try:
        with contextlib.closing(Commands(starting.result(), start)) as commands:
            if is_console:
                halojit.repl.console.Console(commands, paths.repl_history_path()).run()
                return
            plain = Plain(commands)
            if inputs:
                for each in inputs:
                    plain.take(each)
            else:
                plain.read(sys.stdin)
            plain.end()
    except SessionError as error:
        print(f"halo-repl: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    raise typer.Exit(plain.status)


def main() -> None:
    """Entry point."""
    app(prog_name="halo-repl")
