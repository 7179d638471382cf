"""What a person has told the server as a whole: go on, freeze, or stop.

Frozen: what is deployed stays, nothing more is tried. Stopped: every entry leads to the original,
and nothing is tuned. One switch serves all stories of a server; it lives on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[], None]


class Switch:
    """Starts in "go on"."""

    def __init__(self) -> None:
        self._is_frozen = False
        self._is_stopped = False
        self._listeners: list[Listener] = []

    @property
    def is_frozen(self) -> bool:
        return self._is_frozen

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    @property
    def is_held(self) -> bool:
        """Is nothing to be tried, for either reason?"""
        return self._is_frozen or self._is_stopped

    def freeze(self, is_frozen: bool) -> None:
        """Idempotent."""
        if self._is_frozen != is_frozen:
            self._is_frozen = is_frozen
            self._tell()

    def stop(self, is_stopped: bool) -> None:
        """Idempotent; does not change whether it is frozen."""
        if self._is_stopped != is_stopped:
            self._is_stopped = is_stopped
            self._tell()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls the listener at each change; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
