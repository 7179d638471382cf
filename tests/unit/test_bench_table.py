"""The table that decides: what laps tell, what is kept, what a row says, which goals are met."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import alternating, arms, decide, deciding, decision, history, long, oracle, pace, suite
from bench.adapt import Plan, rounds_done
from bench.arms import ARMS, BASELINE, BOLT
from bench.kept import Kept
from bench.measure import BenchError, Lap
from bench.programs import Tools
from bench.turns import TOGETHER
from bench.verdicts import verdicts


def run_of(*speeds: float, lap_s: float = 0.25) -> list[Lap]:
    """Laps of a program that always has the processor."""
    found: list[Lap] = []
    rounds = 0.0
    for i, speed in enumerate(speeds, 1):
        rounds += speed * lap_s
        found.append(Lap(i * lap_s, round(rounds), speed, speed))
    return found


def told(found: list[Lap]) -> list[list[float]]:
    return [[lap.at_s, lap.rounds, lap.per_cpu_s] for lap in found]


def test_early_are_the_laps_after_half_a_second() -> None:
    found = run_of(100, 100, 400, 400, 800, 800, 800, 800, 800, 800)
    # Laps 3 and 4 and 5 begin at 0.5 s, 0.75 s and 1.0 s; the sixth ends after 1.3 s.
    assert pace.early(found) == pytest.approx((400 + 400 + 800) / 3)
    assert pace.early(run_of(100, 100)) is None


def test_whole_runs_end_when_their_work_is_done() -> None:
    found = run_of(*[100] * 20, *[200] * 20)  # 5 s at 100, then 5 s at 200
    assert pace.when_done(found, 500) == pytest.approx(5.0)
    assert pace.when_done(found, 600) == pytest.approx(5.5)
    assert pace.when_done(found, 1501) is None
    assert pace.whole(found, 100, 10) == pytest.approx(10 / 7.5)
    assert pace.whole(found, 100, 15.5) == pytest.approx(15 / 10)
    assert pace.whole(found, 100, 30) is None


def test_parts_are_kept_by_program(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "table")
    assert kept.part("lu", "static") == {}
    kept.write("lu", "static", {"cpu_s": {}})
    kept.write("lu", "adapt", {"rounds": [1]})
    assert kept.part("lu", "adapt")["rounds"] == [1]
    assert kept.part("lu", "static")["cpu_s"] == {}
    kept.drop("lu", "adapt")
    assert kept.part("lu", "adapt") == {}
    assert "static" in kept.read("lu")
    (tmp_path / "table" / "torn.json").write_text('{"program": ')
    assert kept.read("torn") == {}


STATIC = {
    "kind": "real",
    "cpu_s": {BASELINE: [1.0, 1.2], "pgo": [0.8, 1.0], "clang-O2": [0.5], "native": [1.0, 1.2]},
    "bolt": {"on": "pgo", "cpu_s": [1.0, 1.0], "plain_cpu_s": [1.1, 1.1]},
    "notes": {"gcc-native": "did not build"},
}


def test_the_oracle_is_the_fastest_arm_that_was_measured_in_all_pairs() -> None:
    found = oracle.speeds(STATIC)
    assert set(found) == {BASELINE, "pgo", "native", BOLT}
    assert found[BOLT].value == pytest.approx(1.1)
    chosen = oracle.best(found)
    assert chosen is not None
    assert chosen[0] == "pgo"
    assert chosen[1].value == pytest.approx((1.25 + 1.2) / 2)
    assert oracle.best({}) is None
    assert oracle.blocks_done(STATIC) == 1


def test_programs_are_built_once_and_kept_without_their_trees(tmp_path: Path) -> None:
    subject = suite.Subject("lu", "numeric")
    first = arms.build(subject, ARMS["clang-O2"], tmp_path, tmp_path)
    built_ns = first.stat().st_mtime_ns
    assert arms.build(subject, ARMS["clang-O2"], tmp_path, tmp_path) == first
    assert first.stat().st_mtime_ns == built_ns
    assert sorted(path.name for path in first.parent.iterdir()) == ["built.json", "lu"]
    changed = dataclasses.replace(ARMS["clang-O2"], flags=("-O1",))
    assert arms.build(subject, changed, tmp_path, tmp_path).stat().st_mtime_ns > built_ns


ECHO = 'int main(void) {{ __builtin_printf("{}\\n"); return {}; }}\n'


def test_arms_that_fail_or_print_something_else_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"native": ("2", 0), "pgo": ("1", 3)}
    names = (BASELINE, "clang-O2", "native", "pgo")

    def build(_subject: object, arm: arms.Arm, directory: Path, _data: Path) -> Path:
        source, program = directory / "main.c", directory / f"program-{arm.name}"
        source.write_text(ECHO.format(*said.get(arm.name, ("1", 0))))
        subprocess.run(["clang-22", str(source), "-o", str(program)], check=True)
        return program

    monkeypatch.setattr(arms, "build", build)
    monkeypatch.setattr(oracle, "ARMS", {name: ARMS[name] for name in names})
    monkeypatch.setattr(oracle, "work_cpu_s", lambda *_: 0.5)
    monkeypatch.setattr(arms, "bolt", lambda *_: build(None, ARMS[BASELINE], tmp_path, tmp_path))
    kept = Kept(tmp_path / "kept")
    subject = suite.Subject("lu", "numeric")
    oracle.measure_static(subject, kept, tmp_path, tmp_path, 0.1, 1, lambda _words: None)
    part = kept.part("lu", oracle.PART)
    assert set(part["cpu_s"]) == {BASELINE, "clang-O2"}
    assert part["notes"]["native"] == oracle.STRANGE
    assert "exit status 3" in part["notes"]["pgo"]
    assert part["bolt"]["on"] in (BASELINE, "clang-O2")
    assert len(part["bolt"]["cpu_s"]) == 2


def adapted(
    name: str, kind: str, gain: float, rival: float, spent_s: float = 0.6
) -> dict[str, Any]:
    """A kept file: plain at 100, the oracle's arm at rival * 100, Halo at first 100."""
    long_run = run_of(*[100] * 8, *[100 * gain] * 232)
    return {
        "program": name,
        "static": STATIC,
        "adapt": {
            "kind": kind,
            "strategy": "adapt",
            "seconds": 60.0,
            "rounds": [
                {
                    "plain": [{"per_cpu_s": 100.0, "per_s": 100.0}] * 2,
                    "oracle_arm": "pgo",
                    "together": TOGETHER[kind],
                    "laps": told(long_run),
                    "turns": {
                        "halo": [90.0 * gain, 100.0 * gain, 110.0 * gain],
                        "plain": [90.0, 100.0, 110.0],
                        "oracle": [90.0 * rival, 100.0 * rival, 110.0 * rival],
                    },
                    "second": [{"early": 80.0 * gain, "plain": 80.0}],
                    "report": {
                        "regions": [
                            {"share": 0.1, "recipe": "small", "is_kept": True},
                            {"share": 0.8, "recipe": "wide", "is_kept": True},
                            {"share": 0.9, "recipe": "lost", "is_kept": False},
                        ],
                        "exploration": {
                            "cpu_s": 60.0,
                            "budget_share": 0.03,
                            "spent_s": {"challengers": spent_s, "gates": 0.3},
                            "trials": 12,
                        },
                    },
                }
            ],
        },
    }


