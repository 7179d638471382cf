"""The files of %load and %save: C++ that somebody wrote, or the inputs of a session.

In: a path. Out: inputs. Saved ones are apart from each other by a comment that none of them has
as a line, so that they are the same inputs again; the rest of a file is theirs as it stands.

    // the inputs of a halo-repl session; %load runs them again
    // ---- input
    int x = 1;
    // ---- input
    x
"""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from halojit.repl.command import CommandError

SAVED = "// the inputs of a halo-repl session; %load runs them again"
"""A saved file's first line. %save replaces no other file."""
_SEPARATOR = re.compile(r"// -{4,} input")
_OTHER = "choose another name"
_ENDLESS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
"""What may be without an end, or begin when somebody else does something."""


def load(file: Path) -> tuple[str, ...]:
    """What a file is to run as. Raises CommandError."""
    text = _read(file, "expected a regular file of C++")
    head, separator, *_ = (*text.split("\n", 2), "")
    if head != SAVED or not _SEPARATOR.fullmatch(separator):
        return (text,)
    inputs = re.split(f"^{separator}\n", text, flags=re.MULTILINE)[1:]
    return tuple(each.removesuffix("\n") for each in inputs) or (text,)


def save(file: Path, inputs: Sequence[str]) -> None:
    """Writes a file, or one of ours anew. Raises CommandError."""
    texts = [each.strip("\n") for each in inputs]
    dashes = 4
    while any(_separator(dashes) in each for each in texts):
        dashes += 1
    lines = [SAVED, *(f"{_separator(dashes)}\n{each}" for each in texts)]
    try:
        if file.exists() and not _read(file, _OTHER).startswith(SAVED):
            raise CommandError(f"{file}: is not replaced; remove it or {_OTHER}")
        file.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}; {_OTHER}") from error


def _separator(dashes: int) -> str:
    return f"// {'-' * dashes} input"


def _read(file: Path, hint: str) -> str:
    try:
        if what := _ENDLESS.get(stat.S_IFMT(file.stat().st_mode)):
            raise CommandError(f"{file}: is {what}; {hint}")
        return file.read_text()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}; {hint}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: is not UTF-8 text; {hint}") from error
