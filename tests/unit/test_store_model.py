"""A store against the simplest thing that does the same: dictionaries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from harness.store import KEYS, Clock, variant
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from halojit.model.evidence import Evidence
from halojit.model.region import Recipe
from halojit.store.rows import Known, Tried
from halojit.store.store import Store

names = st.sampled_from(["a", "b"]) | st.text(st.characters(codec=None), max_size=3)
gains = st.floats(-1, 1) | st.sampled_from([0.0, -0.0, 5e-324, 1e308])
objects = st.binary(max_size=2)
recipes = st.from_type(Recipe)
proofs = st.none() | st.from_type(Evidence).filter(
    lambda one: (
        not any(
            math.isnan(n) for n in (one.before_ns, one.after_ns, one.speedup, one.low, one.high)
        )
    )
)


class Memory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store.open("sqlite://", clock=self.clock)
        self.kept: dict[tuple[str, str, str, str], Known] = {}
        self.forgotten: set[tuple[str, str, str, str]] = set()
        self.trials: list[tuple[tuple[str, str, str], Tried]] = []
        self.bad: set[tuple[str, str, str]] = set()
        self.places: set[tuple[str, str, str]] = set()

    @rule(
        build=names, cpu=names, root=names, recipe=recipes, data=objects, proof=proofs, gain=gains
    )
    def keep_variant(
        self, build: str, cpu: str, root: str, recipe: Recipe, data: bytes, proof: Any, gain: float
    ) -> None:
        new = replace(variant(data), build_s=abs(gain))
        self.store.keep_variant(build, cpu, root, KEYS, recipe, new, proof, gain)
        if (build, cpu, new.digest) not in self.bad:
            key = (build, cpu, root, new.digest)
            self.kept[key] = Known(root, KEYS, recipe, new, gain, proof)
            self.forgotten.discard(key)
            self.places.add((build, cpu, root))

    @rule(
        build=names,
        cpu=names,
        root=names,
        recipe=recipes,
        data=objects,
        proof=proofs,
        decision=names,
        gain=gains,
    )
    def keep_trial(
        self,
        build: str,
        cpu: str,
        root: str,
        recipe: Recipe,
        data: bytes,
        proof: Any,
        decision: str,
        gain: float,
    ) -> None:
        self.clock.now += 1
        digest = variant(data).digest
        self.store.keep_trial(build, cpu, root, recipe, digest, proof, decision, gain)
        tried = Tried(recipe, gain, decision, self.clock.now, digest, proof)
        self.trials.append(((build, cpu, root), tried))
        self.places.add((build, cpu, root))

    @rule(build=names, cpu=names, root=names)
    def forget_best(self, build: str, cpu: str, root: str) -> None:
        self.store.forget_best(build, cpu, root)
        self.forgotten |= {key for key in self.kept if key[:3] == (build, cpu, root)}

    @rule(build=names, cpu=names, data=objects, reason=names)
    def quarantine(self, build: str, cpu: str, data: bytes, reason: str) -> None:
        self.store.quarantine(build, cpu, variant(data).digest, reason)
        self.bad.add((build, cpu, variant(data).digest))

    @rule(hours=st.integers(0, 48))
    def trim(self, hours: int) -> None:
        """Nothing is too much, and nothing expires."""
        self.clock.now += hours * 3600
        self.store.trim()

    @invariant()
    def it_answers_alike(self) -> None:
        for build, cpu, root in self.places:
            mine = [
                known.gain
                for key, known in self.kept.items()
                if key[:3] == (build, cpu, root)
                and key not in self.forgotten
                and (build, cpu, key[3]) not in self.bad
                and known.gain >= 0
            ]
            (found,) = [one for one in self.store.best(build, cpu) if one.root == root] or (None,)
            assert (found is None) == (not mine)
            if found is not None:
                assert found.gain == max(mine)
                assert found == self.kept[(build, cpu, root, found.variant.digest)]
            assert self.store.tried(build, cpu, root) == [
                one
                for place, one in reversed(self.trials)
                if place == (build, cpu, root) and (build, cpu, one.digest) not in self.bad
            ]
        for build, cpu, digest in self.bad:
            assert self.store.is_quarantined(build, cpu, digest)

    def teardown(self) -> None:
        self.store.close()


TestMemory = Memory.TestCase
# Not shrunk: each step is a transaction or more, and the steps are few.
TestMemory.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
