"""What a strategy is: the decisions about one process, from its first second to its end.

`run` uses the verbs of `Live` and returns only when it is cancelled or the process is gone
(GoneError). A strategy object serves one process.
"""

from __future__ import annotations

from typing import Protocol

from halojit.server.live import Live


class Strategy(Protocol):
    """Decides what happens to a process."""

    async def run(self, live: Live) -> None:
        """Until the process ends."""
