"""Optuna behind two verbs: suggest some of a point's settings, and learn what a point brought.

The tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) compares the settings of the
good points with those of the others. It is asked for some dimensions at a time, the others as they
are in a good point: after thirty trials it knows next to nothing of most of a hundred. Importing
Optuna takes 0.2 s (2026-11-21) and is put off until the first suggestion; `preload` does it on
another thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from halojit.tune.space import Point, Space

if TYPE_CHECKING:
    import optuna

STARTUP_TRIALS = 8


def preload() -> None:
    """Imports what the first suggestion needs; may be called on any thread."""
    import optuna.samplers

    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Sampler:
    """One search's; deterministic for a seed."""

    def __init__(self, space: Space, seed: int) -> None:
        preload()
        import optuna
        from optuna.distributions import CategoricalDistribution
        from optuna.samplers import TPESampler

        self._space = space
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: CategoricalDistribution(choices) for name, choices in space.settings.items()
        }
        self._tpe = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        self._study = optuna.create_study(direction="maximize", sampler=self._tpe)
        self._asked: dict[Point, optuna.trial.Trial] = {}

    def suggest(self, like: Point, free: Iterable[str]) -> Point:
        """A point like that one, except for the free dimensions; to be learned, even if only as a
        failure."""
        from optuna.samplers import PartialFixedSampler

        fixed = self._space.full(like)
        for name in free:
            del fixed[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PartialFixedSampler is called experimental
            self._study.sampler = PartialFixedSampler(fixed, self._tpe)
            trial = self._study.ask(self._distributions)
        point = self._space.point(trial.params)
        assert point is not None, "the distributions are the space's settings"
        if self._asked.setdefault(point, trial) is not trial:
            self._fail(trial)
        return point

    def learn(self, point: Point, gain: float | None) -> None:
        """What a point brought, whether it was suggested or not; None: nothing, or nothing new."""
        import optuna

        trial = self._asked.pop(point, None)
        if trial is None:
            if gain is not None:
                params = self._space.full(point)
                self._study.add_trial(
                    optuna.trial.create_trial(
                        params=params, distributions=self._distributions, value=gain
                    )
                )
        elif gain is None:
            self._fail(trial)
        else:
            self._study.tell(trial, gain)

    def _fail(self, trial: optuna.trial.Trial) -> None:
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.FAIL)
