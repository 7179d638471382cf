"""C++ names as people write them, by the C++ library's own demangler."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libstdc++.so.6")
    except OSError:
        return None
    library.__cxa_demangle.restype = ctypes.c_void_p
    return library


def demangle(name: str) -> str:
    """The name itself if it is not mangled. A local's suffix (.MODULE8HEX) is left out."""
    base = name.partition(".")[0] or name
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
