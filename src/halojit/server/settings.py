"""What a server is told. What each setting means: the options' help in cli/haloserver.py."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are those of `haloserver` without arguments."""

    strategy: str = "once"
    hertz: int = 100
    first_hertz: int = 1000
    """While a program's first profile is taken: the first patch is to come soon."""
    workers: int = max(1, min(4, (os.cpu_count() or 2) // 2))
    memory_limit_bytes: int = 4 << 30
    time_limit_s: float = 60.0
    seed: int = 1
    is_debugged: bool = False
    trial_s: float = 1.5
    sections_bytes: int = field(default=1 << 30)
    """Bitcode kept in memory, of all builds."""
