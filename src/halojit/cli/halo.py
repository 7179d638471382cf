"""`halo`: run a program under an embedded server, and the small commands around it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from halojit.cli import kernelspec, options
from halojit.cli.options import DEFAULTS, Fp, Level, StrategyName

app = typer.Typer(
    name="halo",
    help="Makes native programs faster while they run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(kernelspec.app, name="kernel")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"halo {version('halojit')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Makes native programs faster while they run."""


@app.command(
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False},
)
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- PROG ARGS", help="What to run.")],
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON to this file.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No status line and no report on stderr.")
    ] = False,
    story: Annotated[
        bool,
        typer.Option(
            "--story",
            help="Tell every trial in the report: what was tried, its effect, what came of it. "
            "(--log-level info tells it as it happens.)",
        ),
    ] = False,
    strategy: options.Strategy = StrategyName.ADAPT,
    budget: options.Budget = "3%",
    trials: options.Trials = DEFAULTS.trials,
    fp: options.FloatingPoint = Fp.STRICT,
    store: options.Store = None,
    hertz: options.Hertz = DEFAULTS.hertz,
    workers: options.Workers = DEFAULTS.workers,
    memory_limit: options.MemoryLimit = "4G",
    time_limit: options.TimeLimit = DEFAULTS.time_limit_s,
    seed: options.Seed = DEFAULTS.seed,
    log_level: options.LogLevel = Level.ERROR,
    debug_info: options.DebugInfo = False,
    perf_map: Annotated[
        bool,
        typer.Option("--perf-map", help="The program writes /tmp/perf-PID.map for perf report."),
    ] = False,
    socket: Annotated[
        Path | None,
        typer.Option(
            "--socket",
            metavar="PATH",
            help="Listen here, so that halo status, freeze, stop reach this run by the same "
            "option. [default: a private one]",
        ),
    ] = None,
) -> None:
    """Run a program; its hot functions get faster while it runs.

    The program has its own standard input, output and exit status. A report comes at its end.
    """
    from halojit.cli.run import Run
    from halojit.cli.run import run as run_program

    options.start_log(log_level, has_time=False)
    settings = options.settings(
        strategy=strategy,
        budget=budget,
        trials=trials,
        fp=fp,
        store=store,
        hertz=hertz,
        workers=workers,
        memory_limit=memory_limit,
        time_limit=time_limit,
        seed=seed,
        debug_info=debug_info,
    )
    raise typer.Exit(run_program(Run(command, json, quiet, story, perf_map, socket), settings))


Socket = Annotated[
    Path | None,
    typer.Option(
        "--socket",
        envvar="HALO_SOCKET",
        metavar="PATH",
        help="The server's Unix socket. "
        "[default: $XDG_RUNTIME_DIR/halo/server.sock, else /tmp/halo-UID/server.sock]",
    ),
]


def _tell(command: str, server: Path | None) -> dict[str, Any]:
    from halojit.cli import steer

    try:
        return steer.tell(command, server)
    except steer.NoAnswer as error:
        print(f"halo: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def status(
    socket: Socket = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show a running server: its processes, their regions, what runs there and what it gained."""
    answer = _tell("status", socket)
    if json:
        from json import dumps

        print(dumps(answer, indent=2))
        return
    from halojit.view import overview

    overview.show(answer, sys.stdout)


@app.command()
def freeze(socket: Socket = None) -> None:
    """Keep what is deployed and try nothing more, until halo unfreeze."""
    _tell("freeze", socket)
    print("halo: frozen; halo unfreeze tries again")


@app.command()
def unfreeze(socket: Socket = None) -> None:
    """Try again, after halo freeze."""
    _tell("unfreeze", socket)
    print("halo: trying goes on")


@app.command()
def stop(socket: Socket = None) -> None:
    """Restore every original in every process and tune nothing, until halo resume.

    The server and the programs run on. Exit status 1 if a process has not answered in time.
    """
    answer = _tell("stop", socket)
    print(
        f"halo: stopped; {answer['entries']} patched entries in {answer['processes']} processes "
        f"lead to the originals again, after {1000 * answer['took_s']:.0f} ms (halo resume)"
    )
    if answer["late"]:
        print(
            f"halo: no answer yet from {', '.join(answer['late'])}: as soon as it runs on, its "
            "originals are restored",
            file=sys.stderr,
        )
        raise typer.Exit(1)


@app.command()
def resume(socket: Socket = None) -> None:
    """Tune again, after halo stop."""
    _tell("resume", socket)
    print("halo: tuning goes on")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def config(context: typer.Context) -> None:
    """Flags and directories for builds with your own clang 22: --cflags --libs --cmakedir."""
    import halojit.driver.config as driver_config

    raise typer.Exit(driver_config.main(context.args))


@app.command()
def knobs() -> None:
    """List what may differ between two versions of a region: the knobs that search turns."""
    from halojit.model.knobs import FP, KNOBS
    from halojit.view import knobtable

    knobtable.show(KNOBS.values(), (FP,), sys.stdout)


@app.command()
def doctor() -> None:
    """Check what this machine allows; exit status 1 if Halo cannot work."""
    from halojit.cli.doctor import findings

    is_bad = False
    for finding in findings():
        print(f"{finding.grade:5}{finding.text}")
        is_bad |= finding.grade == "bad"
    raise typer.Exit(1 if is_bad else 0)


def main() -> None:
    """Entry point."""
    try:
        app(prog_name="halo")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
