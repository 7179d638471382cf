"""Gates: both sides are called as they should be, and what gate.h promises is counted."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

from pathlib import Path

import pytest
from native_kit import build, image, run, symbols

CONTROL = """
    #include <stdint.h>
    struct line { uint64_t ticks[2], calls[2], cut_ticks[2], cut_calls[2]; };
    struct control { uint64_t word, record, base, reach, target[2]; struct line *lines; uint64_t mask;
        int64_t guard; uint64_t mark, turn_bits, longest; };
    struct record { uint64_t stack, word, left, spare, drawn; };
    static __thread struct record record;
    static struct line lines[1024];
    #define GATE(name) __asm__(#name ".halo.gate")
    #define CONTROL_OF(name) __asm__(#name ".halo.control")
    static uint64_t sum(struct control *c, int side, int what) { uint64_t n = 0;
        for (int i = 0; i < 1024; i++) n += what ? lines[i].ticks[side] : lines[i].calls[side]; return n; }
    #define CALLS(side) (int)sum(&control, side, 0)
    #define TICKS(side) sum(&control, side, 1)
    // What the monitor does: a trial whose words begin at `word`.
    static void open_gate(struct control *c, void *incumbent, uint64_t word, uint64_t stride) { char *thread;
        __asm__("mov %%fs:0, %0" : "=r"(thread));
        c->target[0] = (uint64_t)incumbent; c->word = word; c->base = 7ull << 32; c->reach = 2 * stride - 1;
        c->lines = lines; c->mask = 1023; c->record = (uint64_t)((char *)&record - thread);
        c->guard = (char *)&record.spare - thread; c->mark = 4711; c->longest = -1; }
"""


@pytest.mark.parametrize("level", [0, 3])
def test_a_gate_switches_and_counts(tmp_path: Path, level: int) -> None:
    source = "int f(int x) { return x + 1; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        static int original(int x) { return x + 100; }
        int main(void) { int s = gate(1); open_gate(&control, original, 0, 1);
            for (int i = 0; i < 5; i++) s += gate(1);
            control.word = 3; for (int i = 0; i < 7; i++) s += gate(1);
            printf("%d %d %d %d %d", s, CALLS(0), CALLS(1), TICKS(0) > 0, TICKS(1) > 0);
            control.record = 0; s = gate(1); control.word = 4; s += gate(1);
            printf(" %d %d %d %d", s, CALLS(0), CALLS(1), (int)((uintptr_t)&control % 64)); }
    """
    )
    built = build(image(source), "f", level=level)
    assert built.gates == {"f": ("f.halo.gate", "f.halo.control")}
    # Before its trial a gate goes to the variant, after it to the side that is shown, uncounted.
    assert run(source, built, main, tmp_path) == "521 5 7 1 1 103 5 7 0"


