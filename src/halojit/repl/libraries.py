"""Libraries as values and as source text. No I/O.

An input asks for a library by a line of C++ that clang and lld understand, too, and for directories
by lines that other compilers skip: so whatever a session is linked with is among its inputs, which
can be taken back, saved and run again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Libraries:
    """What a session's inputs are linked with. `names`: as in `wanted`, loaded at the start;
    `directories`: where to look first, absolute; `is_automatic`: whether a symbol that nothing
    defines is searched in the libraries of the executor's machine."""

    names: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    is_automatic: bool = True


def wanted(library: str) -> str:
    """The line that loads a library: a path, a file's name, or X as in -lX."""
    return f"#pragma comment(lib, {_literal(library)})"


def included(directory: str) -> str:
    """The line that has headers looked for in a directory, too."""
    return f"#pragma halo include_path({_literal(directory)})"


def searched(directory: str) -> str:
    """The line that has libraries looked for in a directory first."""
    return f"#pragma halo library_path({_literal(directory)})"


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
