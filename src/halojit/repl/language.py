"""What a notebook must know of C and C++: what they are called there, what a name looks like.

In: a standard, as "c++20" or "c"; code. No I/O.
"""

from __future__ import annotations

import re

NAME = re.compile(r"~?[A-Za-z_]\w*(?:::~?[A-Za-z_]\w*)*")


def language(standard: str) -> dict[str, object]:
    """Jupyter's `language_info`."""
    is_c = standard == "c"
    return {
        "name": "c" if is_c else "c++",
        "version": "17" if is_c else standard.removeprefix("c++"),
        "mimetype": "text/x-csrc" if is_c else "text/x-c++src",
        "file_extension": ".c" if is_c else ".cpp",
        "codemirror_mode": {"name": "clike", "mode": "text/x-csrc" if is_c else "text/x-c++src"},
        "pygments_lexer": "c" if is_c else "cpp",
    }


def name_at(code: str, cursor: int) -> str | None:
    """The name, with its scopes, that the cursor stands in or behind."""
    for match in NAME.finditer(code):
        if match.start() <= cursor <= match.end():
            return match[0]
    return None