def test_calls_that_lost_their_processor_are_counted_apart(tmp_path: Path) -> None:
    """The kernel clears the guard; here the function itself does."""
    source = "extern void (*h)(void); int f(int x) { if (x) h(); return x; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); void (*h)(void); int f(int);
        static int seen; static void clear(void) { seen += record.spare == 4711; record.spare = 0; }
        int main(void) { h = clear; open_gate(&control, f, 0, 1);
            for (int i = 0; i < 30; i++) { control.word = i & 1; gate(i % 3 == 0); }
            uint64_t cut[2] = {0}, ticks = 0;
            for (int i = 0; i < 1024; i++) for (int s = 0; s < 2; s++) { cut[s] += lines[i].cut_calls[s]; ticks += lines[i].cut_ticks[s]; }
            printf("%d %d %d %d %d %d %d", seen, CALLS(0), CALLS(1), (int)cut[0], (int)cut[1], ticks > 0, (int)record.spare); }
    """
    )
    built = build(image(source), "f")
    assert run(source, built, main, tmp_path) == "10 10 10 5 5 1 0"


def test_calls_that_take_far_longer_are_counted_apart(tmp_path: Path) -> None:
    """A hypervisor that takes the processor away tells nobody."""
    source = "extern void (*h)(int); int f(int x) { h(x); return x; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); void (*h)(int); int f(int);
        enum { LIMIT = 200000000 };
        static void spend(int x) { uint64_t begin = __builtin_ia32_rdtsc();
            while (x && __builtin_ia32_rdtsc() - begin <= LIMIT) continue; }
        int main(void) { h = spend; open_gate(&control, f, 0, 1); control.longest = LIMIT;
            for (int i = 0; i < 12; i++) { control.word = i & 1; gate(i % 3 == 0); }
            uint64_t cut[2] = {0};
            for (int i = 0; i < 1024; i++) for (int s = 0; s < 2; s++) cut[s] += lines[i].cut_calls[s];
            printf("%d %d %d %d", CALLS(0), CALLS(1), (int)cut[0], (int)cut[1]); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "4 4 2 2"


def test_a_timed_call_inside_another_root_s_leaves_its_mark(tmp_path: Path) -> None:
    """Both have the same guard; only what the kernel does cuts a call."""
    source = "int g(int x) { return x; } int f(int x) { return g(x) + 1; }"
    main = (
        CONTROL
        + """
        int gate_f(int) GATE(f), gate_g(int) GATE(g), g(int);
        extern struct control control CONTROL_OF(f), inner CONTROL_OF(g);
        static __thread struct record other;
        static int outer(int x) { int r = gate_g(x); if (x == 7) record.spare = 0; return r; }
        int main(void) { open_gate(&control, outer, 0, 1); open_gate(&inner, g, 0, 1);
            inner.record += (char *)&other - (char *)&record;
            for (int i = 0; i < 9; i++) gate_f(i);
            uint64_t cut = 0; for (int i = 0; i < 1024; i++) cut += lines[i].cut_calls[0];
            printf("%d %d %d", CALLS(0), (int)cut, (int)record.spare); }
    """
    )
    built = build(image(source), "f", "g")
    assert run(source, built, main, tmp_path) == "17 1 0"


def test_about_one_call_in_stride_is_timed(tmp_path: Path) -> None:
    source = "int f(int x) { return x + 1; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        static int original(int x) { return x + 100; }
        int main(void) {
            for (int stride = 1; stride <= 64; stride *= 8) {
                open_gate(&control, original, 0, stride); control.base = (uint64_t)stride << 32;
                uint64_t before = CALLS(0); long s = 0;
                for (int i = 0; i < 64000; i++) s += gate(0);
                double timed = (CALLS(0) - before) / (64000.0 / stride);
                printf("%d %d ", timed > 0.9 && timed < 1.1, s == 6400000); }
            // What another trial left behind is no reason to wait.
            record.left = (8ull << 32) + 1000; uint64_t before = CALLS(0); gate(0); printf("%d", (int)(CALLS(0) - before));
            record.left = control.base + 3; before = CALLS(0); for (int i = 0; i < 3; i++) gate(0);
            printf(" %d", (int)(CALLS(0) - before)); gate(0); printf(" %d", (int)(CALLS(0) - before)); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "1 1 1 1 1 1 1 0 1"


def test_a_call_that_spans_switches_counts_for_its_side_until_the_trial_is_over(
    tmp_path: Path,
) -> None:
    source = "void hook(void); int f(int x) { hook(); return x; } void (*h)(void); void hook(void) { h(); }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); extern void (*h)(void);
        static void nothing(void) {} static uint64_t by; static void flip(void) { control.word += by; }
        int main(void) { open_gate(&control, 0, 1, 1); h = nothing; gate(1);
            h = flip; by = 1; gate(1); printf("%d %d ", CALLS(0), CALLS(1)); control.word = 1;
            by = 1000; gate(1); printf("%d ", CALLS(1)); by = 2ull << 32; gate(1); printf("%d", CALLS(1)); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "0 2 3 3"


def test_long_calls_draw_their_sides_one_by_one(tmp_path: Path) -> None:
    source = "int f(int x) { return x + 1; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        static int original(int x) { return x + 100; }
        int main(void) { open_gate(&control, original, 6, 1); control.base |= 1; long s = 0;
            for (int i = 0; i < 10000; i++) s += gate(0);
            printf("%d %d %d", CALLS(0) + CALLS(1), CALLS(0) > 4700 && CALLS(0) < 5300, s == 100 * CALLS(0) + CALLS(1)); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "10000 1 1"


def test_sides_take_turns_in_balanced_pairs(tmp_path: Path) -> None:
    """Turns of sixteen timed calls; which of a pair is whose is drawn for each pair and trial."""
    source = "int f(int x) { return x + 1; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        enum { PAIRS = 400 };
        static int original(int x) { return x + 100; }
        static void run(uint64_t trial, int *first) { int whole = 1, begins = 0, changes = 0;
            open_gate(&control, original, 6, 1); control.base = trial << 32 | 1; control.turn_bits = 4; record.drawn = 0;
            for (int pair = 0; pair < PAIRS; pair++) { int sums[2];
                for (int turn = 0; turn < 2; turn++) { sums[turn] = 0;
                    for (int i = 0; i < 16; i++) sums[turn] += gate(0) == 1; }
                whole &= sums[0] + sums[1] == 16 && sums[0] % 16 == 0; first[pair] = sums[0] == 16;
                begins += first[pair]; changes += pair && first[pair] != first[pair - 1]; }
            printf("%d %d %d ", whole, begins > 150 && begins < 250, changes > 150 && changes < 250); }
        int main(void) { static int one[PAIRS], two[PAIRS]; int same = 0; run(8, one); run(9, two);
            for (int i = 0; i < PAIRS; i++) same += one[i] == two[i];
            printf("%d", same > 150 && same < 250);
            // What is not timed follows what was.
            control.reach = 63; int last = 0, other = 0; uint64_t timed = CALLS(0) + CALLS(1);
            for (int i = 0; i < 20000; i++) { int side = gate(0) == 1; uint64_t now = CALLS(0) + CALLS(1);
                if (now == timed) other += side != last; last = side; timed = now; }
            printf(" %d", other); }
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "1 1 1 1 1 1 1 0"


@pytest.mark.parametrize("stride", [1, 4])
def test_nested_calls_take_their_side_untimed(tmp_path: Path, stride: int) -> None:
    """Callbacks: both sides come back through the gate."""
    source = "void (*h)(int); int f(int n) { if (n) h(n - 1); return n; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); extern void (*h)(int);
        static int sides[2], odd; static uint64_t flip_at = -1;
        int variant(int) VARIANT(f);
        static int original(int n) { sides[0]++; if (n) h(n - 1); return n; }
        static int traced(int n) { sides[1]++; return variant(n); }
        static void again(int n) { if (n == flip_at) control.word = (control.word | 1) + 1; gate(n); }
        int main(void) { h = again; open_gate(&control, original, 101, STRIDE); control.target[1] = (uint64_t)traced;
            for (int i = 0; i < 1000; i++) gate(3);
            printf("%d %d %d; ", sides[0], sides[1], CALLS(1) > 900 / STRIDE / 4);
            sides[0] = sides[1] = 0; record.left = 0; flip_at = 5; int before = CALLS(1);
            gate(9); // a switch in the middle: to the end on its side
            printf("%d %d %d %d; ", sides[0], sides[1], CALLS(0), CALLS(1) - before);
            flip_at = -1; record.left = 0; gate(9); printf("%d %d %d", sides[0], sides[1], CALLS(0)); }
    """.replace("STRIDE", str(stride))
    )
    expected = "0 4000 1; 0 10 0 1; 10 10 1"
    assert run(source, build(image(source), "f"), main, tmp_path) == expected


