"""The program that `halo run` runs: started at once, with our stdio, our terminal and our signals.

In: a command and its environment. Out: its exit status as a shell tells it (128 + the signal that
killed it; 126 and 127 when it could not be started). Signals that are sent to `halo` go on to the
program; those that the terminal sends reach it without us.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence

SI_KERNEL = 0x80
FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)


class CannotStart(RuntimeError):
    """The program could not be started; `status` is the shell's exit status for it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Child:
    """The running program."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)

        def unblock() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        try:
            # No other thread exists yet, so that code between fork and exec is safe.
            self._process = subprocess.Popen(command, env=environment, preexec_fn=unblock)
        except OSError as error:
            unblock()
            status = 127 if isinstance(error, FileNotFoundError) else 126
            raise CannotStart(f"{command[0]}: {error.strerror}", status) from None
        self.pid = self._process.pid
        self.pidfd = os.pidfd_open(self.pid)
        threading.Thread(target=self._forward, name="halo-signals", daemon=True).start()

    def _forward(self) -> None:
        while True:
            found = signal.sigwaitinfo(FORWARDED)
            # A terminal's signal goes to the whole foreground group, the program included.
            if found.si_code != SI_KERNEL and found.si_signo != signal.SIGWINCH:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self.pidfd, found.si_signo)

    def wait(self) -> int:
        """Its exit status, as a shell tells it."""
        status = self._process.wait()
        return status if status >= 0 else 128 - status
