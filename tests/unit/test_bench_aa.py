"""The A/A experiment's own arithmetic; the experiment itself is `python -m bench.aa`."""

import json

import pytest

from bench.aa import Outcome, document, wilson
from halojit.model.evidence import Decision, Evidence
from halojit.server.tryout import Result


def test_intervals_of_rates() -> None:
    # Values of Wilson's interval as in Newcombe, Statistics in Medicine 1998 (81 of 263, 0 of 20).
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_outcomes_are_written_whole() -> None:
    outcome = Outcome("root", 100.0)
    evidence = Evidence(100.0, 200.0, 0.5, 0.45, 0.55, (3000, 3000), 30)
    outcome.add(Result(Decision.LOST, evidence, "", 0.001))
    outcome.add(Result(Decision.UNDECIDED, None, "too few calls", 0.0))
    written = json.loads(json.dumps(document({"lu": outcome}, is_same=False)))
    found = written["programs"]["lu"]
    assert found["decisions"] == {**dict.fromkeys(Decision, 0), "lost": 1, "undecided": 1}
    assert [trial["decision"] for trial in found["trials"]] == ["lost", "undecided"]
    assert found["trials"][0]["speedup"] == 0.5
    assert found["trials"][1]["reason"] == "too few calls"