def test_nested_calls_are_on_their_side_where_sides_take_turns(tmp_path: Path) -> None:
    """Whichever side the outermost call drew."""
    source = "void (*h)(int); int f(int n) { if (n) h(n - 1); return n; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); extern void (*h)(int);
        static int sides[2]; static void again(int n) { gate(n); }
        static int original(int n) { sides[0]++; if (n) h(n - 1); return n; }
        static int variant(int n) { sides[1]++; if (n) h(n - 1); return n; }
        int main(void) { h = again; open_gate(&control, original, 100, 1); control.base |= 1;
            control.target[1] = (uint64_t)variant;
            for (int i = 0; i < 2000; i++) gate(4);
            printf("%d %d %d", CALLS(0) + CALLS(1), sides[0] == 5 * CALLS(0), sides[1] == 5 * CALLS(1)); }
    """
    )
    for is_recursive in (False, True):
        built = build(image(source), "f", recursive=is_recursive)
        assert run(source, built, main, tmp_path) == "2000 1 1"


@pytest.mark.parametrize("stride", [1, 4])
def test_a_root_that_calls_itself(tmp_path: Path, stride: int) -> None:
    """The original's calls of itself come back through the entry; the variant's do not."""
    source = "int f(int n) { return n ? n + f(n - 1) : 0; }"
    main = (
        CONTROL
        + """
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f);
        static int deepest; static char *top;
        static int original(int n) { char here; if (top - &here > deepest) deepest = top - &here; return n ? n + gate(n - 1) : 0; }
        int main(void) { char here; top = &here; int s = 0; open_gate(&control, original, 100, STRIDE);
            for (int i = 0; i < 1000; i++) s += gate(10);
            printf("%d %d ", s, CALLS(0) >= 1000 / STRIDE * 0.8 && CALLS(0) <= 1000 / STRIDE * 1.2);
            control.word = 103; for (int i = 0; i < 1000; i++) s += gate(10);
            printf("%d %d ", s, CALLS(1) >= 1000 / STRIDE * 0.8 && CALLS(1) <= 1000 / STRIDE * 1.2);
            control.word = 104; deepest = 0; gate(1000); printf("%d", deepest < 100 * 1000); }
    """.replace("STRIDE", str(stride))
    )
    built = build(image(source), "f")
    assert built.gates == {"f": ("f.halo.gate", "f.halo.control")}
    assert run(source, built, main, tmp_path) == "55000 1 110000 1 1"


def test_a_token_that_nobody_took_back(tmp_path: Path) -> None:
    """After longjmp, deeper calls are untimed for a few slices, others at once no more."""
    source = "void (*h)(int); int f(int n) { if (n) h(n); return n; }"
    main = (
        CONTROL
        + """
        #include <setjmp.h>
        int gate(int) GATE(f); extern struct control control CONTROL_OF(f); extern void (*h)(int);
        static jmp_buf out; static void leave(int n) { longjmp(out, n); }
        static __attribute__((noinline)) void deep(int times) { volatile char room[4096]; room[0] = 1;
            while (times--) gate(0); room[1] = 1; }
        int main(void) { h = leave; open_gate(&control, 0, 1, 1);
            if (!setjmp(out)) gate(1);
            deep(5); printf("%d %d ", CALLS(1), record.stack != 0);
            gate(0); printf("%d %d ", CALLS(1), record.stack != 0); deep(5); printf("%d ", CALLS(1));
            if (!setjmp(out)) gate(1);
            control.word += 14; deep(5); printf("%d ", CALLS(1)); control.word += 2; deep(5); printf("%d ", CALLS(1));
            if (!setjmp(out)) gate(1);
            control.word = 1ull << 40 | 1; deep(5); printf("%d", CALLS(1)); } // another trial
    """
    )
    assert run(source, build(image(source), "f"), main, tmp_path) == "0 1 1 0 6 6 11 16"


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
        int main(void) { struct Big b = {{1, 2, 3, 4, 5, 6}}; open_gate(&control, f, 0, 2);
            for (int i = 0; i < 8; i++) { control.word = i & 1; record.left = control.base + (i >> 1 & 1);
                if (i >> 2) control.record = 0; // timed, skipped, without a trial
                struct Big r = gate(b, 10, 20.0, 30.0L, -3, &b, 40, 50, 60); printf("%ld %ld %ld ", r.a[0], r.a[5], b.a[0]); }
            printf("%d %d", CALLS(0), CALLS(1)); }
    """
    )
    built = build(image(source), "f", level=level)
    assert run(source, built, main, tmp_path) == "209 6 1 " * 8 + "1 1"


