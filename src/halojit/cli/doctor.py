"""`halo doctor`: what this machine allows, and what to do where it does not.

Each check gives a finding: fine or not, what was seen, the next step. A limit that Halo works
around (the kernel refuses perf) is told, but is no failure.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from halojit import paths

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK = 1, 1
PERF_ATTR_BYTES = 112
PERF_EXCLUDE_KERNEL = 1 << 5


@dataclass(frozen=True)
class Finding:
    """`grade`: "ok", "note" (Halo works around it) or "bad"."""

    grade: str
    text: str


def findings() -> Iterator[Finding]:
    """All checks, in the order in which a program meets them."""
    checks: tuple[Callable[[], Finding], ...] = (
        _machine,
        _compiler,
        _plugin,
        _extension,
        _perf,
        _memory,
        _server,
    )
    for check in checks:
        yield check()


def _machine() -> Finding:
    kind = f"{platform.system()} {platform.release()} on {platform.machine()}"
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        return Finding("ok", kind)
    return Finding("bad", f"{kind}: Halo patches x86-64 Linux programs only")


def _compiler() -> Finding:
    found = shutil.which("clang-22") or shutil.which("/usr/lib/llvm-22/bin/clang")
    if found is None:
        return Finding("bad", "clang 22 is not installed: apt-get install clang-22")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return Finding("ok", f"{found}: {said.stdout.partition(chr(10))[0]}")


def _plugin() -> Finding:
    plugin = paths.library_dir() / "HaloPass.so"
    if plugin.exists():
        return Finding("ok", f"{plugin}")
    return Finding("bad", f"{plugin} is missing: install Halo again (make setup)")


def _extension() -> Finding:
    from halojit.build.build import host, llvm

    try:
        return Finding("ok", f"LLVM {llvm()} for {host()[0]}")
    except ImportError as error:
        return Finding("bad", f"the native extension does not load: {error}")


def _perf() -> Finding:
    number = PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        return Finding("note", "perf: unknown machine; sampling by timers")
    attributes = struct.pack(
        "<IIQQQQQ",
        PERF_TYPE_SOFTWARE,
        PERF_ATTR_BYTES,
        PERF_COUNT_SW_TASK_CLOCK,
        10_000_000,
        0,
        0,
        PERF_EXCLUDE_KERNEL,
    ).ljust(PERF_ATTR_BYTES, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(number, attributes, 0, -1, -1, 0)
    if descriptor >= 0:
        os.close(descriptor)
        return Finding("ok", "perf_event_open works: sampling by perf")
    reason = os.strerror(ctypes.get_errno())
    return Finding(
        "note", f"perf_event_open: {reason}; sampling by timers (see kernel.perf_event_paranoid)"
    )


def _memory() -> Finding:
    buffer = ctypes.create_string_buffer(1)
    try:
        with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
            memory.seek(ctypes.addressof(buffer))
            memory.write(b"h")
    except OSError as error:
        return Finding(
            "note", f"/proc/self/mem: {error.strerror}; code is patched through mprotect instead"
        )
    return Finding("ok", "/proc/self/mem can be written")


def _server() -> Finding:
    import socket

    path = paths.socket_path()
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return Finding("note", f"no server at {path}: start haloserver, or use halo run")
    return Finding("ok", f"a server listens at {path}")
