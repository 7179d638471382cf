"""Debian's source packages, fetched when they are needed.

`fetch(name)` uses this machine's own apt configuration with `deb-src` added, in a private
directory: nothing of the machine's is changed. Packages stay in build/real-sources, unpacked as
their authors wrote them (Debian's patches change build systems).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from bench.measure import BenchError

CACHE = Path(__file__).resolve().parent.parent / "build" / "real-sources"
SYSTEM_SOURCES = Path("/etc/apt")


def fetch(name: str, cache: Path = CACHE) -> Path:
    """The unpacked source tree, which nobody should build in: copy it. Safe to call from several
    processes at once."""
    target = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _fetch(name, cache, target)
    return target


def _fetch(name: str, cache: Path, target: Path) -> None:
    downloads = cache / "downloads" / name
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    apt = ["apt-get", *_options(cache / "apt")]
    if not any((cache / "apt" / "lists").glob("*Sources*")):
        _call([*apt, "update", "-qq"], cache)
    _call([*apt, "source", "-qq", "--download-only", "--only-source", name], downloads)
    [description] = downloads.glob("*.dsc")
    tree = downloads / "tree"
    _call(["dpkg-source", "--skip-patches", "--extract", description.name, "tree"], downloads)
    tree.rename(target)
    shutil.rmtree(downloads)


def _options(directory: Path) -> list[str]:
    """An apt that knows the sources of the machine's packages and keeps its state to itself."""
    for name in ("sources", "lists/partial", "cache/archives/partial"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    found = 0
    for path in [SYSTEM_SOURCES / "sources.list", *SYSTEM_SOURCES.glob("sources.list.d/*")]:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        text = with_sources(path.read_text(), is_deb822=path.suffix == ".sources")
        (directory / "sources" / path.name).write_text(text)
        found += 1
    if not found:
        raise BenchError(f"{SYSTEM_SOURCES}/sources.list.d names no place to get packages from")
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": directory / "sources",
        "Dir::State::lists": directory / "lists",
        "Dir::Cache": directory / "cache",
        "Acquire::Languages": "none",
    }
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"
    return [f"--option={key}={value}" for key, value in settings.items()]


def with_sources(text: str, is_deb822: bool) -> str:
    """An apt source file that offers source packages only."""
    if is_deb822:
        return re.sub(r"(?m)^Types:.*$", "Types: deb-src", text)
    lines = re.sub(r"(?m)^\s*deb\s", "deb-src ", text).splitlines()
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _call(command: list[str], cwd: Path) -> None:
    result = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
    )
    if result.returncode:
        raise BenchError(f"{command[0]} in {cwd}: {(result.stderr or result.stdout)[-1500:]}")
