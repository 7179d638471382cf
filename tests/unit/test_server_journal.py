"""Events in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from halojit.model import events
from halojit.model.evidence import Decision, Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe
from halojit.server import journal

ROOT = Place(1, "factor")
RECIPE = Recipe("znver3", "")
WON = events.TrialEnded(
    7,
    2.0,
    ROOT,
    RECIPE,
    "256-bit vectors",
    "O3 for this CPU",
    Evidence(2000.0, 1785.0, 1.12, 1.10, 1.14, (5210, 5198), 60),
    Decision.WON,
    "",
    0.008,
    True,
    1.4,
)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "256-bit vectors instead of O3 for this CPU: 1.12x [1.10, 1.14] from 5,210 + 5,198 "
            "calls, kept; cost 8 ms",
        ),
        (
            {"decision": Decision.LOST, "is_kept": False, "against": "original", "cost_s": 0.0},
            "256-bit vectors instead of the original: 1.12x [1.10, 1.14] from 5,210 + 5,198 "
            "calls, lost",
        ),
        (
            {
                "evidence": Evidence(2000.0, 1998.0, 1.001, 0.998, 1.004, (10, 12), 60),
                "decision": Decision.TIED,
                "is_kept": False,
            },
            "256-bit vectors instead of O3 for this CPU: 1.001x [0.998, 1.004] from 10 + 12 calls, "
            "no difference worth having; cost 8 ms",
        ),
        (
            {
                "evidence": None,
                "decision": Decision.UNDECIDED,
                "is_kept": False,
                "reason": "would have taken 40 s",
            },
            "256-bit vectors instead of O3 for this CPU: undecided: would have taken 40 s; "
            "cost 8 ms",
        ),
        (
            {"decision": Decision.TIED, "evidence": None, "is_kept": True, "cost_s": 0.0},
            "256-bit vectors instead of O3 for this CPU: no difference worth having, kept",
        ),
    ],
)
def test_a_trial_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert journal.line(dataclasses.replace(WON, **changes)) == f"factor: {line}"


def test_the_rest_of_the_story() -> None:
    told = [
        events.RecipeFailed(7, 1.0, ROOT, RECIPE, "128-bit vectors", "took over 60 s"),
        events.RegionConverged(7, 1.0, ROOT, RECIPE, 1.4, 12, "nothing more to try", "wide"),
        events.RegionConverged(7, 1.0, ROOT, None, 1.0, 12, "nothing more to try"),
        events.VariantRecalled(7, 1.0, ROOT, RECIPE, 1.4),
        events.RegionMoved(7, 1.0, ROOT, Place(1, "solve"), "it is entered too rarely"),
        events.Quarantined(7, 1.0, ROOT, "0123456789abcdef", "the program died in it"),
        events.Stopped(7, 1.0, 3),
        events.CostCounted(7, 1.0, 1.0, 0.03, 0.0, 0.0, 0.0, 0.0),
    ]
    assert [journal.line(event) for event in told] == [
        "factor: 128-bit vectors gave no code: took over 60 s",
        "factor: settled on wide after 12 trials, 1.40x the original (nothing more to try)",
        "factor: settled on the original after 12 trials (nothing more to try)",
        "factor: recalled O3 znver3 from an earlier run, where it was 1.40x the original",
        "factor: solve is tuned instead: it is entered too rarely",
        "factor: 0123456789ab is never deployed again: the program died in it",
        "stopped: 3 patched entries lead to the original again",
        None,
    ]
