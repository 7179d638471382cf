"""The main job on one page: a program gets faster while it runs.

Builds `demo/lu.c` with clang and with halo-clang -fhalo, both at -O3; runs the first alone and
the second under `halo run`; shows the speed that the program itself measured before, during and
after its functions were replaced. Ends with 1 if the printed results differ in a single bit, or
if nothing was patched.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "demo" / "lu.c"
TOOLS = Path(sys.executable).parent
LAP = re.compile(r"^ *(\d+\.\d+) s  round +\d+ +(\d+) Mflop/s$")

console = Console()


@dataclass(frozen=True)
class Lap:
    """About a quarter of a second of the program's life."""

    begin_s: float
    end_s: float
    mflop_per_s: float


@dataclass(frozen=True)
class Run:
    """What a run printed and how fast it said it was."""

    status: int
    output: bytes
    laps: list[Lap]


def compile_demo(command: list[str], output: Path) -> None:
    """Ends the demo with the compiler's own message if it fails."""
    line = [*command, str(SOURCE), "-o", str(output)]
    console.print("$", " ".join(_short(word) for word in line), style="bold", highlight=False)
    if subprocess.run(line).returncode:
        sys.exit(f"demo: {command[0]} could not build {SOURCE.name}")


def watch(command: list[str]) -> Run:
    """Runs it, shows its stderr as it comes and collects the laps from it."""
    console.print("$", " ".join(_short(word) for word in command), style="bold", highlight=False)
    laps: list[Lap] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stderr:
            console.print("  " + line.rstrip(), style="dim", highlight=False, markup=False)
            if match := LAP.match(line.rstrip()):
                begin_s = laps[-1].end_s if laps else 0.0
                laps.append(Lap(begin_s, float(match[1]), float(match[2])))
        output = process.stdout.read().encode()
    return Run(process.returncode, output, laps)


def phases(run: Run, regions: list[dict[str, Any]]) -> dict[str, list[Lap]]:
    """The laps before the first patch, until everything is patched and timed, and after."""
    patched_s = [float(region["patched_after_s"]) for region in regions]
    first, last = min(patched_s), max(patched_s)
    after = [lap for lap in run.laps if lap.begin_s > last]
    # Until its trial ends, original and variant take turns: the speed is still rising then.
    settled = max((lap.mflop_per_s for lap in after), default=0.0) * 0.95
    skipped = next((i for i, lap in enumerate(after) if lap.mflop_per_s >= settled), 0)
    return {
        "before": [lap for lap in run.laps if lap.end_s <= first],
        "during": [lap for lap in run.laps if lap.end_s > first and lap.begin_s <= last]
        + after[:skipped],
        "after": after[skipped:],
    }


def median(laps: list[Lap]) -> float:
    """Mflop/s; 0 when there are none."""
    return statistics.median(lap.mflop_per_s for lap in laps) if laps else 0.0


def table(plain: Run, halo: Run, regions: list[dict[str, Any]]) -> Table:
    """The four speeds, one below the other."""
    base = median(plain.laps)
    result = Table(title="A sweep of linear systems, speed as the program measured it")
    for column in ("", "seconds of the run", "Mflop/s", "against plain"):
        result.add_column(column, justify="right" if column else "left")

    def row(name: str, laps: list[Lap], style: str = "") -> None:
        span = f"{laps[0].begin_s:.2f} - {laps[-1].end_s:.2f}" if laps else "-"
        speed = median(laps)
        ratio = f"{speed / base:.2f}x" if laps and base else "-"
        result.add_row(name, span, f"{speed:.0f}" if laps else "-", ratio, style=style)

    row("plain clang -O3", plain.laps)
    for name, laps in phases(halo, regions).items():
        row(f"Halo, {name}", laps, "bold green" if name == "after" else "")
    return result


def _short(word: str) -> str:
    path = Path(word)
    return path.name if path.is_absolute() else word


def demo(
    rounds: Annotated[int, typer.Option(min=1, help="Systems to solve.")] = 20_000,
    size: Annotated[int, typer.Option(min=1, max=4000, help="Unknowns of each.")] = 128,
    clang: Annotated[str, typer.Option(help="The plain compiler.")] = "clang-22",
    tools: Annotated[Path, typer.Option(help="Where halo and halo-clang are.")] = TOOLS,
    build: Annotated[Path, typer.Option(help="Where the programs go.")] = HERE.parent
    / "build/demo",
) -> None:
    """Shows a program before, during and after Halo patches it, next to plain clang -O3."""
    build = build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    plain_program, halo_program, report = build / "lu", build / "lu-halo", build / "report.json"
    report.unlink(missing_ok=True)
    compile_demo([clang, "-O3"], plain_program)
    compile_demo([str(tools / "halo-clang"), "-O3", "-fhalo"], halo_program)
    arguments = [str(rounds), str(size)]
    plain = watch([str(plain_program), *arguments])
    tuned = [str(tools / "halo"), "run", "--json", str(report), "--", str(halo_program)]
    halo = watch([*tuned, *arguments])
    if plain.status or halo.status:
        sys.exit(f"demo: exit status {plain.status} plainly, {halo.status} under Halo")
    if plain.output != halo.output:
        console.print("plain:", plain.output.decode(), "Halo:", halo.output.decode(), sep="\n")
        sys.exit("demo: the printed results differ")
    regions = json.loads(report.read_text())["regions"]
    if not regions:
        sys.exit("demo: nothing was patched. `halo doctor` says what this machine lacks")
    console.print(table(plain, halo, regions))
    first = min(region["patched_after_s"] for region in regions)
    console.print(f"First region patched {first:.2f} s after main.")
    console.print("Both print the same, to the last bit:")
    console.print("  " + plain.output.decode().rstrip().replace("\n", "\n  "), highlight=False)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(demo)
    app()
