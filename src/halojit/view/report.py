"""What came of a run, collected from events.

In: events, in order. Out: rows, one a region, and the JSON form that `halo run --json` writes:

    {"exit_status", "wall_s", "strategy", "processes", "samples", "messages", "swaps",
     "regions": [{"root", "name", "share", "before_ns", "after_ns", "speedup", "speedup_low",
       "speedup_high", "recipe", "settings", "is_kept", "patched_after_s", "converged_after_s",
       "trials", "won", "lost", "tied", "undecided", "failed", "note"}],
     "exploration": {"cpu_s", "budget_share", "spent_s": {"challengers", "gates", "compilers",
       "instrumented"}, "trials", "won", "lost", "tied", "undecided", "failed"},
     "timeline": [{"at_s", "pid", "root", "event", "speedup"}],
     "stress": {...} or null}

Speed-ups are against the original. A region that several processes of a run tuned is one row: first
patched, and as it was in the process that timed the most calls.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from halojit.model import events
from halojit.model.evidence import Decision
from halojit.server import journal
from halojit.server.demangle import readable
from halojit.server.ledger import Ledger, ProcessState, RegionState

STORY_LINES = 20_000
TIMELINE_EVENTS = 20_000
"""More are not kept: a service may run for weeks."""
TOLD = {
    events.VariantDeployed: "patched",
    events.RecipeFailed: "failed",
    events.RegionConverged: "converged",
    events.VariantRecalled: "recalled",
    events.RegionReopened: "reopened",
    events.RegionMoved: "moved",
    events.RegionRefused: "refused",
    events.Quarantined: "quarantined",
    events.Stopped: "stopped",
    events.Resumed: "resumed",
}
SPENT = ("challengers", "gates", "compilers", "instrumented")


@dataclass(frozen=True)
class Row:
    """A region, over all processes of the run."""

    state: RegionState
    """In the process that timed the most calls."""
    share: float
    patched_after_s: float | None
    converged_after_s: float | None
    decisions: Counter[Decision]
    failures: Counter[str]

    @property
    def trials(self) -> int:
        return self.decisions.total()


@dataclass(frozen=True)
class Exploration:
    """What looking for faster code has cost, in all processes."""

    cpu_s: float
    budget_share: float
    spent_s: dict[str, float]

    @property
    def total_s(self) -> float:
        return sum(self.spent_s.values())

    @property
    def share(self) -> float:
        """Of the programs' processor time."""
        return self.total_s / self.cpu_s if self.cpu_s else 0.0