def test_exceptions_pass_through(tmp_path: Path) -> None:
    source = 'extern "C" int f(int x) { if (x) throw x; return 5; }'
    main = (
        CONTROL
        + """
        extern "C" int gate(int) GATE(f); extern "C" int f(int); extern struct control control CONTROL_OF(f);
        int main() { open_gate(&control, (void *)f, 0, 1); int caught = 0;
            for (int side = 0; side < 2; side++) { control.word = side; gate(0);
                try { gate(20 + side); } catch (int x) { caught += x; }
                control.base += 1ull << 32; gate(0); }
            control.reach = 3; control.word = 0; record.left = control.base + 1;
            try { gate(100); } catch (int x) { caught += x; } // skipped
            printf("%d %d %d", caught, CALLS(0), CALLS(1)); }
    """
    )
    built = build(image(source, language="c++"), "f")
    assert run(source, built, main, tmp_path, language="c++") == "141 2 2"


@pytest.mark.parametrize(
    "source",
    [
        "void *f(void) { return __builtin_return_address(0); }",
        "void *f(void) { return __builtin_frame_address(0); }",
        "int g(int); int f(int n) { __attribute__((musttail)) return g(n); }",
    ],
)
def test_some_roots_get_no_gate(source: str) -> None:
    built = build(image(source), "f")
    assert built.gates == {}
    assert built.entries == {"f": "f.halo"}


