"""Long slices are for calls that come in rounds, and for nothing else."""

import math
import random
from collections.abc import Callable

import pytest

from halojit.tune.scatter import stretch

Time = Callable[[random.Random, int], float]
"""(randomness, number of the slice) -> ticks a call."""


def found(time: Time, count: int, seed: int = 1) -> int:
    """Of so many pairs of slices with a hundred calls each."""
    draw = random.Random(seed)
    times = [time(draw, at) for at in range(2 * count)]
    pairs = list(zip(times[::2], times[1::2], strict=True))
    mean = sum(times) / len(times)
    noise = (sum(((a - b) / mean) ** 2 for a, b in pairs) / count) ** 0.5
    return stretch([(200, int(100 * (a + b))) for a, b in pairs], noise)


def test_rounds_are_found() -> None:
    """One slice of seven has most of the work."""

    def time(draw: random.Random, at: int) -> float:
        return (20_000 if at % 7 == 5 else 1_000) * draw.lognormvariate(0, 0.05)

    assert all(found(time, 60, seed) >= 4 for seed in range(20))


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_independent_noise_asks_for_nothing(sigma: float) -> None:
    def time(draw: random.Random, at: int) -> float:
        return 1000 * draw.lognormvariate(0, sigma)

    assert sum(found(time, 150, seed) > 0 for seed in range(100)) <= 5


def test_a_machine_whose_speed_wanders_asks_for_nothing() -> None:
    """Long slices differ more."""
    for seed in range(20):
        speed = 0.0

        def time(draw: random.Random, at: int) -> float:
            nonlocal speed
            speed += draw.gauss(0, 0.05)
            return 1000 * math.exp(speed + draw.gauss(0, 0.02))

        assert found(time, 150, seed) == 0


def test_too_little_says_nothing() -> None:
    assert stretch([], 0.1) == 0
    assert stretch([(10, 1000)] * 5, 0.1) == 0
    assert stretch([(0, 0)] * 50, 0.1) == 0
