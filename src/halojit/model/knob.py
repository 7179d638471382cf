"""A knob: one choice of the compiler, and the ways in which one is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Knob:
    """One choice of the compiler."""

    name: str
    doc: str
    settings: tuple[str, ...]
    """What search draws from; the first is LLVM's own choice and changes nothing."""
    applies: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Setting -> options of `_native.Image.build`."""


def choice(name: str, doc: str, usual: str, applies: Mapping[str, Mapping[str, str]]) -> Knob:
    """Any knob."""
    return Knob(name, doc, (usual, *applies), {usual: {}, **applies})


def one_of(name: str, doc: str, option: str, settings: str) -> Knob:
    """Settings are what the option takes; the first is LLVM's own."""
    usual, *others = settings.split()
    return choice(name, doc, usual, {other: {option: other} for other in others})


def usually_off(name: str, doc: str, option: str, word: str = "true") -> Knob:
    """Something that LLVM's default pipeline does not do."""
    return choice(name, doc, "off", {"on": {option: word}})


def usually_on(name: str, doc: str, option: str, word: str = "false") -> Knob:
    """Something that LLVM's default pipeline does."""
    return choice(name, doc, "on", {"off": {option: word}})


def as_it_seems(name: str, doc: str, option: str) -> Knob:
    """What LLVM decides by loop, function or processor."""
    return choice(name, doc, "auto", {"on": {option: "true"}, "off": {option: "false"}})
