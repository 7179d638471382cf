"""What is tried, in which order, and when search ends. Optuna is the real one."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Callable

import pytest

from halojit.model.knobs import KNOBS, native_options
from halojit.model.region import Recipe
from halojit.tune.known import FAMILIAR, KNOWN_GOOD
from halojit.tune.search import Host, Proposal, Search
from halojit.tune.space import Space

HOST = Host("znver4", "+avx2,+avx512f")

Answer = Callable[[Recipe], float | None]


def flat(recipe: Recipe) -> float | None:
    del recipe
    return 0.0


def run(search: Search, answer: Answer) -> list[Proposal]:
    proposals = []
    while (proposal := search.ask()) is not None:
        proposals.append(proposal)
        search.tell(proposal, answer(proposal.recipe))
        assert len(proposals) < 1000, "it must end"
    return proposals


def test_known_good_recipes_come_first() -> None:
    proposals = run(Search(HOST, 1, limit=len(KNOWN_GOOD)), flat)
    assert [proposal.name for proposal in proposals] == [good.name for good in KNOWN_GOOD]
    assert proposals[0].recipe == Recipe("znver4", "+avx2,+avx512f")
    assert proposals[2].recipe.options == (("polly", "all"), ("polly-vectorizer", "stripmine"))
    for proposal in proposals:
        native_options(proposal.recipe.options)


def test_known_names_are_in_the_table() -> None:
    space = Space(HOST, "strict", has_profile=True)
    for good in KNOWN_GOOD:
        assert space.point(good.settings) == frozenset(good.settings.items()), good
    assert set(space.settings) >= FAMILIAR


def test_every_proposal_is_new_and_leaves_defaults_out() -> None:
    draw = random.Random(3)
    proposals = run(Search(HOST, 1), lambda recipe: draw.gauss(0.0, 0.2))
    recipes = [proposal.recipe for proposal in proposals]
    assert len(set(recipes)) == len(recipes) > len(KNOWN_GOOD) + 20
    for recipe in recipes:
        assert list(recipe.options) == sorted(recipe.options)
        for name, setting in recipe.options:
            assert name not in KNOBS or setting != KNOBS[name].settings[0]


def test_equal_seeds_and_answers_give_equal_questions() -> None:
    def names(seed: int) -> str:
        return repr(run(Search(HOST, seed, limit=60), lambda r: len(str(r)) % 7 / 20))

    assert names(1) == names(1)
    assert names(1) != names(2)


def test_hash_seeds_do_not_matter() -> None:
    code = (
        "from halojit.tune.search import Search, Host\n"
        "search = Search(Host('znver4', ''), 1, limit=50)\n"
        "while (p := search.ask()): print(p); search.tell(p, len(str(p.recipe)) % 7 / 20)\n"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_what_an_earlier_run_found_comes_first() -> None:
    good = Recipe(HOST.cpu, HOST.features, 3, (("slp", "off"), ("unroll-count", "8")))
    better = Recipe("x86-64", "", 2, (("profile", "measured"),))
    other_host = Recipe("skylake", "", 3, ())
    gone_knob = Recipe(HOST.cpu, HOST.features, 3, (("no-such-knob", "on"),))
    loose = Recipe(HOST.cpu, HOST.features, 3, (("fp", "fast"),))
    known = [(good, 0.1), (other_host, 0.9), (better, 0.2), (gone_knob, 0.8), (loose, 0.7)]
    search = Search(HOST, 1, known=known)
    first, second, third = search.ask(), search.ask(), search.ask()
    assert first is not None and second is not None and third is not None
    assert (first.recipe, first.needs_profile) == (better, True)
    assert (second.recipe, second.needs_profile) == (good, False)
    assert third.recipe == Recipe(HOST.cpu, HOST.features)


def test_without_effect_it_ends_sooner_the_less_a_region_is_worth() -> None:
    lengths = [len(run(Search(HOST, 1, worth=worth), flat)) for worth in (0.0, 0.3, 1.0)]
    assert len(KNOWN_GOOD) < lengths[0] < lengths[1] < lengths[2] < 100
    assert len(run(Search(HOST, 1, limit=7), flat)) == 7


def test_what_gives_no_new_object_is_no_trial_but_ends_too() -> None:
    plain = Recipe(HOST.cpu, HOST.features)
    proposals = run(Search(HOST, 1), lambda recipe: 0.0 if recipe == plain else None)
    assert len(KNOWN_GOOD) < len(proposals) < 200
    assert run(Search(HOST, 1), lambda recipe: None)[-1].name == KNOWN_GOOD[-1].name


def test_one_may_be_asked_for_while_another_is_on_trial() -> None:
    search = Search(HOST, 1, limit=60)
    before = search.ask()
    count = 0
    while before is not None:
        after = search.ask()
        search.tell(before, len(str(before.recipe)) % 11 / 30)
        before = after
        count += 1
    assert len(KNOWN_GOOD) < count <= 60


def test_no_profile_no_profile_guided_recipes() -> None:
    proposals = run(Search(HOST, 1, has_profile=False, limit=60), flat)
    assert not any(p.needs_profile or "profile" in dict(p.recipe.options) for p in proposals)
    failing = run(
        Search(HOST, 1, limit=80),
        lambda recipe: None if "profile" in dict(recipe.options) else len(str(recipe)) % 11 / 30,
    )
    assert sum(p.needs_profile for p in failing) <= 3, "what fails twice is left alone"


def test_loose_floating_point_is_in_every_recipe() -> None:
    for proposal in run(Search(HOST, 1, fp="contract", limit=40), flat):
        assert ("fp", "contract") in proposal.recipe.options


def test_winners_are_united() -> None:
    vectors, layout = ("prefer-vector-width", "512"), ("align-loops", "64")

    def answer(recipe: Recipe) -> float:
        return 0.1 * (vectors in recipe.options) + 0.05 * (layout in recipe.options)

    search = Search(HOST, 1)
    proposals = run(search, answer)
    both = [p for p in proposals if {vectors, layout} <= set(p.recipe.options)]
    assert proposals.index(both[0]) <= len(KNOWN_GOOD) + 1
    assert "512-bit vectors" in both[0].name and "another layout" in both[0].name
    assert search.best is not None
    assert search.best[1] == pytest.approx(0.15)


def landscape(seed: int) -> Answer:
    """Most settings do nothing or harm, a few gain a little, some pairs more than their parts."""
    draw = random.Random(seed)
    effects = {}
    for name, knob in KNOBS.items():
        is_inert = draw.random() < 0.45
        for setting in knob.settings[1:]:
            kind = draw.random()
            harm, good = -draw.expovariate(15.0), draw.expovariate(40.0)
            effect = 0.0 if kind < 0.55 else harm if kind < 0.88 else good
            effects[name, setting] = 0.0 if is_inert else effect
    turned = sorted(effects)
    pairs = [(draw.sample(turned, 2), draw.expovariate(15.0)) for _ in range(60)]

    def answer(recipe: Recipe) -> float:
        options = set(recipe.options)
        gain = sum(effects.get(option, 0.0) for option in sorted(options))
        gain += sum(extra for pair, extra in pairs if set(pair) <= options)
        return gain + random.Random(str(recipe)).gauss(0.0, 0.004)

    return answer


def test_it_finds_more_than_chance() -> None:
    ahead = 0.0
    for seed in range(3):
        answer = landscape(seed)
        search = Search(HOST, seed)
        run(search, answer)
        assert search.best is not None
        draw = random.Random(seed)
        space = Space(HOST, "strict", has_profile=True)
        guesses = [answer(Recipe(HOST.cpu, HOST.features))]
        for _ in range(99):
            turned = draw.sample(sorted(KNOBS), draw.randint(1, 6))
            point = space.point({name: draw.choice(KNOBS[name].settings) for name in turned})
            assert point is not None
            guesses.append(answer(space.recipe(point)))
        ahead += search.best[1] - max(g for g in guesses if g is not None)
    assert math.exp(ahead / 3) > 1.03


def test_what_was_withdrawn_is_asked_for_next_and_counts_for_nothing() -> None:
    search = Search(HOST, 1, limit=40)
    plain = run(Search(HOST, 1, limit=40), flat)
    again = []
    while (proposal := search.ask()) is not None:
        search.withdraw(proposal)
        assert search.ask() == proposal
        again.append(proposal)
        search.tell(proposal, 0.0)
    assert [one.recipe for one in again] == [one.recipe for one in plain]
