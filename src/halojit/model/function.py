"""A function of a build, as the compiler sees it: the facts that choosing a region needs.

In: what the native extension reads from the bitcode. Out: frozen values that travel between
processes. No addresses: those belong to a process (model/symbols.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

Key = tuple[int, int]
"""(module id, ordinal): how a table entry names a symbol."""


class Place(NamedTuple):
    """A function in a process: statics of two images may share a name."""

    image: int
    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """Facts about one function; `obstacle` says why it cannot be a region's root, or is empty."""

    name: str
    symbols: tuple[Key, ...]
    callees: tuple[str, ...]
    reaches_itself: bool
    obstacle: str
    instructions: int


REGION_INSTRUCTIONS = 4000
"""Of the callees that a region copies, where its recipe says nothing else."""
HOT_INSTRUCTIONS = 4 * REGION_INSTRUCTIONS
"""Of those that have samples."""
INLINED_INSTRUCTIONS = REGION_INSTRUCTIONS // 20
"""Of one without samples: the ahead-of-time compiler may have inlined it."""


def region_of(
    functions: dict[str, Function], root: str, hot: Collection[str] = ()
) -> frozenset[str]:
    """Names of what the region of `root` will hold, about: the compiler knows a little more
    (native/Walk.cpp), and says so when it has built it. `hot` are what was seen there."""
    region = {root}
    left = {True: HOT_INSTRUCTIONS, False: REGION_INSTRUCTIONS}
    waiting, others = deque([root]), deque[str]()
    while waiting or others:
        is_other = not waiting
        name = others.popleft() if is_other else waiting.popleft()
        function = functions.get(name)
        if function is None:
            continue
        if is_other:
            if name in region or function.instructions > min(left[False], INLINED_INSTRUCTIONS):
                continue
            left[False] -= function.instructions
            region.add(name)
        for callee in function.callees:
            found = functions.get(callee)
            if found is None or callee in region:
                continue
            if callee in hot and found.instructions <= left[True]:
                left[True] -= found.instructions
                region.add(callee)
                waiting.append(callee)
            else:
                others.append(callee)
    return frozenset(region)


def reachable(functions: dict[str, Function], root: str) -> frozenset[str]:
    """Names of `root` and everything that it reaches by direct calls."""
    seen = {root}
    waiting = [root]
    while waiting:
        function = functions.get(waiting.pop())
        if function is None:
            continue
        for callee in function.callees:
            if callee not in seen:
                seen.add(callee)
                waiting.append(callee)
    return frozenset(seen)
