"""From events to the report: rows, JSON, the table, the story."""

import dataclasses
import io
import json
import math

import pytest

from halojit.model import events
from halojit.model.evidence import Decision, Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe, Region
from halojit.server.demangle import demangle, readable
from halojit.server.ledger import RegionState
from halojit.view import table
from halojit.view.report import Report
from halojit.view.status import StatusLine

ROOT = Place(1, "_ZN3foo3barEi")
EVIDENCE = Evidence(2000.0, 1000.0, 2.0, 1.9, 2.1, (100, 100), 50)
BETTER = Evidence(1000.0, 800.0, 1.25, 1.2, 1.3, (1000, 1100), 50)
WORSE = Evidence(1000.0, 1250.0, 0.8, 0.7, 0.9, (1000, 900), 50)
NATIVE = Recipe("znver3", "")
WIDE = Recipe("znver3", "", options=(("prefer-vector-width", "256"),))


def trial(
    evidence: Evidence | None,
    decision: Decision = Decision.WON,
    reason: str = "",
    pid: int = 7,
    is_kept: bool = True,
) -> events.TrialEnded:
    total = evidence.speedup if evidence and is_kept else 1.0
    return events.TrialEnded(
        pid,
        2.0,
        ROOT,
        NATIVE,
        "O3 for this CPU",
        "original",
        evidence,
        decision,
        reason,
        0.008,
        is_kept,
        total,
    )


SECOND = dataclasses.replace(
    trial(BETTER),
    at_s=3.0,
    recipe=WIDE,
    name="256-bit vectors",
    against="O3 for this CPU",
    total_speedup=2.5,
)
LOST = dataclasses.replace(
    SECOND, at_s=4.0, evidence=WORSE, decision=Decision.LOST, is_kept=False, name="heavy inlining"
)


def told(*more: events.Event) -> Report:
    report = Report()
    for event in (
        events.ProgramSeen(7, 0.0, "/bin/program", 1, 2),
        events.RegionChosen(7, 0.4, Region(ROOT, 0.6, 500.0, 1900.0)),
        events.VariantBuilt(7, 0.5, ROOT, NATIVE, 1000, 3, 0.1),
        events.VariantDeployed(7, 0.6, ROOT, True),
        *more,
    ):
        report.hear(event)
    return report


def only(report: Report) -> RegionState:
    (row,) = report.rows
    return row.state


def shown(report: Report, has_story: bool = False) -> str:
    file = io.StringIO()
    table.show(report, 4.5, file, has_story)
    return file.getvalue()


def test_a_measured_region_in_json() -> None:
    report = told(trial(EVIDENCE))
    data = json.loads(report.to_json(3, 4.5))
    assert data["exit_status"] == 3
    assert data["wall_s"] == 4.5
    (region,) = data["regions"]
    assert region["root"] == "_ZN3foo3barEi"
    assert region["share"] == 0.6
    assert (region["before_ns"], region["after_ns"]) == (2000.0, 1000.0)
    low, high = region["speedup_low"], region["speedup_high"]
    assert (low, region["speedup"], high) == pytest.approx((1.9, 2.0, 2.1))
    assert region["patched_after_s"] == 0.6
    assert region["recipe"] == "O3 for this CPU"


def test_a_region_without_evidence_says_so() -> None:
    report = told(trial(None, Decision.UNDECIDED, "too few calls to measure"))
    (region,) = json.loads(report.to_json(0, 1.0))["regions"]
    assert region["speedup"] is None
    assert region["before_ns"] == 1900.0
    assert region["note"] == "too few calls to measure"


def test_a_chain_of_winners_is_told_against_the_original() -> None:
    state = only(told(trial(EVIDENCE), SECOND))
    assert (state.recipe, state.speedup) == ("256-bit vectors", 2.5)
    assert (state.before_ns, state.after_ns) == (2000.0, 800.0)
    assert state.low is not None
    assert state.high is not None
    # Less certain than either of its two links, more than if both had erred the same way.
    assert 1.9 * 1.2 < state.low < 2.5 * 1.2 / 1.25
    reach = math.hypot(math.log(2.1 / 2.0), math.log(1.3 / 1.25))
    assert state.high == pytest.approx(2.5 * math.exp(reach))


def test_a_lost_trial_changes_counts_only() -> None:
    before = only(told(trial(EVIDENCE), SECOND))
    report = told(trial(EVIDENCE), SECOND, LOST)
    after = only(report)
    assert (after.recipe, after.speedup, after.low) == (before.recipe, before.speedup, before.low)
    assert (after.trials, after.decisions[Decision.LOST]) == (3, 1)


def test_a_loss_against_the_original_leaves_the_original() -> None:
    state = only(told(dataclasses.replace(LOST, against="the original", total_speedup=1.0)))
    assert (state.recipe, state.speedup, state.is_kept) == ("the original", 1.0, False)
    assert (state.before_ns, state.after_ns, state.low) == (1000.0, 1000.0, None)


def test_what_an_earlier_run_found_needs_no_choice_and_no_trial() -> None:
    report = Report()
    report.hear(events.VariantRecalled(7, 0.1, ROOT, WIDE, 1.7, "256-bit vectors"))
    (region,) = report.to_dict(0, 1.0)["regions"]
    assert (region["speedup"], region["speedup_low"]) == (1.7, None)
    assert (region["patched_after_s"], region["is_kept"]) == (0.1, True)
    assert region["note"] == "known from an earlier run"


