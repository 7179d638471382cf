"""Options that `haloserver` and `halo run` share, with their environment variables and help.

Precedence is click's own: flag, then environment, then the `default_map` that the TOML file gives.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from halojit import paths
from halojit.server.settings import Settings

T = TypeVar("T")
U = TypeVar("U")

DEFAULTS = Settings()


class StrategyName(StrEnum):
    """What to do to programs."""

    ADAPT = "adapt"
    ONCE = "once"
    OFF = "off"
    STRESS = "stress"


class Fp(StrEnum):
    """What new code may do to floating-point results."""

    STRICT = "strict"
    CONTRACT = "contract"
    FAST = "fast"


class Level(StrEnum):
    """Of the log."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


def parse_bytes(text: str) -> int:
    """A size such as 512M or 4G; 0 is no limit."""
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)i?b?", text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size; write 512M or 4G")
    return int(match[1]) << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[match[2]]


def parse_share(text: str) -> float:
    """A share such as 3% or 0.03."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no share; write 3% or 0.03")
    share = float(match[1]) / (100.0 if match[2] else 1.0)
    if share > 1.0:
        raise typer.BadParameter(f"{text!r} is more than all of it; write 3% or 0.03")
    return share


def parse_store(text: str | None) -> str:
    """The default file if nothing is said."""
    if text is None:
        return str(paths.store_path())
    if not text.strip():
        raise typer.BadParameter("it is empty; write a file, an SQLAlchemy URL, or none")
    return text


Strategy = Annotated[
    StrategyName,
    typer.Option(
        envvar="HALO_STRATEGY",
        help="adapt: try recipes for each hot region, decide by trials on live calls, keep the "
        "best. once: recompile each hot region for this processor and time it. off: profile only. "
        "stress: recompile and swap every function at random, to test correctness.",
    ),
]
Budget = Annotated[
    str,
    typer.Option(
        envvar="HALO_BUDGET",
        metavar="SHARE",
        help="Processor time that looking for faster code may cost a program, as a share of its "
        "own: calls of slower challengers, the trials' own work, compilers on processors that it "
        "wants. 3% or 0.03; 0: try nothing, only deploy what the store knows.",
    ),
]
Trials = Annotated[
    int,
    typer.Option(
        envvar="HALO_TRIALS",
        min=0,
        metavar="N",
        help="Recipes to try for one region before the best so far is settled on.",
    ),
]
FloatingPoint = Annotated[
    Fp,
    typer.Option(
        "--fp",
        envvar="HALO_FP",
        help="strict: results stay the same to the last bit. contract: a*b+c may be rounded once "
        "instead of twice. fast: sums may be reordered, NaN and infinity are assumed away; only "
        "for programs that would be built with -ffast-math.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        envvar="HALO_STORE",
        metavar="URL|FILE|none",
        help="Where what was learned is kept, so that the next run of a build starts tuned: an "
        "SQLite file, or a URL such as postgresql://host/halo; none: nowhere. "
        "[default: $XDG_STATE_HOME/halo/store.sqlite, else ~/.local/state/halo/store.sqlite]",
    ),
]
Hertz = Annotated[
    int,
    typer.Option(
        envvar="HALO_HERTZ",
        min=1,
        max=10_000,
        help="Samples a second of processor time, after the first profile (which takes 1000).",
    ),
]
Workers = Annotated[
    int,
    typer.Option(envvar="HALO_WORKERS", min=1, max=256, help="Compiler processes."),
]
MemoryLimit = Annotated[
    str,
    typer.Option(
        envvar="HALO_MEMORY_LIMIT",
        metavar="SIZE",
        help="Address space of a compiler process, such as 4G; 0: no limit.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        envvar="HALO_TIME_LIMIT",
        min=0.1,
        metavar="SECONDS",
        help="For compiling one region; then the region is left as it is.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(envvar="HALO_SEED", help="Of random choices: the same seed, the same choices."),
]
LogLevel = Annotated[
    Level, typer.Option(envvar="HALO_LOG_LEVEL", help="How much to tell on stderr.")
]
DebugInfo = Annotated[
    bool,
    typer.Option(
        "--debug-info/--no-debug-info",
        envvar="HALO_DEBUG_INFO",
        help="Register new code with gdb.",
    ),
]


def settings(
    *,
    strategy: StrategyName,
    budget: str,
    trials: int,
    fp: Fp,
    store: str | None,
    hertz: int,
    workers: int,
    memory_limit: str,
    time_limit: float,
    seed: int,
    debug_info: bool,
) -> Settings:
    """From options."""
    return Settings(
        strategy=strategy.value,
        budget=_named("budget", parse_share, budget),
        trials=trials,
        fp=fp.value,
        store=_named("store", parse_store, store),
        hertz=hertz,
        workers=workers,
        memory_limit_bytes=_named("memory-limit", parse_bytes, memory_limit),
        time_limit_s=time_limit,
        seed=seed,
        is_debugged=debug_info,
    )


def _named(name: str, parse: Callable[[T], U], text: T) -> U:
    """What is wrong, with the name of the option, whoever set it."""
    try:
        return parse(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(error.message, param_hint=f"--{name}") from None


def start_log(level: Level, has_time: bool) -> None:
    """One line a step on stderr."""
    logger = logging.getLogger("halo")
    handler = logging.StreamHandler(sys.stderr)
    form = "%(asctime)s %(levelname)s %(message)s" if has_time else "halo: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logger.addHandler(handler)
    logger.setLevel(level.value.upper())
    logger.propagate = False
