"""Do a program's inputs change while recipes are tried? The trials themselves tell.

In: the evidence of one trial after the other. Out: how the time per call of what is deployed has
changed in between. Pure.
"""

from __future__ import annotations

from halojit.model.evidence import Decision, Evidence

MOVED = 2.0
"""A change of the time per call from trial to trial, a factor, that is no noise."""
LEAST_CALLS = 200
"""Of each side, or a trial says nothing."""


class Usual:
    """Time per call, in nanoseconds, of what is deployed."""

    def __init__(self) -> None:
        self.ns = 0.0
        """In the last trial; 0: not known."""

    def see(self, decision: Decision, evidence: Evidence | None) -> float:
        """By what factor it changed since the trial before; 1 where that may be noise."""
        if evidence is None or min(evidence.calls) < LEAST_CALLS:
            return 1.0
        before_ns, self.ns = self.ns, evidence.before_ns
        if decision is Decision.WON:
            self.ns = evidence.after_ns
        if not before_ns or 1.0 / MOVED < evidence.before_ns / before_ns < MOVED:
            return 1.0
        return evidence.before_ns / before_ns
