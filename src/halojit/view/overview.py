"""A running server at a glance: its processes, their regions, what they gained.

In: the answer of server/control.py to "status". Out: text for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TextIO

from halojit.server.journal import count, duration

PLAIN_WIDTH = 140
"""Of files and pipes, which have none of their own."""


def show(status: Mapping[str, Any], file: TextIO) -> None:
    """Writes it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, highlight=False, width=None if file.isatty() else PLAIN_WIDTH)
    console.print(Text.assemble(("haloserver", "bold"), f": {_state(status)}"), soft_wrap=True)
    for process in status["processes"]:
        name = process["executable"].rsplit("/", 1)[-1]
        console.print()
        console.print(
            Text.assemble((f"{name}[{process['pid']}]", "bold"), f": {_process(process)}"),
            soft_wrap=True,
        )
        if process["regions"]:
            console.print(_regions(process["regions"]))


def _state(status: Mapping[str, Any]) -> str:
    parts = [
        f"strategy {status['strategy']}",
        f"budget {100 * status['budget_share']:.3g}%",
        count(len(status["processes"]), "process", "processes"),
    ]
    if status["is_stopped"]:
        parts.append("stopped: the originals run (halo resume)")
    if status["is_frozen"]:
        parts.append("frozen: nothing is tried (halo unfreeze)")
    return ", ".join(parts)


def _process(process: Mapping[str, Any]) -> str:
    cpu_s, spent_s = process["cpu_s"], process["spent_s"]
    parts = [process["doing"], f"{cpu_s:.1f} s processor time"]
    if spent_s:
        parts.append(f"{duration(spent_s * 1e9)} ({100 * spent_s / cpu_s:.2g}%) spent on trials")
    return ", ".join(parts)


def _regions(regions: list[Mapping[str, Any]]) -> object:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("  region", overflow="ellipsis", no_wrap=True, max_width=40)
    for name in ("share", "speed-up", "trials"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("runs")
    table.add_column("")
    for region in regions:
        speedup = region["speedup"]
        table.add_row(
            f"  {region['name']}",
            f"{region['share']:.0%}" if region["share"] else "-",
            "-" if speedup is None else f"{speedup:.2f}x",
            str(region["trials"]),
            region["recipe"],
            ", ".join(word for word in (region["doing"], region["note"]) if word),
        )
    return table
