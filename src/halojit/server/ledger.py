"""What is known of processes and their regions, from events.

In: events, in order. Out: for each process its regions: what is deployed, how fast it is against
the original, what was tried for it. `halo status` and the reports of `halo run` are made of this.

Trials compare a challenger with the incumbent. What is deployed is the last of a chain of winners,
so its interval against the original is that of a product of independent measurements: the squares
of the logarithmic half-widths add up.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from halojit.model import events
from halojit.model.evidence import Decision, Evidence
from halojit.server.demangle import readable
from halojit.server.journal import is_original, recipe_words


@dataclass
class RegionState:
    """One region of one process; None where something is not known."""

    root: str
    name: str
    share: float = 0.0
    before_ns: float | None = None
    """A call of the original; it would be, where what is deployed is not the original."""
    after_ns: float | None = None
    speedup: float | None = None
    """Of what is deployed, against the original."""
    low: float | None = None
    high: float | None = None
    recipe: str = "the original"
    settings: str = ""
    """The recipe as the compiler takes it."""
    is_kept: bool = False
    """Does the entry lead to new code?"""
    patched_after_s: float | None = None
    converged_after_s: float | None = None
    decisions: Counter[Decision] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    """Timed, in all trials."""
    note: str = ""
    doing: str = ""
    _reach2: tuple[float, float] = (0.0, 0.0)

    @property
    def trials(self) -> int:
        return self.decisions.total()

    def trial_ended(self, event: events.TrialEnded) -> None:
        """Takes in a trial."""
        self.decisions[event.decision] += 1
        self.doing = "watching"
        found = event.evidence
        if found is not None:
            self.calls += sum(found.calls)
        if event.is_kept and not is_original(event.name):
            self.is_kept = True
            self.recipe, self.settings = event.name, str(event.recipe)
            self.note = event.reason
            if found is not None:
                self._won(event, found)
        elif event.is_kept:
            self.restored(found.after_ns if found else None)
        elif is_original(event.against):
            self.restored(found.before_ns if found else None)

    def _won(self, event: events.TrialEnded, found: Evidence) -> None:
        before = (0.0, 0.0) if is_original(event.against) else self._reach2
        self._reach2 = (
            before[0] + math.log(found.speedup / found.low) ** 2,
            before[1] + math.log(found.high / found.speedup) ** 2,
        )
        total = event.total_speedup
        self.speedup = total
        self.low = total / math.exp(math.sqrt(self._reach2[0]))
        self.high = total * math.exp(math.sqrt(self._reach2[1]))
        self.after_ns = found.after_ns
        self.before_ns = found.after_ns * total

    def restored(self, ns: float | None = None) -> None:
        """The original runs; a call of it takes so long."""
        self.recipe, self.settings, self.note, self.is_kept = "the original", "", "", False
        self.speedup, self.low, self.high = 1.0, None, None
        self._reach2 = (0.0, 0.0)
        if ns is not None:
            self.before_ns = self.after_ns = ns

    def recalled(self, event: events.VariantRecalled) -> None:
        """Deployed because an earlier run found it."""
        self.recipe = recipe_words(event.recipe, event.name)
        self.settings = str(event.recipe)
        self.speedup, self.low, self.high = event.gain, None, None
        self.is_kept = True
        self.note = "known from an earlier run"
        self.patched(event.at_s)

    def patched(self, at_s: float) -> None:
        """For the first time, or again."""
        if self.patched_after_s is None:
            self.patched_after_s = at_s

    def converged(self, event: events.RegionConverged) -> None:
        """The search is over for now."""
        if self.converged_after_s is None:
            self.converged_after_s = event.at_s
        self.doing = "settled"
        if event.recipe is None:
            self.restored()
        elif event.name:
            self.recipe = event.name


@dataclass
class ProcessState:
    """One process of a program."""

    pid: int
    executable: str = "?"
    sampler: str = ""
    samples: int = 0
    cpu_s: float = 0.0
    regions: dict[str, RegionState] = field(default_factory=dict)
    cost: events.CostCounted | None = None
    stress: events.StressCounted | None = None
    is_frozen: bool = False
    is_stopped: bool = False
    doing: str = "connecting"

    def region(self, root: str) -> RegionState:
        """That of this root, new if need be."""
        if root not in self.regions:
            self.regions[root] = RegionState(root, readable(root))
        return self.regions[root]

    def hear(self, event: events.Event) -> None:
        """Takes an event of this process in."""
        match event:
            case events.ProgramSeen(executable=executable):
                self.executable = executable
                self.doing = "sampling"
            case events.SamplerStarted(sampler=sampler):
                self.sampler = sampler
            case events.ProfileRead():
                self.samples, self.cpu_s = event.samples, event.cpu_s
            case events.CostCounted():
                self.cost = event
                self.cpu_s = max(self.cpu_s, event.cpu_s)
            case events.StressCounted():
                self.stress = event
                self.doing = f"stress: {event.swaps:,} swaps"
            case events.Frozen(is_frozen=is_frozen):
                self.is_frozen = is_frozen
                self.doing = "frozen" if is_frozen else "watching"
            case events.Stopped():
                self.is_stopped = True
                self.doing = "stopped: the originals run"
                for region in self.regions.values():
                    region.restored()
                    region.doing = ""
            case events.Resumed():
                self.is_stopped = False
                self.doing = "sampling"
            case _:
                self._hear_of_region(event)

    def _hear_of_region(self, event: events.Event) -> None:
        match event:
            case events.RegionChosen(region=chosen):
                region = self.region(chosen.root.name)
                region.share = max(region.share, chosen.share)
                if region.before_ns is None:
                    region.before_ns = chosen.ns_per_call
                self._does(region, "building")
            case events.VariantDeployed():
                region = self.region(event.root.name)
                region.patched(event.at_s)
                if not event.is_gated:
                    region.note = "timed by samples"
                self._does(region, "timing" if event.is_gated else "watching")
            case events.TrialBegan(name=name):
                self._does(self.region(event.root.name), f"trying {name}")
            case events.TrialEnded():
                region = self.region(event.root.name)
                region.trial_ended(event)
                self.doing = "watching"
            case events.RecipeFailed(reason=reason):
                self.region(event.root.name).failures[reason] += 1
            case events.RegionConverged():
                self.region(event.root.name).converged(event)
                self.doing = "watching"
            case events.VariantRecalled():
                self.region(event.root.name).recalled(event)
            case events.RegionReopened():
                self._does(self.region(event.root.name), "trying again")
            case events.RegionMoved(to=to, reason=reason):
                region = self.region(event.root.name)
                region.note = f"{readable(to.name)} is tuned instead: {reason}"
                region.doing = ""
            case events.RegionRefused(reason=reason):
                region = self.region(event.root.name)
                region.note, region.doing = reason, ""
                self.doing = "watching"

    def _does(self, region: RegionState, what: str) -> None:
        region.doing = what
        self.doing = f"{region.name}: {what}"


class Ledger:
    """The processes that are connected."""

    def __init__(self) -> None:
        self.processes: dict[int, ProcessState] = {}

    def hear(self, event: events.Event) -> ProcessState:
        """Takes an event in; the process it is of."""
        if isinstance(event, events.ProgramSeen) or event.pid not in self.processes:
            self.processes[event.pid] = ProcessState(event.pid)
        state = self.processes[event.pid]
        state.hear(event)
        if isinstance(event, events.ProgramEnded):
            del self.processes[event.pid]
        return state
