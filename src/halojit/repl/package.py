"""What pkg-config knows of a package, as source text.

In: a package's name. Out: lines that make its headers and libraries known to a session. It runs the
pkg-config program and knows nothing of sessions.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass

from halojit.repl.libraries import included, searched, wanted

_UNNEEDED = ("-pthread", "-Wl,", "-rdynamic", "-fPIC")
"""Flags that say nothing to code which runs in a process that is there already."""


class PackageError(ValueError):
    """pkg-config does not know the package, or is not there; says so in its own words."""


@dataclass(frozen=True, slots=True)
class Package:
    """`source`: an input; `ignored`: flags that it could not follow."""

    source: str
    ignored: tuple[str, ...] = ()


def package(name: str) -> Package:
    """Raises PackageError."""
    program = os.environ.get("PKG_CONFIG", "pkg-config")
    try:
        done = subprocess.run(
            [program, "--cflags", "--libs", "--", name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise PackageError(f"{program}: {error.strerror}; install pkg-config") from error
    if done.returncode:
        raise PackageError(done.stderr.strip() or f"{program} ended with {done.returncode}")
    return translated(shlex.split(done.stdout))


def translated(flags: list[str]) -> Package:
    """A compiler's flags as source text."""
    lines, ignored = [], []
    words = iter(flags)
    for word in words:
        if word in ("-I", "-L", "-l", "-D", "-U", "-isystem"):
            word += next(words, "")
        if word.startswith("-isystem"):
            lines.append(included(word.removeprefix("-isystem")))
        elif word.startswith("-I"):
            lines.append(included(word[2:]))
        elif word.startswith("-D"):
            macro, _, value = word[2:].partition("=")
            lines.append(f"#define {macro} {value if '=' in word else 1}")
        elif word.startswith("-U"):
            lines.append(f"#undef {word[2:]}")
        elif word.startswith("-L"):
            lines.append(searched(word[2:]))
        elif word.startswith("-l"):
            lines.append(wanted(word[2:].removeprefix(":")))
        elif not word.startswith("-"):
            lines.append(wanted(word))
        elif not word.startswith(_UNNEEDED):
            ignored.append(word)
    return Package("\n".join(dict.fromkeys(lines)), tuple(ignored))
