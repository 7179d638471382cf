"""What a region knows of variables that no pointer leads to."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

from pathlib import Path

import pytest
from native_kit import build, disassembly, image, run


def mentions(source: str, name: str, directory: Path) -> int:
    built = build(image(source), "f", gate=False)
    # Locals' names have the module's digest behind them.
    return disassembly(built, directory).count(f"{name}.")


@pytest.mark.parametrize(
    ("source", "times"),
    [
        # A store through a pointer leaves it as it is: what was stored is returned.
        ("static int flag; int f(int *p) { flag = 1; *p = 2; return flag; }", 1),
        ("static int flag[4]; int f(int *p, int i) { flag[i] = 1; *p = 2; return flag[i]; }", 1),
        ("static int flag[4]; int f(int *p) { int *to = flag + 1; to[1] = 1; *p = 2; return flag[2]; }", 1),
        ("static int flag; int f(int *p, int i) { int *to = &flag; if (i) to = p; flag = 1; *to = 2; return flag; }", 3),
        ("static int flag; void g(int **); int f(int *p) { int *to = &flag; flag = 1; *p = 2; int i = flag; g(&to); return i; }", 3),
        ("static int flag; int *g(void) { return &flag; } int f(int *p) { flag = 1; *p = 2; return flag; }", 2),
        ("static int flag; int *q; void g(void) { q = &flag; } int f(int *p) { flag = 1; *p = 2; return flag; }", 2),
        ("static int flag; void g(int *); void h(void) { g(&flag); } int f(int *p) { flag = 1; *p = 2; return flag; }", 2),
        ("int flag_; static int flag __attribute__((used)); int f(int *p) { flag = 1; *p = 2; return flag; }", 2),
    ],
)  # fmt: skip
def test_a_variable_of_one_file_is_kept_apart(source: str, times: int, tmp_path: Path) -> None:
    assert mentions(source, "flag", tmp_path) == times


@pytest.mark.parametrize(
    ("source", "times"),
    [
        ("static int by = 5; int f(int n) { return n * by; }", 0),
        ("static int by = 5; void set(int n) { by = n; } int f(int n) { return n * by; }", 1),
        ("static int by[2] = {5, 6}; void set(void) { __builtin_memset(by, 1, 8); } int f(int n) { return n * by[1]; }", 1),
        ("static int by[2] = {5, 6}; int f(int n) { const int *p = by + 1; return n * *p; }", 0),
        ("static int by[2] = {5, 6}; int g(int n) { int *p = by; return p[n]++; } int f(int n) { return n * by[1]; }", 1),
        ("static int by __attribute__((used)) = 5; int f(int n) { return n * by; }", 1),
        ("static volatile int by = 5; int f(int n) { return n * by; }", 1),
        ('static int by = 5; void g(void) { __asm__("incl by(%rip)"); } int f(int n) { return n * by; }', 1),
    ],
)  # fmt: skip
def test_a_variable_that_nobody_writes_is_a_constant(
    source: str, times: int, tmp_path: Path
) -> None:
    assert mentions(source, "by", tmp_path) == times


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("kept", ["", "__attribute__((noinline)) "])
@pytest.mark.parametrize("language", ["c", "c++"])
def test_a_copy_that_the_optimizer_leaves_out_is_the_variable(
    tmp_path: Path, level: int, kept: str, language: str
) -> None:
    # ArgumentPromotion moves the callee's load, with what is known of it, to the variable itself.
    source = f"""
        struct s {{ double a[5]; }}; static struct s g;
        static {kept}double pick(struct s s) {{ return s.a[3] * 5; }}
        #ifdef __cplusplus
        extern "C" {{
        #endif
        double f(int i, double v) {{ struct s t; double b = g.a[3]; g.a[i] = v; t = g; return b + pick(t); }}
        double h(int i, double v) {{ double b = g.a[3]; g.a[i] = v; return b + pick(g); }}
        void set(int i, double v) {{ g.a[i] = v; }}
        #ifdef __cplusplus
        }}
        #endif
    """
    outside = 'extern "C"' if language == "c++" else ""
    main = f"""
        {outside} void set(int, double); {outside} double f(int, double) VARIANT(f); {outside} double h(int, double) VARIANT(h);
        int main(void) {{ set(3, 1); double a = f(3, 7); set(3, 1); printf("%g %g", a, h(3, 7)); }}
    """
    built = build(image(source, language=language), "f", "h", level=level, gate=False)
    assert run(source, built, main, tmp_path, language=language) == "36 36"


def test_variables_and_arrays_behind_pointers_of_one_file(tmp_path: Path) -> None:
    source = """
        #include <stdlib.h>
        static int *items, *kept; static int many, total, pairs[2];
        void begin(int n) { items = malloc(n * sizeof *items); kept = malloc(n * 100 * sizeof *kept); for (int i = 0; i < n; i++) items[i] = i * 7 % 13; }
        void step(int n) { for (int i = 0; i < n; i++) { total += items[i]; pairs[items[i] & 1]++; kept[many] = items[i]; many += items[i] > 6; items[i] += total & 1; } }
        int sum(void) { int s = many * 1000000 + total + 31 * pairs[0] + 37 * pairs[1]; for (int i = 0; i < many; i++) s = s * 5 + kept[i]; return s; }
    """
    main = """
        void begin(int), step(int); int sum(void); void variant(int) VARIANT(step);
        int main(void) { begin(50); for (int i = 0; i < 20; i++) step(2 + i); int a = sum();
            for (int i = 0; i < 20; i++) OTHER(2 + i); printf("%d %d", a, sum()); }
    """
    built = build(image(source), "step", gate=False)
    expected = run(source, built, main.replace("OTHER", "step"), tmp_path)
    assert run(source, built, main.replace("OTHER", "variant"), tmp_path) == expected
