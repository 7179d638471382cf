"""Halo: online optimization of native code, and interactive C++.

`Interpreter` and what belongs to it are the interactive C++ (docs/python.md).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from halojit.api.errors import CompileError as CompileError
    from halojit.api.errors import CompileWarning as CompileWarning
    from halojit.api.errors import CppError as CppError
    from halojit.api.errors import CrashError as CrashError
    from halojit.api.errors import Error as Error
    from halojit.api.errors import LinkError as LinkError
    from halojit.api.errors import SessionError as SessionError
    from halojit.api.errors import StateError as StateError
    from halojit.api.function import Function as Function
    from halojit.api.interpreter import Interpreter as Interpreter
    from halojit.api.values import Enumerator as Enumerator
    from halojit.api.values import Opaque as Opaque
    from halojit.api.values import Pointer as Pointer

_ROOMS = {
    "Interpreter": "interpreter",
    "Function": "function",
    "Error": "errors",
    "CppError": "errors",
    "CompileError": "errors",
    "CompileWarning": "errors",
    "LinkError": "errors",
    "CrashError": "errors",
    "SessionError": "errors",
    "StateError": "errors",
    "Enumerator": "values",
    "Opaque": "values",
    "Pointer": "values",
}
__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    # Not before it is used: the compiler driver, which needs none of it, starts in milliseconds.
    if name in _ROOMS:
        return getattr(importlib.import_module(f"halojit.api.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'halojit' has no attribute {name!r}")
