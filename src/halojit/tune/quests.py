"""What is sought on which inputs: programs go back and forth between them.

In: that calls became longer, or shorter. Out: the quest that goes on where it was when the program
last worked on such inputs. Inputs are told apart by the way that led to them and by nothing else.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from halojit.model.region import FunctionProfile, Recipe
from halojit.tune.search import Search


@dataclass
class Quest:
    """A search, and what was seen of the inputs that it is for."""

    search: Search
    digests: set[str] = field(default_factory=set)
    """Of code that was tried."""
    profiles: dict[Recipe, tuple[FunctionProfile, ...]] = field(default_factory=dict)
    """By the plain recipe for a processor: counts of one fit no other."""
    interrupted: set[Recipe] = field(default_factory=set)
    """Their inputs changed while they were on trial; they get one more."""
    is_done: bool = False
    """Nothing more is worth trying."""


class Quests:
    """Of one region. `now` is the one for the inputs of now."""

    def __init__(self, first: Quest) -> None:
        self.now = first
        self._ways: dict[bool, list[Quest]] = {True: [], False: []}
        """Those that shorter calls lead back to, the last one first, and longer ones."""

    def beyond(self, is_shorter: bool) -> Quest | None:
        """What was sought on the inputs that calls which become shorter, or longer, lead back to.
        None if those are new."""
        way = self._ways[is_shorter]
        return way[-1] if way else None

    def turn(self, is_shorter: bool, to: Quest) -> None:
        """This one takes the place of what is beyond, and is the one of now."""
        # What was counted may already have been of the new inputs.
        self.now.profiles.clear()
        self._ways[not is_shorter].append(self.now)
        if self._ways[is_shorter]:
            self._ways[is_shorter].pop()
        self.now = to
