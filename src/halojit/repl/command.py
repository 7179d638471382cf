"""An entry of the table of `%` commands: a name, kinds of arguments, a line of help.

In: what follows a command's name. Out: typed arguments, or what is wrong with them. It does not
know what any command does.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halojit.repl.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What comes of a text. `outcomes`: of the inputs that ran, in their order; `text`: what a
    command says, to be shown after them; `is_over`: the session is to end."""

    text: str = ""
    is_ok: bool = True
    outcomes: tuple[Outcome, ...] = ()
    is_over: bool = False


class CommandError(ValueError):
    """A command cannot do what it is asked; names the value and the next step."""


@dataclass(frozen=True, slots=True)
class Command:
    """`arguments`: their kinds (_KINDS) as %help shows them, the optional ones in brackets; CODE
    and EXPRESSION are the rest of the text as it stands."""

    name: str
    arguments: str
    help: str
    run: Callable[..., Result]

    @property
    def usage(self) -> str:
        """`%undo [N]`."""
        return f"%{self.name} {self.arguments}".rstrip()

    @property
    def takes_code(self) -> bool:
        """Whether what follows the name is C++."""
        return self.arguments in ("CODE", "EXPRESSION")

    def values(self, rest: str) -> list[Any]:
        """Arguments for `run`. Raises CommandError."""
        kinds = self.arguments.split()
        if self.takes_code and rest:
            return [rest]
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise CommandError(f"{rest}: {error}; expected {self.usage}") from error
        required = sum(not kind.startswith("[") for kind in kinds)
        if not required <= len(words) <= len(kinds):
            raise CommandError(f"{rest or 'no argument'}: expected {self.usage}")
        given = len(words) - required  # of the optional ones, the first
        values: list[Any] = []
        for kind in kinds:
            is_optional = kind.startswith("[")
            if is_optional and not given:
                values.append(None)
                continue
            given -= is_optional
            values.append(_KINDS[kind.strip("[]")](words.pop(0)))
        return values


def split(typed: str) -> tuple[str, str]:
    """`%name rest` in its two parts."""
    name, *rest = typed[1:].split(maxsplit=1) or [""]
    return name, rest[0] if rest else ""


def _number(word: str) -> int:
    if not word.isdecimal() or int(word) == 0:
        raise CommandError(f"{word}: expected how many inputs, as %undo 2")
    return int(word)


def _name(word: str) -> str:
    if not word or re.search(r"[\s'\"\\]", word):
        raise CommandError(f"{word!r}: expected a name without blanks and quotes")
    return word


def _level(word: str) -> int:
    if word not in ("-O0", "-O1", "-O2", "-O3"):
        raise CommandError(f"{word}: expected -O0, -O1, -O2 or -O3")
    return int(word[2])


def path(word: str) -> Path:
    """A path as people type it. Raises CommandError."""
    try:
        return Path(word).expanduser()
    except RuntimeError as error:
        raise CommandError(f"{word}: {error}") from error


_KINDS: dict[str, Callable[[str], Any]] = {
    "N": _number,
    "FILE": path,
    "LIBRARY": str,
    "PACKAGE": str,
    "NAME": _name,
    "FUNCTION": str,
    "-O2": _level,
    "COMMAND": str,
    "CODE": str,
    "EXPRESSION": str,
}
