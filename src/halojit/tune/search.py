"""What to try next, and when to stop.

In: what earlier proposals brought. Out: recipes, each at most once. First come those that earlier
runs found good, then those that have won on other programs (tune/known.py), then unions of the best
ones, then moves around the best: a few settings turned at random, or a few left to Optuna's
estimator (tune/sampler.py). Each knob alone rarely matters, and most settings that differ from
LLVM's own choice do harm on most programs: so no move turns many of them, and knobs that never
changed the object are turned less.

Knows no clock and no process; equal seeds and answers give equal questions. A proposal may be asked
for while the one before is still on trial.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from halojit.model.knobs import PROFILE
from halojit.model.region import Recipe
from halojit.tune.known import FAMILIAR, KNOWN_GOOD, describe
from halojit.tune.sampler import Sampler
from halojit.tune.space import Host, Point, Space

__all__ = ["Host", "Proposal", "Search"]

LIMIT = 100
LEAST_EFFECT = 0.01
PATIENCE = (8, 32)
"""Proposals in a row without effect before search ends, for a region of no worth and for one that
is all of the program."""
ATTEMPTS = 30
"""To find a point that is new."""
UNIONS = 4
"""How many others are united with a new best."""
BEST_SHARE = 0.85
ELITE = 4
FAMILIAR_WEIGHT = 3.0
INERT_WEIGHT = 0.4
"""For every time that a move which turned the knob did not change the object, or gave none."""
FAILURE_STALENESS = 0.3
"""Those are not tried, and cost the program nothing."""
TURNS = (1, 1, 1, 2, 2, 3)
FREE = 25
ESTIMATED_SHARE = 0.6
"""Of moves: those that the estimator has a say in."""
PROFILE_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something to try. A recipe that `needs_profile` says so in its options too."""

    recipe: Recipe
    needs_profile: bool
    name: str


@dataclass(frozen=True, slots=True)
class _Tried:
    point: Point
    gain: float


