"""Which roots are worth tuning.

In: a call tree, entry counts, and what the compiler says of the functions. Out: disjoint regions.

Two stages, because a sample says how much time is spent below a function but not how often it is
entered: `candidates` picks functions whose entries are to be counted for a moment; `choose` picks
for each hot path the outermost function that is entered often enough to be replaced while the
program runs, and whose calls are long enough to be timed one by one.

A region covers what its root calls directly. A function that is reached another way (through a
pointer, or back from a library) is code of the program, and may be a root of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from halojit.model.function import Place
from halojit.model.region import Region
from halojit.profile.calltree import CallTree

HOLDS = 2.0
"""How much more than the roots inside a caller must have to be the root."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a root must have."""

    share: float = 0.05
    entries_per_s: float = 20.0
    """Less, and nothing is learned of it while the program lasts."""
    passable_entries_per_s: float = 200.0
    """Good enough for a root that has `HOLDS` times the time of better ones inside it."""
    wanted_entries_per_s: float = 500.0
    """Calls of such a root are short enough for short slices: its trials end within a second."""
    ns_per_call: float = 1000.0
    """Wanted, not demanded: a gate costs some 30 ns a call."""
    least_ns_per_call: float = 50.0
    """Less cannot be timed; the caller is the better root."""
    candidates: int = 32


def candidates(
    tree: CallTree,
    is_possible: Callable[[Place], bool],
    covered: Mapping[Place, Collection[str]],
    limits: Limits,
) -> list[Place]:
    """Functions whose entries should be counted, hottest first."""
    if not tree.total:
        return []
    weights: dict[Place, float] = {}
    for path, weight in tree.paths():
        for place in set(_uncovered(path, covered)):
            weights[place] = weights.get(place, 0.0) + weight
    hot = [
        place
        for place, weight in weights.items()
        if weight / tree.total >= limits.share and is_possible(place)
    ]
    hot.sort(key=lambda place: (-weights[place], place))
    return hot[: limits.candidates]


def choose(
    tree: CallTree,
    entries_per_s: Mapping[Place, float],
    cpu_share: float,
    reach: Callable[[Place], Collection[str]],
    covered: Mapping[Place, Collection[str]],
    limits: Limits,
    recursive: Collection[Place] = (),
) -> list[Region]:
    """Disjoint regions, largest share first.

    `cpu_share` is the processor time that the program uses per second of time: shares times it are
    seconds a second. `reach` gives the names a root's region covers; `covered` are the roots that
    have had their turn, with what they cover. Entries of `recursive` roots are mostly their own:
    they do not say how long a call from outside is.
    """
    shares = tree.shares()
    often = {
        place
        for place, rate in entries_per_s.items()
        if rate >= limits.entries_per_s and shares.get(place, 0.0) >= limits.share
    }

    def ns_per_call(place: Place) -> float:
        return shares[place] * cpu_share * 1e9 / entries_per_s[place]

    def region(place: Place, share: float) -> Region:
        return Region(place, share, entries_per_s[place], ns_per_call(place))

    taken = dict(covered)
    chosen: list[Region] = []
    long_enough = {
        place for place in often if place in recursive or ns_per_call(place) >= limits.ns_per_call
    }
    often = {place for place in often if ns_per_call(place) >= limits.least_ns_per_call}
    ranked = {
        place: entries_per_s[place] >= limits.wanted_entries_per_s
        for place in long_enough
        if place not in recursive and entries_per_s[place] >= limits.passable_entries_per_s
    }
    best = {place for place, is_wanted in ranked.items() if is_wanted}
    for place in sorted(ranked.keys() - best, key=lambda place: -shares[place]):
        names = reach(place)
        only: dict[Place, Collection[str]] = {place: names}
        spent = sum(weight for path, weight in tree.paths() if _owner(path, only))
        if not _holds(place, names, best, {**shares, place: spent / tree.total}):
            best = {one for one in best if one.image != place.image or one.name not in names}
            best.add(place)
    for roots in (best, long_enough, often):
        free = {place for place in roots if not _holds(place, reach(place), taken, shares)}
        own = _cover(tree, free, reach, taken, limits)
        chosen.extend(region(place, share) for place, share in own.items())
        taken.update((place, reach(place)) for place in own)
    chosen.sort(key=lambda one: (-one.share, one.root))
    return chosen


def _holds(
    place: Place, names: Collection[str], taken: Collection[Place], shares: Mapping[Place, float]
) -> bool:
    """Would a region of these names hold its own copies of roots that have much of its time? They
    are tuned better alone. (Samples in functions without a frame leave their caller out, so the
    call tree may say less of the caller than is true.)"""
    inside = sum(
        shares.get(other, 0.0)
        for other in taken
        if other != place and other.image == place.image and other.name in names
    )
    return HOLDS * inside > shares.get(place, 0.0)


def _cover(
    tree: CallTree,
    roots: Collection[Place],
    reach: Callable[[Place], Collection[str]],
    taken: Mapping[Place, Collection[str]],
    limits: Limits,
) -> dict[Place, float]:
    """Which of `roots` have regions in which enough of the time is spent, and the share of each."""
    roots = {place for place in roots if place not in taken}
    while roots:
        covering: dict[Place, Collection[str]] = {place: reach(place) for place in roots}
        covering.update(taken)
        weights = dict.fromkeys(roots, 0.0)
        for path, weight in tree.paths():
            owner = _owner(path, covering)
            if owner is not None and owner in weights:
                weights[owner] += weight
        small = {p for p in roots if weights[p] < limits.share * tree.total}
        if not small:
            return {place: weights[place] / tree.total for place in roots}
        # Without the smallest, its time may go to what it calls. One inside another's region may
        # have no time only because of that other.
        outermost = {p for p in small if not any(_contains(o, p, covering) for o in roots - {p})}
        roots = roots - {min(outermost or small, key=lambda place: (weights[place], place))}
    return {}


def _contains(root: Place, place: Place, covering: Mapping[Place, Collection[str]]) -> bool:
    return root.image == place.image and place.name in covering[root]


def _owner(path: tuple[Place, ...], covering: Mapping[Place, Collection[str]]) -> Place | None:
    """The root in whose region the path ends."""
    owner: Place | None = None
    for place in path:
        if owner is not None and place.image == owner.image and place.name in covering[owner]:
            continue
        owner = place if place in covering else None
    return owner


def _uncovered(path: tuple[Place, ...], covered: Mapping[Place, Collection[str]]) -> list[Place]:
    """The part of a path that no region covers."""
    free: list[Place] = []
    owner: Place | None = None
    for place in path:
        if owner is not None and place.image == owner.image and place.name in covered[owner]:
            continue
        owner = place if place in covered else None
        if owner is None:
            free.append(place)
    return free
