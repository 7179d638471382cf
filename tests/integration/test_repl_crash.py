"""Inputs that end in every way there is, at random moments: nothing is lost, half done or wrong.

A model in Python does what each kept input did. HALO_CRASH_INPUTS says how many inputs (300),
HALO_CRASH_SEED which (0): `HALO_CRASH_INPUTS=1000 pytest tests/integration/test_repl_crash.py`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from harness.processes import Process, descendants, no_hang, wait_until

from halojit.repl.outcome import Outcome, Reason
from halojit.repl.session import Session
from halojit.repl.states import STEPS

INPUTS = int(os.environ.get("HALO_CRASH_INPUTS", "300"))
SEED = int(os.environ.get("HALO_CRASH_SEED", "0"))
SECONDS_AN_INPUT = 1.0
"""On average, on a busy machine: beyond it something hangs."""

PRELUDE = """
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>
int a = 1, b = 2;
std::vector<int> v;
std::string text;
int version() { return 0; }
std::string all() {
  std::string shown = std::to_string(a) + ' ' + std::to_string(b) + ' ' + text;
  for (int each : v) shown += ' ' + std::to_string(each);
  return shown + " / " + std::to_string(version());
}
void limit_memory(unsigned long more) {
  unsigned long pages = 0;
  FILE *file = std::fopen("/proc/self/statm", "r");
  std::fscanf(file, "%lu", &pages);
  std::fclose(file);
  struct rlimit limit;
  limit.rlim_cur = limit.rlim_max = pages * 4096 + more;
  setrlimit(RLIMIT_AS, &limit);
}
int overflow(int n) { volatile char room[4096]; room[0] = 1; return overflow(n + 1) + room[0]; }
void eat() noexcept { for (std::vector<char *> held;;) held.push_back(new char[1 << 20]()); }
void sigfpe() { volatile int zero = 0; a = 1 / zero; }
"""
HALF = """\
int half = 1; a = -1; b = -1; v.assign(3, -1); text = "half"; int version() { return -1; }
"""
FAILURES: dict[str, tuple[str, set[Reason]]] = {
    "a parse error": ("a = ;", {Reason.COMPILE}),
    "an unknown name": ("a = no_such_name;", {Reason.COMPILE}),
    "a link error": ("int nowhere(); a = nowhere();", {Reason.LINK}),
    "SIGSEGV": ("*(volatile int *)0 = 1;", {Reason.CRASH}),
    "SIGABRT": ("abort();", {Reason.CRASH}),
    "SIGFPE": ("sigfpe();", {Reason.CRASH}),
    "exit": ("exit(3);", {Reason.EXIT}),
    "_exit": ("_exit(0);", {Reason.EXIT}),
    "quick_exit": ("quick_exit(4);", {Reason.EXIT}),
    "a stack overflow": ("overflow(0);", {Reason.CRASH}),
    "std::terminate": ("std::terminate();", {Reason.CRASH}),
    "no memory": ("limit_memory(64 << 20); eat();", {Reason.CRASH}),
    "a kill": ("kill(getpid(), 9);", {Reason.CRASH}),
    "a crash of the compiler": ("\n#pragma clang __debug crash\n", {Reason.CRASH}),
}


@dataclass(frozen=True)
class State:
    """What the variables hold."""

    a: int = 1
    b: int = 2
    v: tuple[int, ...] = ()
    text: str = ""
    version: int = 0

    @property
    def shown(self) -> str:
        """As `all()` tells it."""
        words = [str(self.a), str(self.b), self.text, *map(str, self.v)]
        return f'"{" ".join(words)} / {self.version}"'


KEPT: list[tuple[str, Callable[[State, int], State]]] = [
    ("a = {n};", lambda s, n: replace(s, a=n)),
    ("b = (b + a) % 10007;", lambda s, n: replace(s, b=(s.b + s.a) % 10007)),
    ("v.push_back({n});", lambda s, n: replace(s, v=(*s.v, n))),
    ("if (v.size() > 5) v.clear();", lambda s, n: replace(s, v=() if len(s.v) > 5 else s.v)),
    (
        'text = std::string({n} % 9, "abc"[{n} % 3]);',
        lambda s, n: replace(s, text="abc"[n % 3] * (n % 9)),
    ),
    ("int version() {{ return {n}; }}", lambda s, n: replace(s, version=n)),
    ("a = version() + {n};", lambda s, n: replace(s, a=s.version + n)),
    ("b = {n}; throw b;", lambda s, n: replace(s, b=n)),
]


@dataclass
class Mirror:
    """A session next to its model: the inputs that must be kept, with what they made of it."""

    session: Session
    history: list[tuple[str, State]] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.history[-1][1]

    def run(self, source: str, after: State) -> Outcome:
        """Runs an input and compares what the session says of it with what was known."""
        outcome = self.session.run(source)
        self._note_lost(outcome)
        if outcome.is_kept:
            self.history.append((source, after))
        assert self.session.inputs == tuple(each for each, _ in self.history), (source, outcome)
        return outcome

    def settle(self) -> None:
        """The last input is kept now, or known to be lost."""
        if lost := self.session.settle():
            self._note_lost(lost)

    def _note_lost(self, outcome: Outcome) -> None:
        if outcome.lost:
            assert not outcome.is_kept
            tail = self.history[-len(outcome.lost) :]
            assert outcome.lost == tuple(each for each, _ in tail)
            del self.history[-len(outcome.lost) :]

    def check(self) -> None:
        """No value is wrong, and nothing of what failed is to be seen."""
        outcome = self.run("all()", self.state)
        assert outcome.value is not None, outcome
        assert outcome.value.text == self.state.shown
        assert self.run("half", self.state).failure is not None


@contextlib.contextmanager
def killed(pid: int, delay_s: float) -> Iterator[None]:
    """Kills a process after a while, from another thread; it has when the block ends."""
    target = os.pidfd_open(pid)

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(target, signal.SIGKILL)

    timer = threading.Timer(delay_s, kill)
    timer.start()
    try:
        yield
    finally:
        timer.join()
        os.close(target)


@contextlib.contextmanager
def interrupted(session: Session, delay_s: float) -> Iterator[None]:
    """Presses Ctrl-C again and again, from another thread, until the block ends."""
    is_over = threading.Event()

    def press() -> None:
        while not is_over.wait(delay_s):
            session.interrupt()

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_nothing_is_lost_half_done_or_wrong() -> None:
    dice = random.Random(SEED)
    seen: set[Process] = set()
    with no_hang(60 + INPUTS * SECONDS_AN_INPUT), Session(("-std=c++20",)) as session:
        mirror = Mirror(session)
        assert mirror.run(PRELUDE, State()).is_kept
        for number in range(INPUTS):
            mirror_step(mirror, dice)
            if number % 25 == 0:
                mirror.check()
                seen.update(descendants())
        mirror.check()
        session.settle()
        wait_until(lambda: all(each.state != "Z" for each in descendants()), "no zombies")
        bound = 2 * (STEPS + 5)  # on each side a keeper, the live one, the first commit, the last
        wait_until(lambda: len(descendants()) <= bound, "old states to end")
        seen.update(descendants())
    assert [each for each in seen if each.state is not None] == []


def mirror_step(mirror: Mirror, dice: random.Random) -> None:
    """One input, and what happens to it."""
    way = dice.choice(["kept", "kept", "failed", "killed", "killed", "interrupted"])
    source, effect = dice.choice(KEPT)
    n = dice.randrange(1000)
    source, after = source.format(n=n), effect(mirror.state, n)
    session = mirror.session
    if way == "kept":
        outcome = mirror.run(source, after)
        assert outcome.is_kept, (source, outcome)
        assert (outcome.exception is not None) == ("throw" in source)
    elif way == "failed":
        end, reasons = FAILURES[dice.choice(list(FAILURES))]
        outcome = mirror.run(HALF + end, mirror.state)
        assert outcome.failure is not None, (end, outcome)
        assert outcome.failure.reason in reasons, (end, outcome)
    elif way == "interrupted":
        with interrupted(session, dice.uniform(0.001, 0.02)):
            outcome = mirror.run(HALF + "for (;;) ++a;", mirror.state)
        assert outcome.failure is not None
        assert outcome.failure.reason == Reason.INTERRUPT, outcome
    else:
        pid = session.processes()[dice.choice(["worker", "interpreter"])]
        assert pid
        with killed(pid, dice.uniform(0.0, 0.01)):
            if dice.random() < 0.3:
                # It defines something again, which takes a second try, in another process.
                with interrupted(session, 0.1):
                    outcome = mirror.run(HALF + "for (;;) ++a;", mirror.state)
                assert outcome.failure is not None
            else:
                mirror.run(source, after)
        mirror.settle()
        mirror.run("(void)0;", mirror.state)  # the kill may have come when all was done


@pytest.mark.parametrize("way", FAILURES)
def test_each_way_to_fail(way: str) -> None:
    end, reasons = FAILURES[way]
    with no_hang(60), Session(("-std=c++20",)) as session:
        mirror = Mirror(session)
        assert mirror.run(PRELUDE, State()).is_kept
        for _ in range(2):
            outcome = mirror.run(HALF + end, mirror.state)
            assert outcome.failure is not None and outcome.failure.reason in reasons, outcome
            mirror.check()


def test_inputs_that_do_not_link_never_hang() -> None:
    with no_hang(60 + INPUTS * SECONDS_AN_INPUT), Session() as session:
        assert session.run("int x = 1;").is_kept
        for number in range(INPUTS):
            outcome = session.run(f"int nowhere_{number}(); x = nowhere_{number}();")
            assert outcome.failure is not None and outcome.failure.reason == Reason.LINK, outcome
            assert f"nowhere_{number}" in outcome.failure.text
        value = session.run("x").value
        assert value is not None and value.text == "1"
        assert session.inputs == ("int x = 1;", "x")


def test_an_interrupt_counts_from_the_moment_an_input_is_given() -> None:
    with no_hang(60), Session() as session:
        assert session.run("int x = 5;").is_kept
        session.interrupt()
        assert session.run("x = 6;").is_kept
        settle = session.settle

        def interrupt_and_settle() -> Outcome | None:
            session.interrupt()
            return settle()

        session.settle = interrupt_and_settle
        outcome = session.run("x = 7; for (;;) ;")
        session.settle = settle
        assert outcome.failure is not None and outcome.failure.reason == Reason.INTERRUPT
        value = session.run("x").value
        assert value is not None and value.text == "6"


def test_exceptions_find_their_way_past_functions_that_inputs_share() -> None:
    """Without the header cache each input brings what it uses; what is there already is dropped."""
    with no_hang(60), Session(("-xc++", "-std=c++20")) as session:
        for source in ("#include <string>", "std::string t;", "t = std::string(3, 'c');"):
            assert session.run(source).is_kept
        outcome = session.run("throw 5;")
        assert outcome.exception is not None and outcome.exception.type == "int", outcome
