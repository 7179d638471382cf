"""What a server is told. What each setting means: the options' help in cli/options.py."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are those of `haloserver` without arguments."""

    strategy: str = "adapt"
    hertz: int = 100
    first_hertz: int = 1000
    """While a program's first profile is taken: the first patch is to come soon."""
    workers: int = max(1, min(4, (os.cpu_count() or 2) // 2))
    memory_limit_bytes: int = 4 << 30
    time_limit_s: float = 60.0
    seed: int = 1
    is_debugged: bool = False
    budget: float = 0.03
    """Share of a program's processor time that exploration may cost it."""
    trials: int = 200
    """Of one region, before its search is over for now."""
    fp: str = "strict"
    """"strict": results stay the same to the last bit. "contract", "fast": what a user allowed."""
    store: str = "none"
    """Where what was learned is kept: a file or an SQLAlchemy URL. The commands default to
    `paths.store_path()`; whoever embeds a server decides for himself."""
    sections_bytes: int = field(default=1 << 30)
    """Bitcode kept in memory, of all builds."""
