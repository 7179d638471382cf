"""What comes of an input, as values. No I/O."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Reason(StrEnum):
    """Why an input was taken back."""

    COMPILE = "compile"
    """It is no valid C++; the diagnostics say why."""
    LINK = "link"
    """A symbol is missing."""
    CRASH = "crash"
    """A signal, an abort, a killed process."""
    EXIT = "exit"
    """It called exit."""
    INTERRUPT = "interrupt"
    """Somebody pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One function of a backtrace. `line` is in `file`, both unknown where there is none."""

    function: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input was taken back, for a person; a crash's functions from the innermost one on."""

    reason: Reason
    text: str
    backtrace: tuple[Frame, ...] = ()


class Form(StrEnum):
    """What a front wants of values."""

    TEXT = "text"
    DISPLAY = "display"
    """Text, and what the user's halo_display makes of the value."""
    NODE = "node"
    """Bytes to compute with (interpreter/support/give.h), and no text."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A form of a value that is not plain text. `mime`: its type, as "text/html"."""

    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Value:
    """A trailing expression's type and value, as text; and in the form that the session was begun
    for."""

    type: str
    text: str
    node: bytes = b""
    pictures: tuple[Picture, ...] = ()

    @classmethod
    def told(cls, told: Mapping[str, Any]) -> Self:
        """As the interpreter tells it."""
        pictures = tuple(
            Picture(each["mime"], b64decode(each["data"])) for each in told.get("pictures", ())
        )
        return cls(told["type"], told["text"], b64decode(told.get("node", "")), pictures)

    def __str__(self) -> str:
        return f"({self.type}) {self.text}"


@dataclass(frozen=True, slots=True)
class Exception_:
    """An exception that an input did not catch. What the input did before stays."""

    type: str
    what: str

    def __str__(self) -> str:
        return f"{self.type}: {self.what}" if self.what else self.type


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an input. `lost`: earlier inputs that are gone with it, in their order."""

    diagnostics: str = ""
    value: Value | None = None
    exception: Exception_ | None = None
    failure: Failure | None = None
    lost: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the input's effects are there."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Declared:
    """What an input has declared. `text`: the value of a variable, where that is known at once."""

    kind: str  # "variable", "function", "type", "template", "namespace"
    name: str
    type: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand at the cursor. `text` replaces what is there from `Completions.start` on."""

    text: str
    kind: str  # "variable", "function", "type", "keyword", "macro", "member", "file", …
    signature: str


@dataclass(frozen=True, slots=True)
class Completions:
    """`start`: offset in characters of what the completions replace, up to the cursor."""

    start: int
    items: tuple[Completion, ...] = ()
