"""The results as a picture: costs and speed-ups with intervals, and the history of means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.goals import ARM_NAMES, Results
from bench.statistics import Ratio


def draw(results: Results, history: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes a PNG."""
    figure, panes = pyplot.subplots(2, 2, figsize=(13, 10), layout="constrained")
    for pane, arm in zip(panes[0], ARM_NAMES, strict=True):
        chosen = [cost for cost in results.costs if cost.arm == arm]
        _dots(pane, [c.program for c in chosen], [c.cpu for c in chosen])
        pane.axvline(1.01, color="tab:green", linestyle=":", label="goal, geomean")
        pane.axvline(1.03, color="tab:red", linestyle=":", label="goal, worst")
        pane.set_title(f"{ARM_NAMES[arm]}: CPU time against plain clang -{results.level}")
        pane.legend(fontsize="small")
    speedups = results.speedups
    _dots(panes[1][0], [s.program for s in speedups], [s.steady for s in speedups], "once patched")
    _dots(panes[1][0], [s.program for s in speedups], [s.whole for s in speedups], "whole run")
    panes[1][0].set_title("Speed-up under `once`")
    panes[1][0].legend(fontsize="small")
    _history(panes[1][1], history)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _dots(pane: Axes, names: Sequence[str], ratios: Sequence[Ratio], label: str = "") -> None:
    values = [ratio.value for ratio in ratios]
    below = [max(0.0, ratio.value - ratio.low) for ratio in ratios]
    above = [max(0.0, ratio.high - ratio.value) for ratio in ratios]
    rows = list(range(len(names)))
    pane.errorbar(values, rows, xerr=[below, above], fmt="o", capsize=3, label=label or None)
    pane.set_yticks(rows, names)
    pane.axvline(1.0, color="gray", linewidth=0.8)
    if not pane.yaxis_inverted():
        pane.invert_yaxis()
    pane.grid(axis="x", alpha=0.3)


def _history(pane: Axes, history: Sequence[dict[str, Any]]) -> None:
    names = sorted({name for one in history for name in one["goals"] if "geomean" in name})
    for name in names:
        points = [(i, one["goals"][name]) for i, one in enumerate(history) if name in one["goals"]]
        pane.plot([i for i, _ in points], [value for _, value in points], "o-", label=name)
    pane.set_xticks(
        range(len(history)), [str(one["commit"]) for one in history], rotation=60, fontsize="small"
    )
    pane.set_title("Geometric means, recorded runs")
    if names:
        pane.legend(fontsize="small")
    pane.grid(alpha=0.3)
