"""`halo-repl`: interactive C++ (and C), by its options."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from halojit.cli.repl_console import is_terminal, run

_LEAST_BYTES = 8 << 20
"""With less, a worker may not even begin (executor/limits.h)."""

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
    oop_executor: Annotated[
        str,
        typer.Option(
            "--oop-executor",
            metavar="[=PATH]",
            help="The halo-executor that inputs run in; without a path ours, as always.",
        ),
    ] = "",
    oop_executor_connect: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Run inputs in a halo-executor listen=HOST:PORT. HOST is this machine; another "
            "one is reached through ssh -L PORT:127.0.0.1:PORT MACHINE.",
        ),
    ] = None,
    orc_runtime: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="PATH",
            help="LLVM 22's liborc_rt for the executor; by default that of clang here.",
        ),
    ] = None,
    no_checkpoint: Annotated[
        bool,
        typer.Option(
            "--no-checkpoint",
            help="Keep no states: an input that fails leaves what it leaves, and after a crash "
            "the session is empty.",
        ),
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Limit of what inputs allocate, as 500M or 8G, beyond which std::bad_alloc is "
            "thrown; by default three quarters of this machine's (or container's) memory.",
        ),
    ] = None,
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

    The exit status without a prompt is 1 when an input or a command has failed, or an exception was
    not caught.
    """
    from halojit.repl.commands import Commands
    from halojit.repl.executor import Executor
    from halojit.repl.libraries import Libraries
    from halojit.repl.plain import Plain
    from halojit.repl.session import Session, SessionError

    flags = tuple(xcc or ())
    libraries = Libraries(
        tuple(str(Path(each).absolute()) if "/" in each else each for each in library or ()),
        tuple(str(Path(each).absolute()) for each in directory or ()),
        autoload,
    )
    if oop_executor_connect is not None and (oop_executor or memory):
        raise typer.BadParameter(
            "--oop-executor and --memory are for executors that are started here; "
            "give memory=SIZE to the halo-executor that listens"
        )
    executor = Executor(
        Path(oop_executor) if oop_executor else None,
        oop_executor_connect,
        _bytes(memory),
        orc_runtime,
    )
    is_console = not inputs and is_terminal()
    # What is read as inputs is not for `cin`.
    nothing = None if inputs or sys.stdin.isatty() else os.open(os.devnull, os.O_RDONLY)

    def start() -> Session:
        stdio = None if nothing is None else (nothing, 1, 2)
        return Session(flags, stdio, libraries, executor, keeps_states=not no_checkpoint)

    if is_console:
        raise typer.Exit(run(start))
    try:
        with contextlib.closing(Commands(start(), start)) as commands:
            plain = Plain(commands)
            signal.signal(signal.SIGINT, plain.interrupt)
            if inputs:
                for each in inputs:
                    plain.take(each)
            else:
                plain.read(sys.stdin)
            plain.end()
    except SessionError as error:
        print(f"halo-repl: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
    raise typer.Exit(plain.status)


def _bytes(size: str | None) -> int | None:
    """`500M`, `8G`; a number alone is of bytes. Raises typer.BadParameter."""
    if size is None:
        return None
    found = re.fullmatch(r"(\d+)([KMGT]?)", size, re.IGNORECASE)
    bytes = int(found[1]) << 10 * " KMGT".index(found[2].upper() or " ") if found else 0
    if bytes < _LEAST_BYTES:
        raise typer.BadParameter(
            f"--memory {size}: expected a size of at least {_LEAST_BYTES >> 20}M, as 500M or 8G"
        )
    return bytes
