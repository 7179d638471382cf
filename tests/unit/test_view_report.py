"""From events to the report."""

import io
import json

from halojit.model import events
from halojit.model.evidence import Decision, Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe, Region
from halojit.server.demangle import demangle
from halojit.view import table
from halojit.view.report import Report

ROOT = Place(1, "_ZN3foo3barEi")
EVIDENCE = Evidence(2000.0, 1000.0, 2.0, 1.9, 2.1, (100, 100), 50)
NATIVE = Recipe("znver3", "")


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


def told(*more: events.Event) -> Report:
    report = Report()
    for event in (
        events.ProgramSeen(7, 0.0, "/bin/program", 1, 2),
        events.RegionChosen(7, 0.4, Region(ROOT, 0.6, 500.0, 1900.0)),
        events.VariantBuilt(7, 0.5, ROOT, Recipe("znver3", ""), 1000, 3, 0.1),
        events.VariantDeployed(7, 0.6, ROOT, True),
        *more,
    ):
        report.hear(event)
    return report


def test_a_measured_region_in_json() -> None:
    report = told(trial(EVIDENCE))
    data = json.loads(report.to_json(3, 4.5))
    assert data["exit_status"] == 3
    assert data["wall_s"] == 4.5
    (region,) = data["regions"]
    assert region["root"] == "_ZN3foo3barEi"
    assert region["share"] == 0.6
    assert (region["before_ns"], region["after_ns"]) == (2000.0, 1000.0)
    assert (region["speedup_low"], region["speedup"], region["speedup_high"]) == (1.9, 2.0, 2.1)
    assert region["patched_after_s"] == 0.6


def test_a_region_without_evidence_says_so() -> None:
    report = told(trial(None, Decision.UNDECIDED, "too few calls to measure"))
    (region,) = json.loads(report.to_json(0, 1.0))["regions"]
    assert region["speedup"] is None
    assert region["before_ns"] == 1900.0
    assert region["note"] == "too few calls to measure"


def test_a_refused_region_is_a_message_not_a_row() -> None:
    report = Report()
    report.hear(events.RegionChosen(7, 0.4, Region(ROOT, 0.6, 500.0, 1900.0)))
    report.hear(events.RegionRefused(7, 0.5, ROOT, "the compiler crashed"))
    data = json.loads(report.to_json(0, 1.0))
    assert data["regions"] == []
    assert data["messages"] == ["foo::bar(int) was left as it is: the compiler crashed"]


def test_the_best_measured_of_several_processes_is_reported() -> None:
    weaker = Evidence(1.0, 1.0, 1.0, 0.5, 1.5, (5, 5), 10)
    report = told(
        trial(EVIDENCE),
        trial(weaker, Decision.UNDECIDED, pid=8),
    )
    assert report.rows[ROOT.name].speedup == 2.0


def test_the_table_names_everything() -> None:
    report = told(trial(EVIDENCE))
    report.hear(events.Warned(7, 1.0, "a [bracketed] warning"))
    file = io.StringIO()
    table.show(report, 4.5, file)
    text = file.getvalue()
    for word in ("foo::bar(int)", "60%", "2 us", "1 us", "2.00x", "1.900 to 2.100", "0.60 s"):
        assert word in text
    assert "a [bracketed] warning" in text


def test_names_of_locals_and_of_c() -> None:
    assert demangle("main") == "main"
    assert demangle("lookup.1a2b3c4d") == "lookup"
    assert demangle("_ZL5tablev.1a2b3c4d") == "table()"
    assert demangle("_Znonsense") == "_Znonsense"