class Search:
    """Of one region. `worth` is the region's share of the program's time; `limit` bounds trials."""

    def __init__(
        self,
        host: Host,
        seed: int,
        *,
        fp: str = "strict",
        has_profile: bool = True,
        limit: int = LIMIT,
        known: Sequence[tuple[Recipe, float]] = (),
        worth: float = 1.0,
    ) -> None:
        self._space = Space(host, fp, has_profile)
        self._random = random.Random(seed)
        self._seed = seed
        self._sampler: Sampler | None = None
        self._limit = limit
        least, most = PATIENCE
        self._patience = least + (most - least) * min(max(worth, 0.0), 1.0)
        self._asked: set[Point] = set()
        self._pending: dict[Recipe, tuple[Point, Point | None]] = {}
        self._tried: list[_Tried] = []
        self._weights = {
            name: FAMILIAR_WEIGHT if name in FAMILIAR else 1.0 for name in self._space.settings
        }
        self._trials = 0
        self._stale = 0.0
        self._profile_failures = 0
        earlier = sorted(known, key=lambda found: -found[1])
        points = [self._space.find(recipe) for recipe, _ in earlier]
        points += [self._space.point(good.settings) for good in KNOWN_GOOD]
        self._coming = deque(point for point in points if point is not None)

    @property
    def best(self) -> tuple[Recipe, float] | None:
        """The recipe with the greatest logarithm of its speed-up; None before any was told."""
        best = self._best()
        return (self._space.recipe(best.point), best.gain) if best else None

    def ask(self) -> Proposal | None:
        """None when the limit is reached, or nothing is left that is worth trying."""
        if self._trials + len(self._pending) >= self._limit:
            return None
        while self._coming:
            point = self._coming.popleft()
            if self._is_new(point):
                return self._propose(point, None)
        best = self._best()
        if best is None or self._stale >= self._patience:
            return None
        union = self._union(best)
        if union is not None:
            return self._propose(union, None)
        for _ in range(ATTEMPTS):
            parent = self._parent(best)
            is_estimated = self._random.random() < ESTIMATED_SHARE
            point = self._estimated(parent) if is_estimated else self._turned(parent)
            if self._is_new(point):
                return self._propose(point, parent)
            if self._sampler is not None and is_estimated:
                self._sampler.learn(point, None)
        return None

    def tell(self, proposal: Proposal, gain: float | None, note: str = "") -> None:
        """What it brought: the logarithm of its speed-up over the region's original. None: it
        failed, or gave the same object as one before; `note` says which, to readers of a log."""
        del note
        point, parent = self._pending.pop(proposal.recipe)
        if self._sampler is not None:
            self._sampler.learn(point, gain)
        if gain is None:
            self._failed(point, parent)
            return
        self._trials += 1
        best = self._best()
        self._tried.append(_Tried(point, gain))
        if proposal.needs_profile:
            self._profile_failures = -self._limit
        if best is None or gain >= best.gain + LEAST_EFFECT:
            self._stale = 0.0
        elif not self._coming:
            self._stale += 1.0

    def drop(self, proposal: Proposal) -> None:
        """Nothing can be said of it; it is not asked for again."""
        del self._pending[proposal.recipe]

    def withdraw(self, proposal: Proposal) -> None:
        """It was not tried after all, and is the next to be asked for."""
        point, _ = self._pending.pop(proposal.recipe)
        self._asked.discard(point)
        self._coming.appendleft(point)

    def _failed(self, point: Point, parent: Point | None) -> None:
        self._profile_failures += (PROFILE.name, PROFILE.settings[1]) in point
        if parent is not None:
            self._stale += FAILURE_STALENESS
            for name, _ in point ^ parent:
                self._weights[name] *= INERT_WEIGHT

    def _best(self) -> _Tried | None:
        return max(self._tried, key=lambda tried: tried.gain, default=None)

    def _is_new(self, point: Point) -> bool:
        has_profile = (PROFILE.name, PROFILE.settings[1]) in point
        is_possible = not has_profile or self._profile_failures < PROFILE_FAILURES
        return is_possible and point not in self._asked

    def _propose(self, point: Point, parent: Point | None) -> Proposal:
        self._asked.add(point)
        recipe = self._space.recipe(point)
        self._pending[recipe] = point, parent
        needs_profile = (PROFILE.name, PROFILE.settings[1]) in point
        return Proposal(recipe, needs_profile, describe(point))

    def _union(self, best: _Tried) -> Point | None:
        """The best with another one that is better than plain O3; None when there is no new one."""
        plain = max((tried.gain for tried in self._tried if not tried.point), default=0.0)
        others = sorted(self._tried, key=lambda tried: -tried.gain)[1 : 1 + UNIONS]
        for other in others:
            if other.gain < plain + LEAST_EFFECT:
                break
            union = self._space.point(dict(other.point) | dict(best.point))
            if union is not None and self._is_new(union):
                return union
        return None

    def _parent(self, best: _Tried) -> Point:
        """Mostly the best, now and then one of the next."""
        if self._random.random() < BEST_SHARE:
            return best.point
        elite = sorted(self._tried, key=lambda tried: -tried.gain)[:ELITE]
        return self._random.choice(elite).point

    def _drawn(self, parent: Point, count: int) -> list[str]:
        """Different dimensions that matter there, by weight."""
        settings = self._space.full(parent)
        names = [name for name in settings if self._space.matters(name, settings)]
        # A weighted sample without replacement: the greatest keys (Efraimidis & Spirakis 2006).
        keys = {name: self._random.random() ** (1.0 / self._weights[name]) for name in names}
        return sorted(names, key=lambda name: -keys[name])[:count]

    def _turned(self, parent: Point) -> Point:
        settings = self._space.full(parent)
        for name in self._drawn(parent, self._random.choice(TURNS)):
            others = [word for word in self._space.settings[name] if word != settings[name]]
            settings[name] = self._random.choice(others)
        point = self._space.point(settings)
        assert point is not None
        return point

    def _estimated(self, parent: Point) -> Point:
        if self._sampler is None:
            self._sampler = Sampler(self._space, self._seed)
            for tried in self._tried:
                self._sampler.learn(tried.point, tried.gain)
        return self._sampler.suggest(parent, self._drawn(parent, FREE))
