"""The A/A experiment's own arithmetic; the experiment itself is `python -m bench.aa`."""

import json

import pytest

from bench.aa import Outcome, document, wilson
from halojit.model.evidence import Decision, Slice
from halojit.tune.trial import Trial


def test_intervals_of_rates() -> None:
    # Values of Wilson's interval as in Newcombe, Statistics in Medicine 1998 (81 of 263, 0 of 20).
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_outcomes_are_written_whole() -> None:
    outcome = Outcome("root", 100.0)
    loser, silent = Trial(1.0), Trial(1.0)
    for pair in range(30):
        loser.add([Slice(0, 100, 10_000 + pair, 1), Slice(1, 100, 20_000 - pair, 1)])
    outcome.add(loser)
    outcome.add(silent)
    written = json.loads(json.dumps(document({"lu": outcome}, is_same=False, pairs=150)))
    found = written["programs"]["lu"]
    assert found["decisions"] == {**dict.fromkeys(Decision, 0), "lost": 1, "undecided": 1}
    assert [trial["decision"] for trial in found["trials"]] == ["lost", "undecided"]
    assert found["trials"][0]["speedup"] == pytest.approx(0.5, rel=0.01)
