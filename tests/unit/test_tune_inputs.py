"""Inputs that change while recipes are tried."""

from __future__ import annotations

from halojit.model.evidence import Decision, Evidence
from halojit.tune.inputs import Usual


def trial(before_ns: float, after_ns: float, calls: int = 1000) -> Evidence:
    ratio = before_ns / after_ns
    return Evidence(before_ns, after_ns, ratio, ratio, ratio, (calls, calls), 40)


def test_the_time_of_what_is_deployed_is_followed() -> None:
    usual = Usual()
    assert usual.see(Decision.LOST, trial(1000, 5000)) == 1.0
    assert usual.see(Decision.WON, trial(1100, 300)) == 1.0
    assert usual.see(Decision.TIED, trial(310, 300)) == 1.0  # The winner is deployed now.
    assert usual.see(Decision.UNDECIDED, trial(450, 300)) == 1.0


def test_other_inputs_are_noticed_once() -> None:
    usual = Usual()
    usual.see(Decision.LOST, trial(1000, 5000))
    assert usual.see(Decision.LOST, trial(250, 300)) == 0.25
    assert usual.see(Decision.LOST, trial(260, 300)) == 1.0
    assert usual.see(Decision.WON, trial(2600, 300)) == 10.0


def test_few_calls_say_nothing() -> None:
    usual = Usual()
    usual.see(Decision.LOST, trial(1000, 5000))
    assert usual.see(Decision.LOST, trial(100, 300, calls=100)) == 1.0
    assert usual.see(Decision.UNDECIDED, None) == 1.0
    assert usual.see(Decision.LOST, trial(1000, 300)) == 1.0
