"""What a notebook must know of C and C++: what they are called there, what a name looks like.

In: a standard, as "c++20" or "c"; code. No I/O.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"~?[^\W\d]\w*")
# Not a member of what is no name, as in `f().x`: without that, it would be another `x`.
_NAMES = re.compile(rf"(?<![\w.])(?<!->){_NAME.pattern}(?:\s*(?:\.|->|::)\s*{_NAME.pattern})*")


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
    """The name that the cursor stands in or behind, with its scopes and what it is a member of, as
    `a::b` or `c.d->e`."""
    for match in _NAMES.finditer(code):
        if match.start() <= cursor <= match.end():
            ends = (match.start() + name.end() for name in _NAME.finditer(match[0]))
            text = code[match.start() : next(end for end in ends if cursor <= end)]
            return "".join(text.split())
    return None
