"""`haloserver`: optimizes every Halo program of its user, until it is told to stop.

Settings: flags before environment (HALO_...) before a TOML file whose keys are the flags' names.
Exit status: 0 when asked to stop, 1 when it cannot start, 2 for wrong arguments.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from halojit import paths
from halojit.cli import options
from halojit.cli.options import DEFAULTS, Fp, Level, StrategyName
from halojit.server.settings import Settings

log = logging.getLogger("halo")

DEFAULT_LISTEN = f"127.0.0.1:{paths.DEFAULT_PORT}"


def _load_config(context: typer.Context, path: Path | None) -> Path | None:
    """Makes the file's keys the options' defaults."""
    chosen = path or (paths.config_path() if paths.config_path().is_file() else None)
    if chosen is None:
        return None
    try:
        values: dict[str, Any] = tomllib.loads(chosen.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"{chosen}: {error}") from None
    known = {parameter.name for parameter in context.command.params}
    values = {name.replace("-", "_"): value for name, value in values.items()}
    if unknown := sorted(values.keys() - known):
        raise typer.BadParameter(f"{chosen}: no such setting: {', '.join(unknown)}")
    context.default_map = {**(context.default_map or {}), **values}
    return chosen


app = typer.Typer(
    name="haloserver",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="HALO_CONFIG",
            is_eager=True,
            callback=_load_config,
            metavar="FILE",
            help="TOML file of these options without the dashes "
            "[default: $XDG_CONFIG_HOME/halo/server.toml if it exists]",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            envvar="HALO_LISTEN",
            metavar="HOST:PORT",
            help=f"Loopback address to listen at; none: no TCP. [default: {DEFAULT_LISTEN}]",
        ),
    ] = None,
    socket_path: Annotated[
        str | None,
        typer.Option(
            "--socket",
            envvar="HALO_SOCKET",
            metavar="PATH",
            help="Unix socket to listen at; none: no Unix socket. "
            "[default: $XDG_RUNTIME_DIR/halo/server.sock, else /tmp/halo-UID/server.sock]",
        ),
    ] = None,
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
    log_level: options.LogLevel = Level.INFO,
    debug_info: options.DebugInfo = False,
    version: Annotated[bool, typer.Option("--version", help="Show it.")] = False,
) -> None:
    """Optimizes every Halo program of this user while it runs.

    No arguments are needed. Each option can be set by the environment variable shown, or in the
    configuration file; a flag wins over the environment, and that over the file.
    """
    del config
    if version:
        from importlib.metadata import version as version_of

        print(f"haloserver {version_of('halojit')}")
        return
    options.start_log(log_level, has_time=True)
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
    from halojit.server.sockets import ListenError

    try:
        sockets = _open(listen, socket_path)
    except ListenError as error:
        log.error("%s", error)
        raise typer.Exit(1) from None
    _run(settings, sockets)


def _open(listen: str | None, socket_path: str | None) -> list[socket.socket]:
    from halojit.server import sockets
    from halojit.server.sockets import ListenError

    passed = sockets.passed_by_systemd()
    if passed:
        return passed
    opened = []
    if socket_path != "none":
        opened.append(sockets.unix(Path(socket_path) if socket_path else paths.socket_path()))
    if listen != "none":
        try:
            opened.append(sockets.tcp(listen or DEFAULT_LISTEN))
        except ListenError as error:
            if listen or not opened:
                raise
            log.warning("%s; programs find this server by its Unix socket only", error)
    if not opened:
        raise ListenError("there is nothing to listen at: --listen and --socket are both none")
    return opened


def _run(settings: Settings, sockets: list[socket.socket]) -> None:
    from halojit.build.pool import WorkerPool

    pool = WorkerPool(settings.workers, settings.memory_limit_bytes, settings.time_limit_s)
    names = [_name(sock) for sock in sockets]
    control = _open_control(names)
    own = [*names, _name(control)] if control else names
    try:
        asyncio.run(_serve(settings, pool, sockets, names, control))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name in own:
            if name.startswith("/"):
                Path(name).unlink(missing_ok=True)


def _open_control(names: list[str]) -> socket.socket | None:
    """Beside the Unix socket of the programs; none where there is none."""
    from halojit.server import sockets

    for name in names:
        if name.startswith("/"):
            try:
                return sockets.unix(paths.control_path(Path(name)))
            except sockets.ListenError as error:
                log.warning("%s; halo stop, freeze and status will not work", error)
    return None


def _name(sock: socket.socket) -> str:
    name = sock.getsockname()
    return name if isinstance(name, str) else f"{name[0]}:{name[1]}"


async def _serve(
    settings: Settings,
    pool: Any,
    sockets: list[socket.socket],
    names: list[str],
    control: socket.socket | None,
) -> None:
    from halojit.server.server import Server
    from halojit.server.sockets import notify_systemd

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = Server(settings, pool)
    server.listen(sockets)
    if control is not None:
        await server.listen_control(control)
    log.info("listening at %s, strategy %s", " and ".join(names), settings.strategy)
    notify_systemd("READY=1")
    await stopped.wait()
    notify_systemd("STOPPING=1")
    log.info("stopping; programs go on with the code they have")
    await server.close()


def main() -> None:
    """Entry point."""
    try:
        app(prog_name="haloserver")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
