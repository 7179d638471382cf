"""C++ names as people write them, by the C++ library's own demangler."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from functools import cache

# What the plugin cut out of a function is named after it: main.loop1.
_PIECE = re.compile(r"\.loop\d+")

SHORT_NAME = 40


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libstdc++.so.6")
    except OSError:
        return None
    library.__cxa_demangle.restype = ctypes.c_void_p
    return library


def readable(name: str) -> str:
    """As `demangle`, for a line that people read: no unnamed namespaces, and parameters only where
    they are short."""
    said = demangle(name).replace("(anonymous namespace)::", "")
    if len(said) <= SHORT_NAME:
        return said
    call = "operator()"
    begin = said.find("(", said.find(call) + len(call) if call in said else 0)
    return f"{said[:begin]}(...)" if begin > 0 else said


def demangle(name: str) -> str:
    """The name itself if it is not mangled. A local's suffix (.MODULE8HEX) is left out."""
    piece = _PIECE.search(name)
    return _demangle_base(name.partition(".")[0] or name) + (piece.group() if piece else "")


def _demangle_base(base: str) -> str:
    library = _library()
    if not base.startswith("_Z") or library is None:
        return base
    status = ctypes.c_int()
    pointer = library.__cxa_demangle(base.encode(), None, None, ctypes.byref(status))
    if not pointer:
        return base
    try:
        return ctypes.string_at(pointer).decode(errors="replace")
    finally:
        libc = ctypes.CDLL(None)
        libc.free.argtypes = [ctypes.c_void_p]
        libc.free(pointer)