PROTOTYPES = """
    int prctl(int, ...); long syscall(long, ...); int arch_prctl(int, unsigned long);
    int clone(int (*)(void *), void *, int, void *, ...); int f(int n) { return n + 1; }
"""


@pytest.mark.parametrize(
    ("source", "has_gates"),
    [
        ('void g(void) { prctl(15, "name"); }', True),
        ("void g(void) { prctl(26, 2); }", False),
        ("void g(void) { prctl(22, 2, 0); }", True),
        ("void g(void) { prctl(22, 1); }", False),
        ("int (*p)(int, ...) = prctl;", False),
        ("void g(void *s) { clone(0, s, 0x100, 0); }", True),
        ("void g(void *s) { clone(0, s, 0x80100, 0, 0, s); }", False),
        ("void g(void *s, int n) { clone(0, s, n, 0); }", False),
        ("void g(void) { syscall(186); }", True),
        ("void g(void) { syscall(56, 17); }", True),
        ("void g(void) { syscall(56, 0x80000); }", False),
        ("void g(long s) { syscall(435, s, 88); }", False),
        ("void g(long s) { syscall(158, 0x1002, s); }", False),
        ("void g(long s) { arch_prctl(0x1002, s); }", False),
    ],
)
def test_programs_that_may_take_away_what_gates_need(source: str, has_gates: bool) -> None:
    """The time-stamp counter, or a thread pointer that libc set."""
    assert bool(build(image(PROTOTYPES + source), "f").gates) == has_gates


def test_no_gates_unless_asked(tmp_path: Path) -> None:
    built = build(image("int f(void) { return 1; }"), "f", gate=False)
    assert built.gates == {}
    assert not any(".gate" in name for name in symbols(built, tmp_path))
