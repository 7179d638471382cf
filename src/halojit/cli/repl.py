"""`halo-repl`'s beginning: what its options are, `repl_options` knows.

In: the command line. Out: the exit status. A console without options, as most are, is there before
what reads options could have been imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from halojit.cli.repl_console import is_terminal, run


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
    if flags is not None and is_terminal():
        from halojit.repl.session import Session

        sys.exit(run(partial(Session, flags)))
    from halojit.cli.repl_options import app

    # As clang-repl has it: the value is optional.
    bare = "--oop-executor"
    app([f"{bare}=" if each == bare else each for each in arguments], prog_name="halo-repl")
