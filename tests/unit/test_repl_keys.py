"""What needs nobody's answer to be complete."""

from __future__ import annotations

import pytest

from halojit.repl.keys import is_plain


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("x += 2;", True),
        ('puts("a;{"); f(a[1], {\'"\', "\\""});  ', True),
        ("x", False),
        ("int f() { return 1; }", False),
        ("for (;;", False),
        ("f(1];", False),
        ("a; // b;", False),
        ("#define A ;", False),
        ('R"(;', False),
        ('R"(a)";', False),
        ('puts(";', False),
        ("int n = 1'000;", False),
        ("a; \\;", False),
        ("do ++i;", False),
    ],
)
def test_plain(text: str, is_so: bool) -> None:
    assert is_plain(text) is is_so
