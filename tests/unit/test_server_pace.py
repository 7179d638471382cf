"""How trials are paced: turns, slices, and what is learned from the last one."""

import os
import time
from pathlib import Path

import pytest

from halojit.model.evidence import Evidence
from halojit.model.function import Place
from halojit.model.region import Region
from halojit.server.pace import BY_CALL_NS, STRETCHED_MOST_NS, TURN_NS, TURNS_PER_SLICE, Pace, Plan
from halojit.server.services import BY_SLICE
from halojit.server.waited import TICKS_PER_S, Withheld
from halojit.tune.trial import Trial


def pace_of(ns_per_call: float, share: float = 1.0, is_recursive: bool = False) -> Pace:
    entries_per_s = share * 1e9 / ns_per_call
    root = Place(1, "root")
    return Pace(Region(root, share, entries_per_s, ns_per_call, (), is_recursive))


class Rounds(Trial):
    """A trial whose slices should be so many times as long."""

    def __init__(self, longer: int) -> None:
        super().__init__(1.0)
        self.longer = longer

    def stretch(self) -> int:
        return self.longer


@pytest.mark.parametrize("ns_per_call", [20.0, 300.0, 5_000.0, 19_000.0])
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_a_slice_has_many_turns_and_a_turn_some_calls(ns_per_call: float, share: float) -> None:
    plan = pace_of(ns_per_call, share).plan()
    calls = plan.stride * 2**plan.turn_bits
    assert calls * ns_per_call >= TURN_NS
    assert calls >= 8
    assert plan.slice_ns[0] >= TURNS_PER_SLICE * calls * ns_per_call / share * 0.999
    assert plan.pair_s == pytest.approx(1.5e-9 * plan.slice_ns[0])


def test_only_some_of_very_short_calls_are_timed() -> None:
    assert pace_of(20.0).plan().stride == 50
    assert pace_of(1000.0).plan().stride == 1
    assert pace_of(1000.0).plan().gate_s(2.0) == pytest.approx(2e6 * 33e-9)


def test_long_calls_draw_their_sides_one_by_one() -> None:
    plan = pace_of(2 * BY_CALL_NS).plan()
    assert (plan.stride, plan.turn_bits) == (1, 0)
    assert pace_of(1e9).plan().slice_ns == (400_000_000, 800_000_000)


def test_of_a_recursive_root_little_is_believed() -> None:
    """Its entries are mostly its own."""
    usual, recursive = pace_of(60.0), pace_of(60.0, is_recursive=True)
    assert recursive.ns_per_call > 50 * usual.ns_per_call
    assert recursive.rules.burn_in_pairs > usual.rules.burn_in_pairs


def test_rounds_make_slices_longer_up_to_a_limit_until_the_program_moves() -> None:
    pace = pace_of(1000.0)
    before = pace.plan()
    assert not pace.stretch(before, Rounds(1))
    assert pace.stretch(before, Rounds(8))
    first = pace.plan()
    assert first.turn_bits == BY_SLICE
    assert first.slice_ns[0] == 8 * before.slice_ns[0]
    assert first.pair_s == pytest.approx(16 * before.pair_s)
    assert pace.stretch(first, Rounds(100))
    longest = pace.plan()
    assert longest.slice_ns[0] == STRETCHED_MOST_NS
    assert not pace.stretch(longest, Rounds(100))
    pace.move(2e6, 500.0)
    assert pace.plan().turn_bits != BY_SLICE


def test_calls_that_are_rarer_than_thought_make_slices_longer() -> None:
    pace = pace_of(1000.0)
    plan = pace.plan()
    pace.lengthen(plan, 10, 0.1)
    assert pace.entries_per_s == 250_000.0  # a quarter at a time
    pace.lengthen(plan, 10, 0.1)
    assert pace.ns_per_call == pytest.approx(16_000.0)


def test_a_trial_tells_how_long_calls_are() -> None:
    pace, plan = pace_of(1000.0), Plan(4, 3, (1_000_000, 2_000_000), 1e6, 1e5)
    pace.learn(plan, Evidence(800.0, 700.0, 800 / 700, 1.1, 1.2, (1000, 1000), 40), 0.5)
    assert (pace.ns_per_call, pace.entries_per_s) == (700.0, 16_000.0)


def test_calls_are_long_when_they_take_many_times_the_mean() -> None:
    assert pace_of(50.0).plan().longest_ns == 100_000.0
    assert pace_of(50_000.0).plan().longest_ns == 400_000.0


def test_a_process_bears_its_share_of_what_a_hypervisor_took(tmp_path: Path) -> None:
    statistics = tmp_path / "stat"

    def tell(worked: float, stolen: float) -> None:
        ticks = (round(one * TICKS_PER_S) for one in (worked, stolen))
        statistics.write_text("cpu  {} 0 0 100 0 0 0 {} 0 0\ncpu0 1 2 3\n".format(*ticks))

    tell(10.0, 7.0)
    withheld = Withheld(os.getpid(), statistics)
    begin_s = time.process_time()
    while time.process_time() < begin_s + 0.2:
        pass
    tell(10.0, 7.0)
    before_s = withheld.read_s()  # What it waited for processors.
    tell(12.0, 17.0)
    stolen_s = withheld.read_s() - before_s
    assert 0.5 < stolen_s < 2.5, "a tenth of the work, and somewhat more"
    statistics.unlink()
    assert withheld.read_s() < before_s + 0.5
    assert Withheld(os.getpid(), tmp_path / "none").read_s() < 0.5
    assert Withheld(os.getpid()).read_s() < 0.5
