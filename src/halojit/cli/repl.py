"""`halo-repl`'s beginning: its session starts while everything else is still being imported.

In: the command line. Out: the exit status. What the options are, `repl_options` knows; this module
knows only which command lines ask for nothing but a console.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from halojit.repl.session import Session


def flags_of_console(arguments: Sequence[str]) -> tuple[str, ...] | None:
    """clang's flags; None: something else is asked for, too."""
    names, flags = arguments[::2], arguments[1::2]
    if len(arguments) % 2 or any(each != "-Xcc" for each in names):
        return None
    return tuple(flags)


def main() -> None:
    """Entry point."""
    arguments = sys.argv[1:]
    flags = flags_of_console(arguments)
    early: Future[Session] | None = None
    if flags is not None and sys.stdin.isatty() and sys.stdout.isatty():
        starter = ThreadPoolExecutor(1)
        early = starter.submit(Session, flags)
        starter.shutdown(wait=False)
    from halojit.cli.repl_options import app

    # As clang-repl has it: the value is optional.
    bare = "--oop-executor"
    app(
        [f"{bare}=" if each == bare else each for each in arguments],
        prog_name="halo-repl",
        obj=early,
    )
