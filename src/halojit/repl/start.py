"""The start of a session's processes.

In: what a person has chosen. Out: a fresh pair that knows no inputs, with the header cache if there
is one that fits; else one is made for the next session.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from halojit import paths
from halojit.repl import headers
from halojit.repl.death import Death, describe_early
from halojit.repl.executor import Executor
from halojit.repl.keeper import Keeper
from halojit.repl.libraries import Libraries
from halojit.repl.outcome import Form
from halojit.repl.pair import Pair, PairError


class SessionError(RuntimeError):
    """The session cannot begin, or cannot go on; says why."""


@dataclass(frozen=True, slots=True)
class Start:
    """As of a Session (session.py)."""

    flags: tuple[str, ...]
    stdio: tuple[int, int, int] | None
    libraries: Libraries
    executor: Executor
    form: Form

    def pair(self) -> Pair:
        """Fresh processes, linked with the libraries. Raises SessionError."""
        pair = self._started()
        for each in self.libraries.names:
            pair.send({"load": each})
            answer = pair.answer()
            why = describe_early(answer) if isinstance(answer, Death) else answer.get("error")
            if why:
                pair.close()
                raise SessionError(f"-l{each}: {why}")
        return pair

    def _started(self) -> Pair:
        # Its code is a library of this machine.
        cache = None if self.executor.endpoint else headers.path(self.flags)
        found = cache if cache and cache.exists() else None
        stale: Path | None = None
        while True:
            pair = None
            try:
                pair = self._pair_of(found)
                pair.start()
                break
            except (PairError, OSError) as error:
                if pair:
                    pair.close()
                if not found or not pair:
                    raise SessionError(str(error)) from error
                stale, found = found, None  # most often a header has changed
        if stale:  # it was to blame: without it a session begins
            stale.unlink(missing_ok=True)
        if found:
            headers.note_use(found)
        elif cache:
            headers.make(self.flags)
        return pair

    def _pair_of(self, cache: Path | None) -> Pair:
        interpreter = Keeper(partial(self._interpreter, cache), (subprocess.DEVNULL, None, None))
        try:
            return Pair(interpreter, self.executor.start(self.stdio))
        except OSError:
            interpreter.close()
            raise

    def _interpreter(self, cache: Path | None, fd: int) -> list[str]:
        runtime = self.executor.orc_runtime
        return [
            str(paths.command_dir() / "halo-interpreter"),
            f"--keep={fd}",
            f"--support={paths.library_dir() / 'halo-support.o'}",
            f"--show={paths.library_dir() / 'show.h'}",
            *([f"--show={paths.library_dir() / 'give.h'}"] if self.form is Form.NODE else []),
            *([f"--headers={cache}", f"--code={headers.library(cache)}"] if cache else []),
            *([f"--orc-runtime={runtime}"] if runtime else []),
            *(f"--library-path={each}" for each in self.libraries.directories),
            *([] if self.libraries.is_automatic else ["--no-autoload"]),
            "--",
            *self.flags,
        ]
