"""The Python API under Ctrl-C, used by several threads, and after a fork."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from harness.processes import no_hang, wait_until

import halojit
from halojit.repl.pair import Pair
from halojit.repl.states import States

DO: dict[str, Callable[[halojit.Interpreter], Any]] = {
    "run": lambda cpp: cpp.run("x = 2;"),
    "value": lambda cpp: cpp["x = 2"],
    "assignment": lambda cpp: cpp.__setitem__("x", 2),
    "new variable": lambda cpp: cpp.__setitem__("fresh", 2),
    "function": lambda cpp: cpp.function("int()", "[] { return x = 2; }"),
    "undo": lambda cpp: cpp.undo(0),
}


@pytest.fixture
def cpp() -> Iterator[halojit.Interpreter]:
    with halojit.Interpreter() as cpp:
        cpp.run("int one = 1, x = 1; int twice(int n) { x = n; return 2 * n; }")
        yield cpp


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """press(when, number): Ctrl-C just before or after the next time that a pair is asked."""

    def arrange(when: str, number: int) -> None:
        real, count = Pair.answer, 0

        def answer(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if (when, count) == ("before", number):
                signal.raise_signal(signal.SIGINT)
            found = real(*arguments)
            if (when, count) == ("after", number):
                signal.raise_signal(signal.SIGINT)
            return found

        monkeypatch.setattr(Pair, "answer", answer)

    return arrange


def press_before(monkeypatch: pytest.MonkeyPatch, room: type, method: str) -> None:
    """Ctrl-C just before a method is called the next time."""
    real = getattr(room, method)

    def pressed(*arguments: Any) -> Any:
        monkeypatch.setattr(room, method, real)
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(room, method, pressed)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("run", 1),
        ("value", 1),
        ("assignment", 1),
        ("assignment", 2),
        ("new variable", 1),
        ("new variable", 2),
        ("function", 1),
        ("function", 2),
    ],
)
def test_what_is_interrupted_leaves_nothing(
    cpp: halojit.Interpreter, press: Callable[[str, int], None], what: str, number: int, when: str
) -> None:
    inputs = cpp.inputs
    press(when, number)
    with pytest.raises(KeyboardInterrupt):
        DO[what](cpp)
    assert cpp.inputs == inputs
    assert (cpp["one"], cpp["x"], cpp['"text"']) == (1, 1, "text")
    with pytest.raises(halojit.CompileError):
        cpp.run("fresh")


@pytest.mark.parametrize("moment", [(Pair, "forget_interrupts"), (States, "settle")])
@pytest.mark.parametrize("what", [*DO, "call"])
def test_an_interrupt_that_comes_before_anything_runs_counts(
    cpp: halojit.Interpreter,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    moment: tuple[type, str],
) -> None:
    twice = cpp.function("int(int)", "twice")
    press_before(monkeypatch, *moment)
    with pytest.raises(KeyboardInterrupt):
        twice(3) if what == "call" else DO[what](cpp)
    assert (cpp["x"], twice(4), cpp["x"]) == (1, 8, 4)


def test_an_interrupt_before_an_endless_input_ends_it(
    cpp: halojit.Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_before(monkeypatch, Pair, "forget_interrupts")
    with no_hang(30), pytest.raises(KeyboardInterrupt):
        cpp.run("x = 2; for (volatile int i = 0;;) i = i + 1;")
    assert cpp["x"] == 1


def test_ignored_interrupts_stay_ignored(
    cpp: halojit.Interpreter, press: Callable[[str, int], None]
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        press("before", 1)
        cpp.run("x = 2;")
    finally:
        signal.signal(signal.SIGINT, before)
    assert cpp["x"] == 2


def test_threads_get_their_own_values(cpp: halojit.Interpreter) -> None:
    def work(number: int) -> bool:
        cpp[f"v{number}"] = number
        cpp.run("++x;")
        twice = cpp.function("int(int)", "[](int n) { return 2 * n; }")
        return (cpp[f"v{number}"], twice(number)) == (number, 2 * number)

    with no_hang(60), ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(24)))
    assert cpp["x"] == 25


def test_an_interrupt_ends_waiting_for_another_thread(
    cpp: halojit.Interpreter, tmp_path: Path
) -> None:
    begun, may_end = tmp_path / "begun", tmp_path / "may_end"
    cpp.run("#include <cstdio>\n#include <unistd.h>")
    runs = f'fclose(fopen("{begun}", "w")); while (access("{may_end}", F_OK)) usleep(1000); x = 5;'
    main = threading.main_thread().ident or 0

    def is_waiting() -> bool:
        frame = sys._current_frames()[main]
        return frame.f_code.co_name == "turn"

    def press() -> None:
        wait_until(is_waiting, "the main thread to wait for its turn")
        os.kill(os.getpid(), signal.SIGINT)

    with no_hang(60), ThreadPoolExecutor(2) as threads:
        running = threads.submit(cpp.run, runs)
        wait_until(begun.exists, "the input to begin")
        pressed = threads.submit(press)
        with pytest.raises(KeyboardInterrupt):
            cpp.run("x = 6;")
        pressed.result()
        may_end.touch()
        running.result()
        assert cpp["x"] == 5


def test_a_forked_process_leaves_the_session_alone(
    cpp: halojit.Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halojit.repl.keeper._END_LIMIT_S", 60.0)
    with halojit.Interpreter() as other:
        twice = cpp.function("int(int)", "twice")
        for use in (*DO.values(), lambda cpp: cpp.inputs, lambda _: twice(3)):
            assert in_child(lambda use=use: _is_refused(use, cpp))

        def end() -> bool:
            cpp.close()
            gc.collect()
            with halojit.Interpreter() as own:
                return own["1 + 1"] == 2

        assert in_child(end)
        with no_hang(30):
            assert (cpp["x"], twice(3), cpp["x"]) == (1, 6, 3)
            release, held = os.pipe()  # until the parent lets it go on
            child = os.fork()
            if not child:
                os.close(held)
                os.read(release, 1)
                os._exit(0)
            os.close(release)
            other.close()
            os.close(held)
            os.waitpid(child, 0)


def _is_refused(use: Callable[[halojit.Interpreter], Any], cpp: halojit.Interpreter) -> bool:
    with pytest.raises(halojit.SessionError, match=f"of process {os.getppid()}"):
        use(cpp)
    return True


def in_child(work: Callable[[], bool]) -> bool:
    """What it says in a process that is forked."""
    child = os.fork()
    if child:
        with no_hang(30):
            return os.waitpid(child, 0)[1] == 0
    is_so = False
    try:
        is_so = work()
    finally:
        os._exit(not is_so)


def test_a_signal_handler_cannot_use_it_in_the_middle(
    cpp: halojit.Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Pair.answer

    def in_the_middle(*arguments: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(halojit.SessionError, match="in the middle"):
            cpp.run("x = 7;")
        return answer(*arguments)

    monkeypatch.setattr(Pair, "answer", in_the_middle)
    assert (cpp["one + one"], cpp["x"]) == (2, 1)
