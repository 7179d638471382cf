"""What slices prove."""

import random

from halojit.model.evidence import Slice
from halojit.tune.trial import LEAST_PAIRS, Trial


def slices(count: int, before: float, after: float, noise: float, seed: int = 1) -> list[Slice]:
    """Balanced adjacent pairs of 1,000 calls a slice."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        sides = [0, 1]
        draw.shuffle(sides)
        for side in sides:
            ticks = 1000 * (before, after)[side] * draw.lognormvariate(0, noise)
            found.append(Slice(side, 1000, int(ticks), 5_000_000))
    return found


def test_the_ratio_of_times_and_its_interval() -> None:
    trial = Trial(0.5)
    trial.add(slices(200, 2000, 1000, 0.1))
    evidence = trial.evidence()
    assert evidence is not None
    assert evidence.low < 2.0 < evidence.high
    assert abs(evidence.before_ns - 1000) < 50
    assert abs(evidence.after_ns - 500) < 25
    assert evidence.width < 0.05
    assert not evidence.is_loss


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(300):
        trial = Trial(1.0)
        trial.add(slices(25, 1000, 1000, 0.2, seed))
        evidence = trial.evidence()
        assert evidence is not None
        hits += evidence.low <= 1.0 <= evidence.high
    assert 0.91 <= hits / 300 <= 0.99


def test_a_loss_is_seen() -> None:
    trial = Trial(1.0)
    trial.add(slices(50, 1000, 1500, 0.05))
    evidence = trial.evidence()
    assert evidence is not None
    assert evidence.is_loss


def test_total_time_counts_not_the_typical_call() -> None:
    # 99 % of calls 20 % faster, 1 % of them 100 times slower.
    trial = Trial(1.0)
    for pair in range(100):
        after = 100_000_000 if pair % 100 == 50 else 800_000
        trial.add([Slice(0, 1000, 1_000_000, 1), Slice(1, 1000, after, 1)])
    evidence = trial.evidence()
    assert evidence is not None
    assert evidence.speedup < 1.0


def test_too_little_says_nothing() -> None:
    trial = Trial(1.0)
    assert trial.evidence() is None
    trial.add(slices(LEAST_PAIRS, 1000, 500, 0.1))
    assert trial.evidence() is None, "one pair is burn-in"
    trial.add(slices(1, 1000, 500, 0.1))
    assert trial.evidence() is not None


def test_pairs_hold_across_reads_and_empty_slices() -> None:
    found = slices(40, 1000, 500, 0.1)
    empty = [Slice(0, 0, 0, 1), Slice(1, 0, 0, 1)]
    whole, pieces = Trial(1.0), Trial(1.0)
    whole.add(found)
    pieces.add(empty)
    for index in range(0, len(found), 3):
        pieces.add(found[index : index + 3])
    assert whole.evidence() == pieces.evidence()
