"""Ratios of pairs: what the estimate is, what disturbs it, how wide its interval is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.statistics import geometric_mean, median_ratio, pair_ratios


def test_pairs_are_divided_in_order() -> None:
    assert pair_ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


@pytest.mark.parametrize(("measured", "baseline"), [([1.0], [1.0, 2.0]), ([], [])])
def test_runs_that_are_no_pairs_are_refused(measured: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        pair_ratios(measured, baseline)


def test_one_disturbed_pair_does_not_move_the_estimate() -> None:
    ratio = median_ratio([1.01, 1.0, 1.02, 1.01, 9.0])
    assert ratio.value == 1.01
    assert ratio.low >= 1.0


def test_equal_ratios_leave_no_doubt() -> None:
    ratio = median_ratio([1.25] * 6)
    assert (ratio.value, ratio.low, ratio.high) == (1.25, 1.25, 1.25)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        ratio = median_ratio(list(1.0 + 0.05 * rng.standard_normal(15)))
        held += ratio.low <= 1.0 <= ratio.high
    # Of 15 pairs; resampling medians of so few is known to give slightly narrow intervals.
    assert 170 <= held <= 199


def test_geometric_mean_of_programs() -> None:
    mean = geometric_mean([[2.0, 2.0], [8.0, 8.0, 8.0]])
    assert mean.value == pytest.approx(4.0)
    assert mean.low == pytest.approx(4.0)
    assert mean.high == pytest.approx(4.0)


def test_geometric_mean_is_narrower_than_its_programs() -> None:
    rng = np.random.default_rng(6)
    programs = [list(np.exp(0.05 * rng.standard_normal(10))) for _ in range(16)]
    mean = geometric_mean(programs)
    one = median_ratio(programs[0])
    assert math.log(mean.high / mean.low) < math.log(one.high / one.low)


def test_no_programs_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no programs"):
        geometric_mean([])
