"""What happened, in the past tense: what a story tells to whoever watches.

`pid` says which process; events of a process arrive in order. Times are seconds since its main.
"""

from __future__ import annotations

from dataclasses import dataclass

from halojit.model.evidence import Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe, Region


@dataclass(frozen=True, slots=True)
class Event:
    """Common to all."""

    pid: int
    at_s: float


@dataclass(frozen=True, slots=True)
class ProgramSeen(Event):
    """A process connected and said what it is."""

    executable: str
    images: int
    modules: int


@dataclass(frozen=True, slots=True)
class SamplerStarted(Event):
    """The profile comes from "perf" or "timer"; "off" means there is none."""

    sampler: str
    hertz: int


@dataclass(frozen=True, slots=True)
class ProfileRead(Event):
    """The state of the profile."""

    samples: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class RegionChosen(Event):
    """A root is worth tuning."""

    region: Region


@dataclass(frozen=True, slots=True)
class VariantBuilt(Event):
    """A worker compiled it (or the cache had it)."""

    root: Place
    recipe: Recipe
    object_bytes: int
    functions: int
    build_s: float


@dataclass(frozen=True, slots=True)
class VariantDeployed(Event):
    """The program enters the variant from now on: behind a gate while it is being timed."""

    root: Place
    is_gated: bool


@dataclass(frozen=True, slots=True)
class TrialEnded(Event):
    """The last word on a region for now."""

    root: Place
    evidence: Evidence | None
    is_kept: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RegionRefused(Event):
    """A region was chosen and could not be built, linked or patched."""

    root: Place
    reason: str


@dataclass(frozen=True, slots=True)
class StressCounted(Event):
    """What the stress strategy has done so far, in all."""

    functions: int
    built: int
    unbuildable: int
    variants: int
    swaps: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something a user should know; nothing stops because of it."""

    message: str


@dataclass(frozen=True, slots=True)
class ProgramEnded(Event):
    """The connection is gone."""

    reason: str