def test_exploration_is_counted_over_processes() -> None:
    report = told(
        trial(EVIDENCE),
        LOST,
        events.RecipeFailed(7, 4.1, ROOT, WIDE, "256-bit vectors", "took over 60 s"),
        events.CostCounted(7, 4.2, 5.0, 0.03, 0.01, 0.01, 0.0, 0.0),
        events.CostCounted(7, 5.2, 10.0, 0.03, 0.1, 0.02, 0.0, 0.03),
        events.ProgramEnded(7, 5.3, ""),
        events.ProgramSeen(8, 0.0, "/bin/program", 1, 2),
        events.CostCounted(8, 1.0, 10.0, 0.03, 0.05, 0.0, 0.0, 0.0),
    )
    told_of = report.to_dict(0, 1.0)["exploration"]
    assert told_of["spent_s"] == pytest.approx(
        {"challengers": 0.15, "gates": 0.02, "compilers": 0.0, "instrumented": 0.03}
    )
    assert (told_of["cpu_s"], told_of["budget_share"]) == (20.0, 0.03)
    counts = [told_of[name] for name in ("trials", "won", "lost", "tied", "undecided", "failed")]
    assert counts == [2, 1, 1, 0, 0, 1]
    text = shown(report)
    assert "2 trials (1 won, 1 lost); exploring cost 200 ms of 20.0 s" in text
    assert "1% where 3% are allowed" in text
    assert "1 recipe gave no code: 1 x took over 60 s" in text


def test_the_timeline_has_the_gain_after_each_event() -> None:
    settled = events.RegionConverged(7, 5.0, ROOT, WIDE, 2.5, 3, "nothing more to try")
    report = told(trial(EVIDENCE), SECOND, LOST, settled, events.Stopped(7, 6.0, 1))
    line = [(one["at_s"], one["event"], one["speedup"]) for one in report.timeline]
    assert line == [
        (0.6, "patched", None),
        (2.0, "won", 2.0),
        (3.0, "won", 2.5),
        (4.0, "lost", 2.5),
        (5.0, "converged", 2.5),
        (6.0, "stopped", None),
    ]
    assert report.to_dict(0, 1.0)["regions"][0]["converged_after_s"] == 5.0
    assert only(report).recipe == "the original"


def test_a_number_of_a_process_that_comes_again_is_another_process() -> None:
    report = told(trial(EVIDENCE), events.ProgramEnded(7, 3.0, ""))
    report.hear(events.ProgramSeen(7, 0.0, "/bin/other", 1, 1))
    assert report.processes == 2
    assert only(report).speedup == 2.0


def test_a_refused_region_is_a_message_not_a_row() -> None:
    report = Report()
    report.hear(events.RegionChosen(7, 0.4, Region(ROOT, 0.6, 500.0, 1900.0)))
    report.hear(events.RegionRefused(7, 0.5, ROOT, "the compiler crashed"))
    data = json.loads(report.to_json(0, 1.0))
    assert data["regions"] == []
    assert data["messages"] == ["foo::bar(int) was left as it is: the compiler crashed"]


def test_the_best_measured_of_several_processes_is_reported() -> None:
    weaker = Evidence(1.0, 1.0, 1.0, 0.5, 1.5, (5, 5), 10)
    report = told(trial(EVIDENCE), trial(weaker, Decision.UNDECIDED, pid=8))
    assert only(report).speedup == 2.0
    assert report.rows[0].trials == 2


def test_the_table_names_everything() -> None:
    report = told(trial(EVIDENCE))
    report.hear(events.Warned(7, 1.0, "a [bracketed] warning"))
    text = shown(report)
    for word in ("foo::bar(int)", "60%", "2 us", "1 us", "2.00x", "1.90 to 2.10", "0.60 s"):
        assert word in text
    assert "O3 for this CPU" in text
    assert "settled" not in text
    assert "a [bracketed] warning" in text
    assert "instead of" not in text


def test_the_story_has_a_line_for_each_trial() -> None:
    text = shown(told(trial(EVIDENCE), SECOND, LOST), has_story=True)
    assert (
        "3.00 s  foo::bar(int): 256-bit vectors instead of O3 for this CPU: "
        "1.25x [1.20, 1.30] from 1,000 + 1,100 calls, kept; cost 8 ms\n"
    ) in text
    assert "heavy inlining instead of O3 for this CPU: 0.80x [0.70, 0.90]" in text


def test_the_status_line_says_what_is_tried_and_what_was_gained() -> None:
    begun = events.TrialBegan(7, 2.5, ROOT, "256-bit vectors", "O3 for this CPU")
    line = StatusLine(told(trial(EVIDENCE), begun), io.StringIO()).text(2.6)
    assert line == (
        "  2.6 s · foo::bar(int): trying 256-bit vectors · 1 trial · foo::bar(int) 2.00x"
    )


def test_names_of_locals_and_of_c() -> None:
    assert demangle("main") == "main"
    assert demangle("lookup.1a2b3c4d") == "lookup"
    assert demangle("_ZL5tablev.1a2b3c4d") == "table()"
    assert demangle("main.loop12.1a2b3c4d") == "main.loop12"
    assert demangle("_ZL5tablev.loop1") == "table().loop1"
    assert demangle("_Znonsense") == "_Znonsense"


def test_long_names_are_told_short() -> None:
    long = "_ZNK12_GLOBAL__N_15Scene5traceERKNS_3RayEi"
    assert demangle(long).count("anonymous namespace") == 2
    assert readable(long) == "Scene::trace(Ray const&, int) const"
    assert readable("_ZN12_GLOBAL__N_16renderERKNS_5SceneEiiPh") == "render(...)"
    call = readable("_ZNKSt4hashINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEEclES5_")
    assert call.endswith("::operator()(...)")
    assert readable("mix") == "mix"
