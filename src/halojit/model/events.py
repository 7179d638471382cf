"""What happened, in the past tense: what a story tells to whoever watches.

`pid` says which process; events of a process arrive in order. Times are seconds since its main.
"""

from __future__ import annotations

from dataclasses import dataclass

from halojit.model.evidence import Decision, Evidence
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
class TrialBegan(Event):
    """A challenger is being tried on live calls."""

    root: Place
    name: str
    against: str


@dataclass(frozen=True, slots=True)
class TrialEnded(Event):
    """A challenger met the incumbent."""

    root: Place
    recipe: Recipe
    name: str
    """The challenger in words, such as "256-bit vectors"."""
    against: str
    """The incumbent in words; "original" is the program's own code."""
    evidence: Evidence | None
    """Of the challenger against the incumbent; None: nothing was measured."""
    decision: Decision
    reason: str
    """What the numbers do not say, such as "would have taken 40 s"; may be empty."""
    cost_s: float
    """Processor time that it took from the program: slower calls and the trial's own work."""
    is_kept: bool
    """Does the entry lead to the challenger from now on?"""
    total_speedup: float = 1.0
    """Of what is deployed now, against the original."""


@dataclass(frozen=True, slots=True)
class RecipeFailed(Event):
    """A recipe gave no variant: it does not compile or link, or took too long. Others may."""

    root: Place
    recipe: Recipe
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class RegionConverged(Event):
    """The search of a region is over for now; what is deployed stays."""

    root: Place
    recipe: Recipe | None
    """Of what is deployed; None: the original."""
    speedup: float
    """Against the original."""
    trials: int
    reason: str
    name: str = ""
    """The recipe in words, if it has a name."""


@dataclass(frozen=True, slots=True)
class VariantRecalled(Event):
    """Known from an earlier run and deployed at once."""

    root: Place
    recipe: Recipe
    gain: float
    """Speed-up against the original, as that run measured it."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class RegionReopened(Event):
    """The search goes on: phase or input changed."""

    root: Place
    reason: str


@dataclass(frozen=True, slots=True)
class RegionMoved(Event):
    """Another function makes the better root: a caller, or something it calls."""

    root: Place
    to: Place
    reason: str


@dataclass(frozen=True, slots=True)
class CostCounted(Event):
    """What exploration has cost this process so far, in all."""

    cpu_s: float
    """The program's own processor time so far: what the budget is a share of."""
    budget_share: float
    challengers_s: float
    """Lost to challengers slower than the incumbent."""
    gates_s: float
    """The trials' own work, and calls that only counted."""
    compilers_s: float
    """Compiling on processors that the program wanted."""
    instrumented_s: float
    """Lost to variants that count for the profile-guided ones."""

    @property
    def spent_s(self) -> float:
        """All of it."""
        return self.challengers_s + self.gates_s + self.compilers_s + self.instrumented_s


@dataclass(frozen=True, slots=True)
class Quarantined(Event):
    """An object is never deployed again: a process died in it."""

    root: Place
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frozen(Event):
    """What is deployed stays and nothing more is tried; or trying goes on."""

    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """Every entry leads to the original again, until Resumed."""

    entries: int
    """How many had led elsewhere."""


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """After Stopped: tuning may begin again."""


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
