"""The call tree: stacks merged from their outermost frame on.

In: folded stacks and a function that names frames. Out: a tree whose nodes carry how many samples
ended there. Frames without a name are left out: their time belongs to whoever called them.
Weights decay, so that the tree follows the program's phases.

Code that uses the frame pointer's register for something else (functions that call nothing, and
variants) shows no callers while it does. Such samples belong where the few do that met the same
function with its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence

from halojit.model.function import Place
from halojit.model.profile import Stack

NESTED_SHARE = 0.02
"""Of a function's samples, that were taken in calls inside its own."""
LEAST_EVIDENCE = 1.0
"""Samples with callers, before those without any are put there."""


class Node:
    """A function in the context of its callers."""

    __slots__ = ("children", "own", "place")

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self.own = 0.0
        self.children: dict[Place, Node] = {}


class CallTree:
    """Samples by call path."""

    def __init__(self) -> None:
        self.root = Node(None)
        self.total = 0.0
        self._paths: list[tuple[tuple[Place, ...], float]] | None = None

    def add(self, stacks: tuple[Stack, ...], name: Callable[[int], Place | None]) -> None:
        """Adds samples."""
        self._paths = None
        known: dict[int, Place | None] = {}
        for stack in stacks:
            node = self.root
            for address in reversed(stack.frames):
                if address not in known:
                    known[address] = name(address)
                place = known[address]
                if place is None:
                    continue
                child = node.children.get(place)
                if child is None:
                    child = node.children[place] = Node(place)
                node = child
            node.own += stack.count
            self.total += stack.count

    def decay(self, factor: float, least: float = 0.05) -> None:
        """Multiplies all weights, and forgets paths that have become nothing."""

        def shrink(node: Node) -> bool:
            node.own *= factor
            node.children = {
                place: child for place, child in node.children.items() if shrink(child)
            }
            return bool(node.children) or node.own >= least

        self._paths = None
        shrink(self.root)
        self.total = sum(weight for _, weight in self._seen())

    def paths(self) -> Sequence[tuple[tuple[Place, ...], float]]:
        """Call paths, outermost function first, with the samples that ended exactly there. Those of
        a function alone, that nothing below it shows to be a thread's first, are shared out among
        the longer paths that end in it."""
        if self._paths is None:
            self._paths = list(self._whole())
        return self._paths

    def _whole(self) -> Iterator[tuple[tuple[Place, ...], float]]:
        seen = list(self._seen())
        lone = {p: node.own for p, node in self.root.children.items() if not node.children}
        evidence: dict[Place, float] = {}
        for path, weight in seen:
            if _shows_callers(path, lone):
                evidence[path[-1]] = evidence.get(path[-1], 0.0) + weight
        known = {place: w for place, w in evidence.items() if w >= LEAST_EVIDENCE}
        for path, weight in seen:
            if _shows_callers(path, known):
                yield path, weight * (1.0 + lone[path[-1]] / known[path[-1]])
            elif len(path) != 1 or path[0] not in known:
                yield path, weight

    def _seen(self) -> Iterator[tuple[tuple[Place, ...], float]]:
        """As sampled."""
        waiting: list[tuple[Node, tuple[Place, ...]]] = [(self.root, ())]
        while waiting:
            node, path = waiting.pop()
            if node.own:
                yield path, node.own
            waiting.extend((child, (*path, place)) for place, child in node.children.items())

    def below(self, roots: Collection[Place]) -> dict[Place, dict[Place, float]]:
        """By root, each function's share of the samples of the root, as far as it was called from
        there. The root's own is 1."""
        weights: dict[Place, dict[Place, float]] = {root: {} for root in roots}
        for path, weight in self.paths():
            inside = set[Place]()
            for index in reversed(range(len(path))):
                place = path[index]
                inside.add(place)
                if place in weights and path.index(place) == index:
                    found = weights[place]
                    for one in inside:
                        found[one] = found.get(one, 0.0) + weight
        return {
            root: {place: weight / found[root] for place, weight in found.items()}
            for root, found in weights.items()
        }

    def recursive(self) -> set[Place]:
        """Functions that were seen inside themselves, and not just now and then."""
        nested: dict[Place, float] = {}
        for path, weight in self.paths():
            if len(set(path)) < len(path):
                for place in {place for place in path if path.count(place) > 1}:
                    nested[place] = nested.get(place, 0.0) + weight
        shares = self.shares()
        return {
            place
            for place, weight in nested.items()
            if weight >= NESTED_SHARE * shares[place] * self.total
        }

    def shares(self) -> dict[Place, float]:
        """Each function's share of all samples, with everything it calls."""
        if not self.total:
            return {}
        weights: dict[Place, float] = {}
        for path, weight in self.paths():
            for place in set(path):
                weights[place] = weights.get(place, 0.0) + weight
        return {place: weight / self.total for place, weight in weights.items()}


def _shows_callers(path: tuple[Place, ...], of: Container[Place]) -> bool:
    """Does it end in a first call of one of them, after its callers?"""
    return len(path) > 1 and path[-1] in of and path[-1] not in path[:-1]