def test_a_row_tells_all_of_a_program() -> None:
    row = decide.row(adapted("lua", "real", 1.5, 1.2))
    assert row.steady is not None
    assert row.steady.value == pytest.approx(1.5)
    assert row.against_oracle is not None
    assert row.against_oracle.value == pytest.approx(1.25)
    assert row.oracle is not None
    assert row.oracle.value == pytest.approx(1.2)
    [short] = row.short
    assert short == pytest.approx(10 / (2 + 800 / 150), rel=0.01)
    assert row.second_early == [pytest.approx(1.0)]
    assert row.until_gain_s == pytest.approx(2.25)
    assert row.spent_share == pytest.approx(0.9 / 60)
    assert (row.budget_share, row.trials, row.recipe) == (0.03, 12, "wide")
    assert row.notes == ("gcc-native: did not build",)
    assert row.is_right


def test_a_row_does_with_what_is_there() -> None:
    row = decide.row({"program": "lua", "static": STATIC})
    assert (row.steady, row.oracle_arm, row.kind) == (None, "pgo", "real")
    kept = adapted("lua", "real", 1.0, 1.2)
    del kept["adapt"]["rounds"][0]["report"]
    kept["adapt"]["rounds"][0]["turns"].pop("oracle")
    row = decide.row(kept)
    assert row.against_oracle is not None
    assert row.against_oracle.value == pytest.approx(1.0)
    assert (row.spent_share, row.until_gain_s, row.recipe) == (None, None, "")
    assert decide.row({"program": "lua"}).arms == {}


