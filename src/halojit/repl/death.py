"""How a live process of a session ended, and how people are told.

In: a status as of waitpid. Out: words. Pure.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

CUT = "the process of the inputs has cut its connection: exec, or a closed descriptor?"
"""Why the worker is of no use: nobody has its connection."""
_EXIT_CUT = 121  # HALO_EXIT_CUT


@dataclass(frozen=True)
class Death:
    """How a live process ended. `who`: "worker" or "interpreter"; `status`: as of waitpid; `why`:
    it has not ended, but is of no use any more."""

    who: str
    status: int
    why: str | None = None
    was_exec: bool = False  # it had become another program

    @property
    def signal(self) -> int | None:
        """The signal that killed it, if one did."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    @property
    def code(self) -> int | None:
        """What it exited with, if it exited."""
        if self.why or not os.WIFEXITED(self.status):
            return None
        return os.WEXITSTATUS(self.status)

    @property
    def has_lost_connection(self) -> bool:
        """A worker ends in order when it does."""
        return self.who == "worker" and self.code in (0, _EXIT_CUT)


def describe(death: Death) -> str:
    """`SIGSEGV: Segmentation fault`, `exit(3)`."""
    if death.why:
        return death.why
    if death.code == _EXIT_CUT and not death.was_exec:
        return "the input has closed or replaced the descriptor that its results are sent by"
    how = f"exit({death.code})"
    if death.signal is not None:
        how = f"{_signal_name(death.signal)}: {signal.strsignal(death.signal)}"
    return f"exec: another program took the place of the inputs; {how}" if death.was_exec else how


def describe_early(death: Death) -> str:
    """Of a death before the first input, which cannot be to blame."""
    if death.has_lost_connection or death.why == CUT:
        return "the connection to the worker was lost while the session started"
    return f"the {death.who} ended while the session started ({describe(death)})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
