"""A region of a program and the variants built of it.

A region is a root function with everything it calls directly; a recipe says how to compile it;
a variant is the result, still as an object file: the same for every process of the build.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from halojit.model.function import Key, Place


@dataclass(frozen=True, slots=True)
class Region:
    """Why this root: what the profile and the entry counts say of it."""

    root: Place
    share: float
    """Of the program's processor time, as sampled, with everything it calls."""
    entries_per_s: float
    ns_per_call: float
    hot: tuple[str, ...] = ()
    """The root, and what it calls that has a share of its samples."""
    is_recursive: bool = False
    """Are its calls nested in others of it, as the bitcode or samples show?"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of the compiler for one variant."""

    cpu: str
    features: str
    level: int = 3
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        options = "".join(f" {name}={value}" for name, value in self.options)
        return f"O{self.level} {self.cpu or 'baseline'}{options}"


Targets = tuple[tuple[str, int], ...]
"""Functions that one indirect call reached, and how often."""

TARGETS_PER_SITE = 4
"""Entries of a site in a table of targets, each (u64 address, u64 calls); zero: not used."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Where an instrumented variant counts one function."""

    name: str
    hash: int
    """Of the function's shape; a profile with another is not used."""
    symbol: str
    """Of `count` u64 counters."""
    count: int
    targets: str = ""
    """Symbol of the table of the targets of `sites` indirect calls; "" when there are none."""
    sites: int = 0


@dataclass(frozen=True, slots=True)
class FunctionProfile:
    """What was counted of one function; recipes with the same region-limit can use it."""

    name: str
    hash: int
    counts: tuple[int, ...]
    values: tuple[Targets, ...] = ()
    """By site of an indirect call."""


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides a variant's bytes, beside the bitcode."""

    roots: tuple[str, ...]
    recipe: Recipe
    has_gate: bool = True
    tls_offsets: tuple[tuple[Key, int], ...] = ()
    is_instrumented: bool = False
    """Counts instead of using the profile."""
    profile: tuple[FunctionProfile, ...] = ()
    hot: tuple[str, ...] = ()
    """Functions that the region has before others."""
    is_recursive: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """Built code: a relocatable object and how to link it into a process."""

    data: bytes
    digest: str
    entries: dict[str, str]
    """Root -> symbol of its variant."""
    gates: dict[str, tuple[str, str]]
    """Root -> symbols of its gate and of the gate's control block; absent if ungated."""
    needs: dict[str, list[Key]]
    """Undefined symbol -> table entries that give its address; none: a builtin."""
    functions: tuple[str, ...] = field(default=())
    counters: tuple[Counters, ...] = ()
    build_s: float = 0.0
    build_cpu_s: float = 0.0
