"""The call tree: stacks merged from their outermost frame on.

In: folded stacks and a function that names frames. Out: a tree whose nodes carry how many samples
ended there. Frames without a name are left out: their time belongs to whoever called them.
Weights decay, so that the tree follows the program's phases.

Functions that call nothing may use the frame pointer's register as they like, and samples in them
then show no callers. Those belong where the few samples do that met them before or after.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from halojit.model.function import Place
from halojit.model.profile import Stack

NESTED_SHARE = 0.02
"""Of a function's samples, that were taken in calls inside its own."""


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

    def add(self, stacks: tuple[Stack, ...], name: Callable[[int], Place | None]) -> None:
        """Adds samples."""
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

        shrink(self.root)
        self.total = sum(weight for _, weight in self._seen())

    def paths(self) -> Iterator[tuple[tuple[Place, ...], float]]:
        """Call paths, outermost function first, with the samples that ended exactly there. A path
        of one function that other paths end in after its callers is shared out among those."""
        whole: dict[Place, list[tuple[tuple[Place, ...], float]]] = {}
        for path, weight in self._seen():
            if len(path) > 1:
                whole.setdefault(path[-1], []).append((path, weight))
        for path, weight in self._seen():
            known = whole.get(path[-1], ()) if len(path) == 1 else ()
            if not known:
                yield path, weight
            total = sum(other for _, other in known)
            yield from ((one, weight * other / total) for one, other in known)

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