def test_goals_are_least_and_most() -> None:
    rows = [
        decide.row(adapted("lu", "numeric", 2.0, 1.3)),
        decide.row(adapted("sort", "other", 1.05, 1.1)),
        decide.row(adapted("lua", "real", 1.2, 1.0, spent_s=2.0)),
    ]
    found = {goal.name: goal for goal in verdicts(rows, {}, {"lu": 2.2})}
    worst = found["steady against oracle, worst"]
    assert (worst.where, worst.is_met) == ("sort", False)
    assert worst.value == pytest.approx(1.05 / 1.1)
    assert found["steady against -O3, own numeric, geomean"].is_met
    assert not found["steady against -O3, own other, geomean"].is_met
    assert found["steady against -O3, worst"].is_met
    assert found["steady against offline search, geomean"].value == pytest.approx(2 / 2.2)
    assert found["programs whose output differs"].is_met
    most = found["exploration of its budget, most"]
    assert (most.where, most.is_met) == ("lua", False)
    assert verdicts([], {}, {}) == []
    strange = adapted("sort", "other", 1.05, 1.1)
    strange["adapt"]["rounds"][0]["is_same_output"] = False
    [differs] = [g for g in verdicts([decide.row(strange)], {}, {}) if "differs" in g.name]
    assert (differs.where, differs.is_met) == ("sort", False)


def phases_part(short: float, long: float) -> dict[str, Any]:
    return {
        "turns": {
            "short": {"halo": [short] * 3, "O3": [20.0] * 3, "wide": [10.0] * 3},
            "long": {"halo": [long] * 3, "O3": [40.0] * 3, "wide": [100.0] * 3},
        },
    }


def test_halo_against_the_best_build_of_each_phase() -> None:
    part = phases_part(19.8, 95.0)
    found = alternating.verdict(part)
    assert found["short"]["best"] == "O3"
    assert found["short"]["ratio"].value == pytest.approx(0.99)
    assert found["long"]["best"] == "wide"
    assert found["long"]["ratio"].value == pytest.approx(0.95)
    assert [goal.is_met for goal in verdicts([], part, {})] == [True, False]
    part["turns"]["long"] = {name: [] for name in part["turns"]["long"]}
    with pytest.raises(BenchError, match="long phases"):
        alternating.verdict(part)


