"""The part `repl`: figures and their verdicts, what a terminal shows, what /proc tells."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import deciding, history
from bench.repl import part, pipe, rivals, show
from bench.repl.figures import Figure, Rival, together
from bench.repl.memory import Growth, Memory, Point, memory, rollup
from bench.repl.terminal import NoAnswer, Terminal, plain


def figure(goal: float | None = 3.5) -> Figure:
    return Figure(
        "Enter",
        goal,
        samples={
            Rival.HALO: [2.0, None, 4.0, 3.0],
            Rival.API: [9.0, 9.0, 9.0, 9.0],
            Rival.STOCK: [None, None, None, None],
            Rival.OOP: [20.0, 30.0, None, 60.0],
        },
        failures={Rival.STOCK: ["hung", "the program has ended"]},
    )


def growth(count: int, kb_each: float) -> Growth:
    def point(inputs: int) -> Point:
        grown_kb = round(5000 + (3000 if inputs else 0) + kb_each * inputs)
        return Point(inputs, 1.5, {"worker": Memory(9000, 8000, grown_kb, 50 + inputs // 10)})

    return Growth(Rival.API, [point(count * i // 10) for i in range(11)])


def test_samples_that_are_missing_are_in_no_median_and_no_pair() -> None:
    spread = figure().spread(Rival.HALO)
    assert spread
    assert (spread.low, spread.median, spread.high, spread.count) == (2.5, 3.0, 3.5, 3)
    assert figure().spread(Rival.STOCK) is None
    ratio = figure().ratio(Rival.HALO, Rival.OOP)
    assert ratio
    assert ratio.value == 15.0  # of 20 / 2 and 60 / 3
    assert figure().ratio(Rival.HALO, Rival.STOCK) is None


def test_only_ours_have_goals() -> None:
    met = {goal.where: goal.is_met for goal in figure().goals()}
    assert met == {"halo-repl": True, "Session": False}
    assert all(goal.is_met for goal in figure(None).goals())


def test_figures_together_keep_their_pairs() -> None:
    short = Figure("x", samples={Rival.HALO: [1.0, 1.0], Rival.STOCK: [7.0, 7.0]})
    both = together("all", [short, figure()], 3.5)
    assert both.samples[Rival.OOP] == [None, None, 20.0, 30.0, None, 60.0]
    assert both.samples[Rival.STOCK][:2] == [7.0, 7.0]
    assert {len(samples) for samples in both.samples.values()} == {6}


def test_what_the_first_inputs_need_is_not_what_one_costs() -> None:
    found = growth(1000, 2.0)
    assert found.input_bytes("worker") == 2048.0
    assert found.new_mappings("worker") == 100
    assert Growth(Rival.OOP, found.points[:2]).input_bytes("worker") is None


def test_cells_mark_what_misses() -> None:
    (cells,) = show.figure_cells([figure()])
    assert cells[2:] == [
        "3.00 (2.50-3.50)",
        "9.00 (9.00-9.00) missed",
        "none",
        "30.0 (25.0-45.0)",
        "15.0 (10.0-20.0)",
    ]
    (cells,) = show.growth_cells([growth(1000, 2.0)])
    assert cells[1:5] == ["1000", "1.50", "2048 missed", "100"]
    assert show.growth_cells([Growth(Rival.OOP, ended="hung after 0 inputs")])[0][-1]
    (note,) = show.notes([figure()])
    assert note.startswith("Enter, clang-repl: no answer 2 of 2 times")
    assert note.endswith(": the program has ended")
    assert "| 2048 missed | 100 |" in show.markdown([figure()], [growth(1000, 2.0)])


def test_a_summary_is_kept_and_a_picture_drawn(tmp_path: Path) -> None:
    figures, growths = [figure()], [growth(1000, 0.5)]
    full = part.document(figures, growths, datetime(2026, 1, 2, tzinfo=UTC))
    kept = part.summary(full)
    assert kept["goals"]["Enter: halo-repl"] == 3.0
    assert kept["of_goal"]["Enter: Session"] == pytest.approx(9 / 3.5, abs=1e-4)
    assert kept["of_goal"]["bytes an input: worker"] == 0.5
    history.keep(kept, part.KIND, tmp_path)
    assert history.earlier_of(part.KIND, tmp_path) == [kept]
    assert history.earlier("O3", tmp_path) == []
    show.draw(figures, growths, [kept], tmp_path / "repl.png")
    assert (tmp_path / "repl.png").read_bytes()[:4] == b"\x89PNG"


def test_the_document_has_a_place_for_the_tables() -> None:
    told = part.DOCUMENT.read_text()
    assert deciding.BEGIN.format(part.KIND) in told
    assert deciding.END.format(part.KIND) in told


def test_shown_text_without_what_moves_the_cursor() -> None:
    assert plain(b"\x1b[?25l\x1b[0;36m(int)\x1b[0m 3\r\r\n\x1b[6nhalo>\x1b[5D") == "(int) 3\nhalo>"


def test_a_word_that_is_half_typed() -> None:
    assert rivals.untyped("std::vec", "vector") == "tor"
    assert rivals.untyped("v.push_b", "push_back") == "ack"
    assert rivals.untyped("v.", "push_back") == "push_back"


def test_a_terminal_tells_when_text_came_and_that_it_did_not() -> None:
    code = "import sys; print('one'); sys.stdin.readline(); print('done'); sys.stdin.readline()"
    with Terminal([sys.executable, "-uc", code], {"PATH": "/usr/bin:/bin"}) as terminal:
        first_ns = terminal.wait("one", limit_s=20.0)
        assert first_ns > terminal.begun_ns
        terminal.rest(0.05)
        sent_ns = terminal.send("two\r")
        assert terminal.wait_below("done", limit_s=20.0) > sent_ns > first_ns
        assert terminal.wait("two", limit_s=0.05)  # the echo
        with pytest.raises(NoAnswer, match="no 'two'"):
            terminal.wait_below("two", limit_s=0.05)
        terminal.send("\r")
        with pytest.raises(NoAnswer, match="ended"):
            terminal.wait("more", limit_s=20.0)


def test_memory_of_a_process() -> None:
    text = (
        "55e0-7ffc ---p 00000000 00:00 0  [rollup]\nRss:     8 kB\nPss:   5 kB\nAnonymous: 4 kB\n"
    )
    assert rollup(text) == {"Rss": 8, "Pss": 5, "Anonymous": 4}
    own = memory(os.getpid())
    assert own.resident_kb > own.anonymous_kb > 0
    assert own.mappings > 10


def test_inputs_on_a_pipe_use_what_came_before() -> None:
    assert pipe.inputs(6) == [
        "int n0 = 0;",
        "n0 += 2;",
        "int f2(int n) { return n + n0; }",
        "n0 = f2(3);",
        "int n4 = 4;",
        "n4 += 2;",
    ]
