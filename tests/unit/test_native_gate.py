"""Gates: both sides are called as they should be, and what gate.h promises is counted."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

from pathlib import Path

import pytest
from native_kit import build, image, run, symbols

CONTROL = """
    #include <stdint.h>
    struct line { uint64_t ticks[2], calls[2], reserved[4]; };
    struct control { uint64_t word, original, reserved[6]; struct line line[64]; };
    #define GATE(name) __asm__(#name ".halo.gate")
    #define CONTROL_OF(name) __asm__(#name ".halo.control")
    static uint64_t sum(struct control *c, int side, int what) { uint64_t n = 0;
        for (int i = 0; i < 64; i++) n += what ? c->line[i].ticks[side] : c->line[i].calls[side]; return n; }
"""


@pytest.mark.parametrize("level", [0, 3])
def test_a_gate_switches_and_counts(tmp_path: Path, level: int) -> None:
    source = "int f(int x) { return x + 1; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        static int original(int x) { return x + 100; }
        int main(void) { control.original = (uint64_t)original; int s = 0;
            for (int i = 0; i < 5; i++) s += gate(1);
            control.word = 3; for (int i = 0; i < 7; i++) s += gate(1);
            printf("%d %d %d %d %d", s, (int)sum(&control, 0, 0), (int)sum(&control, 1, 0),
                sum(&control, 0, 1) > 0, sum(&control, 1, 1) > 0);
            printf(" %d", (int)((uintptr_t)&control % 64)); }
    """
    )
    built = build(image(source), "f", level=level)
    assert built.gates == {"f": ("f.halo.gate", "f.halo.control")}
    assert run(source, built, main, tmp_path) == "519 5 7 1 1 0"


def test_a_call_that_spans_a_switch_is_dropped(tmp_path: Path) -> None:
    source = "void hook(void); int f(int x) { hook(); return x; } void (*h)(void); void hook(void) { h(); }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); extern void (*h)(void);
        static void nothing(void) {} static void flip(void) { control.word += 2; }
        int main(void) { control.word = 1; h = nothing; gate(1); h = flip; gate(1); gate(1); h = nothing; gate(1);
            printf("%d", (int)sum(&control, 1, 0)); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "2"


@pytest.mark.parametrize("level", [0, 3])
def test_every_way_to_pass_arguments(tmp_path: Path, level: int) -> None:
    source = """
        struct Big { long a[6]; };
        struct Big f(struct Big b, int i, double d, long double l, signed char c, struct Big *p, __int128 w, long x7, long x8) {
            b.a[0] = i + (long)d + (long)l + c + p->a[1] + (long)w + x7 + x8; return b; }
    """
    main = (
        CONTROL
        + """
        struct Big { long a[6]; };
        typedef struct Big fn(struct Big, int, double, long double, signed char, struct Big *, __int128, long, long);
        fn gate GATE(f), f; extern struct control control CONTROL_OF(f);
        int main(void) { struct Big b = {{1, 2, 3, 4, 5, 6}}; control.original = (uint64_t)f;
            for (int side = 0; side < 2; side++) { control.word = side;
                struct Big r = gate(b, 10, 20.0, 30.0L, -3, &b, 40, 50, 60); printf("%ld %ld %ld ", r.a[0], r.a[5], b.a[0]); } }
    """
    )
    assert run(source, build(image(source), "f", level=level), main, tmp_path) == "209 6 1 209 6 1 "


def test_exceptions_pass_through(tmp_path: Path) -> None:
    source = 'extern "C" int f(int x) { if (x) throw x; return 5; }'
    main = (
        CONTROL
        + """
        extern "C" int gate(int) GATE(f); extern "C" int f(int); extern struct control control CONTROL_OF(f);
        int main() { control.original = (uint64_t)f; int caught = 0;
            for (int side = 0; side < 2; side++) { control.word = side; gate(0);
                try { gate(20 + side); } catch (int x) { caught += x; } }
            printf("%d %d %d", caught, (int)sum(&control, 0, 0), (int)sum(&control, 1, 0)); }
    """
    )
    built = build(image(source, language="c++"), "f")
    assert run(source, built, main, tmp_path, language="c++") == "41 1 1"


@pytest.mark.parametrize(
    "source",
    [
        "int f(int n) { return n ? n * f(n - 1) : 1; }",
        "void *f(void) { return __builtin_return_address(0); }",
        "void *f(void) { return __builtin_frame_address(0); }",
        "int g(int); int f(int n) { __attribute__((musttail)) return g(n); }",
    ],
)
def test_some_roots_get_no_gate(source: str) -> None:
    built = build(image(source), "f")
    assert built.gates == {}
    assert built.entries == {"f": "f.halo"}


def test_no_gates_unless_asked(tmp_path: Path) -> None:
    built = build(image("int f(void) { return 1; }"), "f", gate=False)
    assert built.gates == {}
    assert not any(".gate" in name for name in symbols(built, tmp_path))
