"""Inputs that change while recipes are tried."""

from __future__ import annotations

from halojit.model.evidence import Decision, Evidence
from halojit.model.region import Recipe
from halojit.tune.inputs import Usual
from halojit.tune.quests import Quest, Quests
from halojit.tune.search import Host, Search


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


def quest() -> Quest:
    return Quest(Search(Host("znver4", "+avx2"), 1))


def test_a_search_goes_on_where_it_was_on_such_inputs() -> None:
    first, second = quest(), quest()
    quests = Quests(first)
    assert quests.beyond(is_shorter=False) is None
    quests.turn(False, second)
    assert quests.now is second
    for is_shorter, expected in ((True, first), (False, second), (True, first)):
        assert quests.beyond(is_shorter) is expected
        quests.turn(is_shorter, expected)
        assert quests.now is expected


def test_inputs_are_told_apart_by_the_way_that_leads_to_them() -> None:
    ladder = [quest() for _ in range(4)]
    quests = Quests(ladder[0])
    for one in ladder[1:]:
        assert quests.beyond(is_shorter=False) is None
        quests.turn(False, one)
    for one in ladder[2::-1]:
        assert quests.beyond(is_shorter=True) is one
        quests.turn(True, one)
    assert quests.beyond(is_shorter=True) is None
    another = quest()
    quests.turn(False, another)  # In place of the second, which had nothing more to offer.
    assert quests.beyond(is_shorter=False) is ladder[2]
    quests.turn(True, ladder[0])
    assert quests.beyond(is_shorter=False) is another


def test_what_was_counted_is_forgotten_when_inputs_change() -> None:
    one = quest()
    one.profiles[Recipe("any", "")] = ()
    quests = Quests(one)
    quests.turn(True, quest())
    assert one.profiles == {}
