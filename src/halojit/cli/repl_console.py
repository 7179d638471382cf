"""A console from nothing: the prompt is there first, what stands behind it a moment later.

In: how to start a session. Out: the exit status. Starting a compiler takes as long as importing
what the prompt needs: both are done at once. Keys that are pressed meanwhile wait in the terminal.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halojit.repl.session import Session

PROMPT = "halo> "


def is_terminal() -> bool:
    """Whether a person is at both ends, of something that can move its cursor."""
    is_dumb = os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb


def run(start: Callable[[], Session]) -> int:
    """Until the session ends. `start`: raises SessionError."""
    try:
        with _kept_keys() as modes:
            print(PROMPT, end="", flush=True)
            return _run(start, modes)
    except KeyboardInterrupt:  # before the console takes the keys
        print()
        return 128 + signal.SIGINT


def _run(start: Callable[[], Session], modes: list[Any]) -> int:
    gc.disable()  # nothing of what is imported is garbage
    from halojit.repl.session import SessionError

    begin_line = "\r\x1b[K"  # the prompt is the console's from here on
    try:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as starter:
            starting = starter.submit(start)
            from halojit import paths
            from halojit.repl.commands import Commands
            from halojit.repl.console import Console
        gc.freeze()
        gc.enable()
        commands = Commands(starting.result(), start)
        with contextlib.closing(commands):
            console = Console(commands, PROMPT, paths.repl_history_path(), modes)
            print(begin_line, end="", flush=True)
            console.run()
    except SessionError as error:
        print(begin_line, end="", flush=True)
        print(f"halo-repl: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _kept_keys() -> Iterator[list[Any]]:
    """Keys are not echoed and wait for who reads the terminal next, also Ctrl-D, which a terminal
    that gathers lines forgets when it ceases to. The terminal's modes before that."""
    modes = termios.tcgetattr(sys.stdin)
    kept = list(modes)
    kept[0] &= ~termios.ICRNL
    kept[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, kept)
    try:
        yield modes
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, modes)
