"""A function of a build, as the compiler sees it: the facts that choosing a region needs.

In: what the native extension reads from the bitcode. Out: frozen values that travel between
processes. No addresses: those belong to a process (model/symbols.py).
"""

from __future__ import annotations

from collections import deque
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
CALLEE_SHARE = 3
"""A callee of more than this part of it stays the program's."""


def region_of(functions: dict[str, Function], root: str) -> frozenset[str]:
    """Names of what the region of `root` will hold, about: the compiler knows a little more
    (native/Walk.cpp), and says so when it has built it."""
    region = {root}
    left = REGION_INSTRUCTIONS
    waiting = deque([root])
    while waiting:
        function = functions.get(waiting.popleft())
        for name in function.callees if function is not None else ():
            callee = functions.get(name)
            if callee is None or name in region:
                continue
            if callee.instructions <= min(left, REGION_INSTRUCTIONS // CALLEE_SHARE):
                left -= callee.instructions
                region.add(name)
                waiting.append(name)
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
