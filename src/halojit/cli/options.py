"""Options that `haloserver` and `halo run` share, with their environment variables and help.

Precedence is click's own: flag, then environment, then the `default_map` that the TOML file gives.
"""

from __future__ import annotations

import logging
import re
import sys
from enum import StrEnum
from typing import Annotated

import typer

from halojit.server.settings import Settings

DEFAULTS = Settings()


class StrategyName(StrEnum):
    """What to do to programs."""

    ONCE = "once"
    OFF = "off"
    STRESS = "stress"


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


Strategy = Annotated[
    StrategyName,
    typer.Option(
        envvar="HALO_STRATEGY",
        help="once: recompile each hot region for this processor and time it. off: profile only. "
        "stress: recompile and swap every function at random, to test correctness.",
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
    strategy: StrategyName,
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
        hertz=hertz,
        workers=workers,
        memory_limit_bytes=parse_bytes(memory_limit),
        time_limit_s=time_limit,
        seed=seed,
        is_debugged=debug_info,
    )


def start_log(level: Level, has_time: bool) -> None:
    """One line a step on stderr."""
    logger = logging.getLogger("halo")
    handler = logging.StreamHandler(sys.stderr)
    form = "%(asctime)s %(levelname)s %(message)s" if has_time else "halo: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logger.addHandler(handler)
    logger.setLevel(level.value.upper())
    logger.propagate = False
