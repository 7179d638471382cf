"""What strategy `stress` draws its recipes from."""

import random

from native_kit import CPU, FEATURES

from halojit.model.knobs import KNOBS
from halojit.server.stress import Stress


def test_every_setting_of_every_knob_is_drawn_and_nothing_else() -> None:
    draw = random.Random(3)
    stress = Stress((CPU, FEATURES), 1)
    recipes = [stress._recipe(draw)[0] for _ in range(4000)]
    drawn = {option for recipe in recipes for option in recipe.options}
    wanted = {(knob.name, setting) for knob in KNOBS.values() for setting in knob.settings[1:]}
    small = {"16000"}  # builds too slowly for a hammer
    assert {o for o in drawn if o[0] != "region-limit"} == {
        w for w in wanted if w[0] != "region-limit"
    }
    assert {s for name, s in drawn if name == "region-limit"}.isdisjoint(small)
    assert {recipe.level for recipe in recipes} == {0, 1, 2, 3}
    assert all(recipe.options == tuple(sorted(recipe.options)) for recipe in recipes)


def test_recipes_follow_from_the_seed() -> None:
    stress = Stress((CPU, FEATURES), 1)
    drawn = [
        [stress._recipe(draw) for _ in range(200)] for draw in (random.Random(3), random.Random(3))
    ]
    assert drawn[0] == drawn[1]
