"""What came of a run, collected from events.

In: events, in order. Out: rows, one a region, and the JSON form that `halo run --json` writes:

    {"exit_status", "wall_s", "strategy", "regions": [{"root", "name", "share", "before_ns",
     "after_ns", "speedup", "speedup_low", "speedup_high", "patched_after_s", "is_kept", "note"}],
     "processes", "messages", "stress": {...} or null}

A region that several processes of a run tuned is one row: first patched, best measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from halojit.model import events
from halojit.model.evidence import Evidence
from halojit.server.demangle import demangle


@dataclass
class Row:
    """A region; None where something is not known."""

    root: str
    name: str
    share: float
    before_ns: float | None = None
    after_ns: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    patched_after_s: float | None = None
    is_kept: bool = False
    note: str = ""
    calls: int = 0


@dataclass
class Report:
    """Grows with every event."""

    strategy: str = "once"
    rows: dict[str, Row] = field(default_factory=dict)
    processes: int = 0
    samples: dict[int, int] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    stress: dict[int, events.StressCounted] = field(default_factory=dict)
    doing: str = "waiting for the program"

    def hear(self, event: events.Event) -> None:
        """Takes an event in."""
        match event:
            case events.ProgramSeen():
                self.processes += 1
                self.doing = "sampling"
            case events.SamplerStarted(sampler="off"):
                self._say("the program's sampler is off: no region can be chosen")
            case events.ProfileRead():
                self.samples[event.pid] = event.samples
            case events.RegionChosen(region=region):
                row = self.rows.setdefault(
                    region.root.name,
                    Row(region.root.name, demangle(region.root.name), region.share),
                )
                row.share = max(row.share, region.share)
                if row.before_ns is None:
                    row.before_ns = region.ns_per_call
                self.doing = f"building {row.name}"
            case events.VariantDeployed():
                row = self.rows[event.root.name]
                row.is_kept = True
                if row.patched_after_s is None:
                    row.patched_after_s = event.at_s
                if not event.is_gated:
                    row.note = "not timed"
                self.doing = f"timing {row.name}" if event.is_gated else "watching"
            case events.TrialEnded():
                row = self.rows[event.root.name]
                if event.evidence is not None:
                    self._measured(row, event.evidence)
                elif row.speedup is None:
                    row.note = event.reason
                row.is_kept = event.is_kept
                if not event.is_kept:
                    row.note = "slower: taken back"
                self.doing = "watching"
            case events.RegionRefused(root=root, reason=reason):
                if root.name in self.rows:
                    self.rows[root.name].note = reason
                self._say(f"{demangle(root.name)} was left as it is: {reason}")
            case events.StressCounted():
                self.stress[event.pid] = event
                self.doing = f"stress: {self.swaps} swaps"
            case events.Warned(message=message):
                self._say(message)

    @property
    def swaps(self) -> int:
        """Under `stress`, in all processes."""
        return sum(count.swaps for count in self.stress.values())

    def _measured(self, row: Row, evidence: Evidence) -> None:
        if sum(evidence.calls) < row.calls:
            return
        row.calls = sum(evidence.calls)
        row.before_ns = evidence.before_ns
        row.after_ns = evidence.after_ns
        row.speedup = evidence.speedup
        row.speedup_low = evidence.low
        row.speedup_high = evidence.high
        row.note = ""

    def _say(self, message: str) -> None:
        if message not in self.messages:
            self.messages.append(message)

    def sorted_rows(self) -> list[Row]:
        """Patched regions first, by share."""
        rows = self.rows.values()
        return sorted(rows, key=lambda row: (row.patched_after_s is None, -row.share))

    def to_json(self, exit_status: int, wall_s: float) -> str:
        """For machines."""
        return json.dumps(self.to_dict(exit_status, wall_s), indent=2) + "\n"

    def to_dict(self, exit_status: int, wall_s: float) -> dict[str, Any]:
        """What `to_json` spells."""
        stress = None
        if self.stress:
            counts = self.stress.values()
            stress = {
                name: sum(getattr(count, name) for count in counts)
                for name in ("functions", "built", "unbuildable", "variants", "swaps")
            }
            stress["problems"] = sorted({p for count in counts for p in count.problems})
        return {
            "exit_status": exit_status,
            "wall_s": wall_s,
            "strategy": self.strategy,
            "processes": self.processes,
            "samples": sum(self.samples.values()),
            "regions": [asdict(row) for row in self.sorted_rows() if row.patched_after_s],
            "messages": self.messages,
            "swaps": self.swaps,
            "stress": stress,
        }
