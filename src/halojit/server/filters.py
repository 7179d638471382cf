"""May a process's threads make system calls that they never made themselves (seccomp)?

In: a process of this machine. Out: yes where all of its threads have the same filters. Then they
are those that the monitor's thread began with, which reads clocks all the time.
"""

from __future__ import annotations

from pathlib import Path

NAMES = ("Seccomp:", "Seccomp_filters:")


def may_ask(pid: int, processes: Path = Path("/proc")) -> bool:
    """False also where the kernel does not say."""
    try:
        texts = [path.read_text() for path in processes.glob(f"{pid}/task/*/status")]
    except OSError:
        return False
    found = {tuple(line for line in text.splitlines() if line.startswith(NAMES)) for text in texts}
    return len(found) == 1 and all(found)
