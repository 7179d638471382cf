"""What strategy `stress` draws its recipes from."""

import random

import pytest
from native_kit import CPU, FEATURES, build, image

from halojit.server.stress import OPTIONS, REGION_LIMITS, Stress

SETTINGS = [(name, value) for name, values in OPTIONS.items() for value in values]
SETTINGS += [("region-limit", value) for value in REGION_LIMITS]


@pytest.mark.parametrize("setting", SETTINGS, ids="=".join)
def test_the_compiler_knows_every_knob(setting: tuple[str, str]) -> None:
    of = image("int f(int *p, int n) { int s = 0; while (n--) s += p[n]; return s; }")
    assert build(of, "f", options=dict([setting])).data


def test_recipes_follow_from_the_seed() -> None:
    stress = Stress((CPU, FEATURES), 1)
    drawn = [
        [stress._recipe(draw) for _ in range(200)] for draw in (random.Random(3), random.Random(3))
    ]
    assert drawn[0] == drawn[1]
    assert {recipe.level for recipe, _ in drawn[0]} == {0, 1, 2, 3}
    assert {name for recipe, _ in drawn[0] for name, _ in recipe.options} == {
        *OPTIONS,
        "region-limit",
    }