def turning_laps(speed: float, before_s: float) -> list[Lap]:
    """Phases of `before_s` alone and five slices of 0.2 s, with 0.8 s of others after each; twice
    as fast in the second phase."""
    laps: list[Lap] = []
    at_s, rounds = 0.0, 0

    def lap(phase: str, spent_s: float, stood_s: float) -> None:
        nonlocal at_s, rounds
        at_s += spent_s + stood_s
        by = speed * (2 if phase == "long" else 1)
        rounds += round(spent_s * by)
        laps.append(Lap(at_s, rounds, by, by, phase))

    for phase in ("short", "long") * (alternating.COMPARED // 2):
        for _ in range(round(before_s / 0.25)):
            lap(phase, 0.25, 0.0)
        for _ in range(5):
            lap(phase, 0.2, 0.8)
    return laps


def test_slices_of_a_phase_are_paired() -> None:
    laps = {"halo": turning_laps(1000.0, 5.0), "O3": turning_laps(2000.0, 0.0)}
    turns = alternating.turns_by_phase(laps)
    assert set(turns) == {"short", "long"}
    for phase, by in (("short", 1), ("long", 2)):
        assert len(turns[phase]["halo"]) == len(turns[phase]["O3"]) >= alternating.COMPARED
        assert turns[phase]["halo"] == pytest.approx([1000.0 * by] * len(turns[phase]["halo"]))
        assert turns[phase]["O3"] == pytest.approx([2000.0 * by] * len(turns[phase]["O3"]))
    rows = alternating.by_stretch(laps["halo"])
    assert [(row["phase"], row["speed"]) for row in rows[:2]] == [("short", 1000), ("long", 2000)]
    laps["O3"] = laps["O3"][5:]
    with pytest.raises(BenchError, match="different phases"):
        alternating.turns_by_phase(laps)


def test_only_what_is_missing_is_planned(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    plan = Plan("adapt", "O3", 60.0, 1, Tools(tmp_path), tmp_path, tmp_path)
    subjects = [subject for subject in suite.subjects() if subject.name in ("lu", "lua")]

    def names(seconds: float = 60.0) -> list[str]:
        wanted = Plan("adapt", "O3", seconds, 1, Tools(tmp_path), tmp_path, tmp_path)
        return [job.name for job in long.jobs(subjects, long.PARTS, True, kept, wanted, 1.0, 1)]

    assert len(names()) == 5
    kept.write("lu", "static", STATIC)
    kept.write("lu", "adapt", adapted("lu", "numeric", 1.0, 1.0)["adapt"])
    assert names() == ["lua, static arms", "lua, adapt", "phases"]
    assert "lu, adapt" in names(30.0)
    assert rounds_done(kept.part("lu", "adapt"), plan) == 1
    [row] = deciding.rows(kept, subjects, plan)
    assert row.steady is not None
    other = dataclasses.replace(plan, strategy="once")
    assert [row.steady for row in deciding.rows(kept, subjects, other)] == [None]
    measured = {"strategy": "adapt", "seconds": 60.0, "compared": alternating.COMPARED}
    kept.write("phases", "phases", measured)
    assert names() == ["lua, static arms", "lua, adapt"]
    long.forget(kept, ["lu"], {long.ADAPT})
    assert "lu, adapt" in names()


def test_a_failure_does_not_stop_the_others() -> None:
    def fail(_say: object) -> None:
        raise BenchError("no compiler")

    done: list[str] = []
    jobs = [long.Job("a", 1.0, fail), long.Job("b", 1.0, lambda _say: done.append("b"))]
    assert long.work(jobs, lambda _words: None) == ["a: no compiler"]
    assert done == ["b"]


def test_tables_are_remembered_and_others_left_alone(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    rows = [decide.row(adapted("lu", "numeric", 2.0, 1.3))]
    when = datetime(2026, 1, 2, tzinfo=UTC)
    full = history.table_document(rows, verdicts(rows, {}, {}), "adapt", when)
    history.record_table(full, tmp_path)
    [one] = history.earlier_tables("adapt", tmp_path)
    assert one["steady"] == {"lu": 2.0}
    assert one["oracle"] == {"lu": ["pgo", 1.3]}
    assert history.earlier_tables("once", tmp_path) == []
    assert history.earlier("O3", tmp_path) == []
    assert history.offline(tmp_path) == {}


def test_tables_are_put_between_marks_and_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = deciding.BEGIN.format("table"), deciding.END.format("table")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    full = {"when": "2026-01-02T03:04:05", "commit": "abc", "processor": "P"}
    for text in ("first", "second"):
        deciding.publish(text, full, page)
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    assert "second" in page.read_text()
    assert not {"old", "first"} & set(page.read_text().split())
    page.write_text("nothing")
    with pytest.raises(ValueError, match="has no"):
        deciding.publish("text", full, page)
    assert begin in deciding.DOCUMENT.read_text()


def test_tables_are_drawn_and_written(tmp_path: Path) -> None:
    kept = [adapted("lu", "numeric", 2.0, 1.3), adapted("lua", "real", 0.9, 1.0)]
    rows = [*map(decide.row, kept), decide.row({"program": "zlib", "static": STATIC})]
    text = decision.markdown(rows, {"lu": 3.0, "lua": 0.9})
    assert "| lu | 1.30 | 2.00 (2.00-2.00) | 1.54 |" in text
    assert "| 3.00 worse |" in text
    assert "| 0.90 |" in text
    assert "| zlib | real | - | 1.00 |" in text
    earlier = [{"commit": "abc", "goals": {"steady, geomean": 1.0}}]
    picture = tmp_path / "picture.png"
    decision.draw(rows, {one["program"]: one for one in kept}, earlier, picture)
    assert picture.stat().st_size > 10_000


def test_arms_are_strict_and_of_three_kinds() -> None:
    assert all("-ffp-contract=off" in arm.toolchain.flags for arm in ARMS.values())
    kinds = {subject.name: subject.kind for subject in suite.subjects()}
    assert len(kinds) == len(suite.subjects())
    assert sum(kind == "real" for kind in kinds.values()) == 7
    assert set(suite.NUMERIC) <= set(kinds)
