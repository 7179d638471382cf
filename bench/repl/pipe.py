"""Inputs on a pipe, one right after the other."""

from __future__ import annotations

import os
import select
import subprocess
import time

from bench.repl.figures import STOCKS, Figure, Rival
from bench.repl.rivals import Place
from bench.repl.terminal import NoAnswer

PIPE_GOAL_MS = 7.0
MOST_MS = 250.0
"""An input may take on average before a rival is taken for one that hangs."""
BEGIN, END = "begin", "end"


class Piped:
    """A rival that reads inputs from a pipe. `pid`: of its first process."""

    def __init__(self, place: Place, rival: Rival) -> None:
        self._process = subprocess.Popen(
            place.command(rival),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=place.environment(),
        )
        self.pid = self._process.pid
        self._seen = b""
        self.send('extern "C" long write(int, const void*, unsigned long);')

    def send(self, *inputs: str) -> None:
        """Each in a line."""
        assert self._process.stdin
        try:
            self._process.stdin.write("".join(f"{one}\n" for one in inputs).encode())
            self._process.stdin.flush()
        except OSError as error:
            raise NoAnswer("the program has ended") from error

    def mark(self, word: str) -> None:
        """An input that writes this word, past the buffers of stdio."""
        self.send(f'write(1, "{word}\\n", {len(word) + 1});')

    def wait(self, word: str, limit_s: float) -> int:
        """When that word came, in ns. NoAnswer."""
        assert self._process.stdout
        deadline = time.monotonic() + limit_s
        line = f"{word}\n".encode()
        at_ns = time.perf_counter_ns()
        while line not in self._seen:
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], left_s)[0]:
                raise NoAnswer(f"hung: no {word!r} within {limit_s:.0f} s")
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            at_ns = time.perf_counter_ns()
            if not data:
                raise NoAnswer("the program has ended")
            self._seen += data
        self._seen = self._seen.partition(line)[2]
        return at_ns

    def close(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.communicate()


def inputs(count: int) -> list[str]:
    """Such as people write; none is like another."""
    kinds = (
        "int n{0} = {0};",
        "n{1} += 2;",
        "int f{0}(int n) {{ return n + n{2}; }}",
        "n{3} = f{1}({0});",
    )
    return [kinds[i % 4].format(i, i - 1, i - 2, i - 3) for i in range(count)]


def measure_pipe(place: Place, rounds: int, count: int) -> list[Figure]:
    """Milliseconds an input, of `count` between two marks."""
    figure = Figure("inputs on a pipe, each", PIPE_GOAL_MS)
    rivals = (Rival.HALO, *STOCKS)
    for round in range(rounds):
        for rival in rivals if round % 2 else reversed(rivals):
            piped = Piped(place, rival)
            try:
                piped.mark(BEGIN)
                piped.send(*inputs(count))
                piped.mark(END)
                begun_ns = piped.wait(BEGIN, 30.0)
                ended_ns = piped.wait(END, count * MOST_MS * 1e-3)
                figure.add(rival, (ended_ns - begun_ns) * 1e-6 / (count + 1))
            except NoAnswer as error:
                figure.fail(rival, str(error))
            finally:
                piped.close()
    return [figure]