@dataclass
class Report:
    """Grows with every event."""

    strategy: str = "once"
    budget: float = 0.03
    messages: list[str] = field(default_factory=list)
    doing: str = "waiting for the program"
    story: list[tuple[float, str]] = field(default_factory=list)
    """(seconds since the process's main, line)."""
    timeline: list[dict[str, Any]] = field(default_factory=list)
    _ledger: Ledger = field(default_factory=Ledger)
    _all: dict[int, ProcessState] = field(default_factory=dict)
    """All processes there ever were, by id(): numbers of processes come again."""

    def hear(self, event: events.Event) -> None:
        """Takes an event in."""
        state = self._ledger.hear(event)
        self._all[id(state)] = state
        if not isinstance(event, events.ProgramEnded):
            self.doing = state.doing
        self._tell(event, state)
        match event:
            case events.SamplerStarted(sampler="off"):
                self._say("the program's sampler is off: no region can be chosen")
            case events.RegionRefused(root=root, reason=reason):
                self._say(f"{readable(root.name)} was left as it is: {reason}")
            case events.Quarantined(root=root, reason=reason):
                self._say(f"a variant of {readable(root.name)} is not used any more: {reason}")
            case events.Warned(message=message):
                self._say(message)

    def _tell(self, event: events.Event, state: ProcessState) -> None:
        what = event.decision.value if isinstance(event, events.TrialEnded) else ""
        what = what or TOLD.get(type(event), "")
        if isinstance(event, events.Frozen):
            what = "frozen" if event.is_frozen else "unfrozen"
        if not what and not isinstance(event, events.RegionChosen):
            return
        root = getattr(event, "root", None)
        region = state.regions.get(root.name) if root is not None else None
        if what and len(self.timeline) < TIMELINE_EVENTS:
            self.timeline.append(
                {
                    "at_s": event.at_s,
                    "pid": event.pid,
                    "root": root.name if root is not None else None,
                    "event": what,
                    "speedup": region.speedup if region else None,
                }
            )
        line = journal.line(event)
        if line is not None and len(self.story) < STORY_LINES:
            self.story.append((event.at_s, line))

    def _say(self, message: str) -> None:
        if message not in self.messages:
            self.messages.append(message)

    @property
    def processes(self) -> int:
        return len(self._all)

    @property
    def samples(self) -> int:
        return sum(process.samples for process in self._all.values())

    @property
    def stress(self) -> list[events.StressCounted]:
        return [process.stress for process in self._all.values() if process.stress]

    @property
    def swaps(self) -> int:
        """Under `stress`, in all processes."""
        return sum(count.swaps for count in self.stress)

    @property
    def rows(self) -> list[Row]:
        """Patched regions first, by share."""
        found: dict[str, list[RegionState]] = {}
        for process in self._all.values():
            for name, region in process.regions.items():
                found.setdefault(name, []).append(region)
        rows = [_row(regions) for regions in found.values()]
        return sorted(rows, key=lambda row: (row.patched_after_s is None, -row.share))

    @property
    def decisions(self) -> Counter[Decision]:
        return sum((row.decisions for row in self.rows), Counter())

    @property
    def failures(self) -> Counter[str]:
        """Why recipes gave no code."""
        return sum((row.failures for row in self.rows), Counter())

    @property
    def exploration(self) -> Exploration:
        costs = [process.cost for process in self._all.values() if process.cost]
        spent = {name: sum(getattr(cost, f"{name}_s") for cost in costs) for name in SPENT}
        cpu_s = sum(process.cpu_s for process in self._all.values())
        budget = max((cost.budget_share for cost in costs), default=self.budget)
        return Exploration(cpu_s, budget, spent)

    def to_json(self, exit_status: int, wall_s: float) -> str:
        """For machines."""
        return json.dumps(self.to_dict(exit_status, wall_s), indent=2) + "\n"

    def to_dict(self, exit_status: int, wall_s: float) -> dict[str, Any]:
        """What `to_json` spells."""
        exploration = self.exploration
        return {
            "exit_status": exit_status,
            "wall_s": wall_s,
            "strategy": self.strategy,
            "processes": self.processes,
            "samples": self.samples,
            "regions": [_region(row) for row in self.rows if row.patched_after_s is not None],
            "exploration": {
                "cpu_s": exploration.cpu_s,
                "budget_share": exploration.budget_share,
                "spent_s": exploration.spent_s,
                **_counts(self.decisions),
                "failed": self.failures.total(),
            },
            "timeline": self.timeline,
            "messages": self.messages,
            "swaps": self.swaps,
            "stress": self._stress(),
        }

    def _stress(self) -> dict[str, Any] | None:
        counts = self.stress
        if not counts:
            return None
        names = ("functions", "built", "unbuildable", "variants", "swaps")
        stress: dict[str, Any] = {
            name: sum(getattr(count, name) for count in counts) for name in names
        }
        stress["problems"] = sorted({p for count in counts for p in count.problems})
        return stress


def _row(regions: list[RegionState]) -> Row:
    def first(times: Iterable[float | None]) -> float | None:
        return min((time for time in times if time is not None), default=None)

    return Row(
        max(regions, key=lambda region: region.calls),
        max(region.share for region in regions),
        first(region.patched_after_s for region in regions),
        first(region.converged_after_s for region in regions),
        sum((region.decisions for region in regions), Counter()),
        sum((region.failures for region in regions), Counter()),
    )


def _counts(decisions: Counter[Decision]) -> dict[str, int]:
    return {"trials": decisions.total()} | {one.value: decisions[one] for one in Decision}


def _region(row: Row) -> dict[str, Any]:
    state = row.state
    return {
        "root": state.root,
        "name": state.name,
        "share": row.share,
        "before_ns": state.before_ns,
        "after_ns": state.after_ns,
        "speedup": state.speedup,
        "speedup_low": state.low,
        "speedup_high": state.high,
        "recipe": state.recipe,
        "settings": state.settings,
        "is_kept": state.is_kept,
        "patched_after_s": row.patched_after_s,
        "converged_after_s": row.converged_after_s,
        **_counts(row.decisions),
        "failed": row.failures.total(),
        "note": state.note,
    }
