"""From events to the report."""

import io
import json

from halojit.model import events
from halojit.model.evidence import Evidence
from halojit.model.function import Place
from halojit.model.region import Recipe, Region
from halojit.server.demangle import demangle
from halojit.view import table
from halojit.view.report import Report

ROOT = Place(1, "_ZN3foo3barEi")
EVIDENCE = Evidence(2000.0, 1000.0, 2.0, 1.9, 2.1, (100, 100), 50)


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
    report = told(events.TrialEnded(7, 2.0, ROOT, EVIDENCE, True, "measured"))
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
    report = told(events.TrialEnded(7, 2.0, ROOT, None, True, "too few calls to measure"))
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
        events.TrialEnded(7, 2.0, ROOT, EVIDENCE, True, "measured"),
        events.TrialEnded(8, 2.0, ROOT, weaker, True, "measured"),
    )
    assert report.rows[ROOT.name].speedup == 2.0


def test_the_table_names_everything() -> None:
    report = told(events.TrialEnded(7, 2.0, ROOT, EVIDENCE, True, "measured"))
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
