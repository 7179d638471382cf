"""What the store answers."""

from __future__ import annotations

from dataclasses import dataclass

from halojit.model.evidence import Evidence
from halojit.model.function import Key
from halojit.model.region import Recipe, Variant

TOUCH_S = 3600.0
"""A use is noted when the last note is older: most connections write nothing."""


@dataclass(frozen=True)
class Known:
    """The best variant of a region, as an earlier run measured it."""

    root: str
    root_keys: tuple[Key, ...]
    recipe: Recipe
    variant: Variant
    gain: float
    """Logarithm of the speed-up over the original."""
    evidence: Evidence | None


@dataclass(frozen=True)
class Tried:
    """A recipe that was tried on a region."""

    recipe: Recipe
    gain: float
    """Logarithm of the speed-up over the original."""
    decision: str
    when: float
    """Seconds since 1970."""
    digest: str
    evidence: Evidence | None


@dataclass(frozen=True)
class RegionRow:
    """A region in a listing."""

    root: str
    gain: float | None
    """Of its best variant; None if it has none."""
    trials: int


@dataclass(frozen=True)
class ProgramRow:
    """A build of a program on a kind of processor, in a listing."""

    build: str
    cpu: str
    executable: str
    seen: float
    """Seconds since 1970."""
    regions: tuple[RegionRow, ...]
