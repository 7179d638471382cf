"""Counting in a built region, and what counts do to the next build of it."""

from pathlib import Path

import pytest
from native_kit import (
    Image,
    Object,
    bitcode,
    build,
    frame,
    image,
    module_of,
    run,
    symbols,
    table,
)

BRANCH = """
extern int rare(int), common(int);
int f(int x) {
  if (x & 1024) { for (int i = 0; i < 7; i++) x += rare(x) ^ i; return x; }
  for (int i = 0; i < 9; i++) x -= common(x) ^ i;
  return x;
}
int rare(int x) { return x * 3; }
int common(int x) { return x * 5; }
"""
POINTER = """
typedef int (*op)(int);
int twice(int x) { return x + x; }
int square(int x) { return x * x + x / 3; }
op chosen = twice;
int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += chosen(i); return s; }
"""
CALLS = """
static int work(int x) {
  int s = x;
  for (int i = 0; i < x; i++) { s = s * 31 + i; if (s & 1) s ^= x; else s += 7; s %= 1000003; }
  return s;
}
int f(int *p, int n) {
  int s = 0;
  for (int i = 0; i < n; i++)
    if (p[i] > 0) s += work(p[i]); else s -= work(-p[i] / 2);
  return s;
}
"""


Counts = dict[str, list[int]]
PROFILE = list[tuple[str, int, list[int], list[list[tuple[str, int]]]]]


def counted(of: Image, source: str, main: str, directory: Path) -> Counts:
    """Runs f, instrumented; symbol -> its words, as `main` left them where it says SHOW."""
    built = build(of, "f", instrument=True, gate=False)
    sizes = {c.symbol: c.count for c in built.counters}
    sizes |= {c.targets: 8 * c.sites for c in built.counters if c.sites}
    arrays, shows = "", ""
    for number, (symbol, count) in enumerate(sizes.items()):
        arrays += f'extern unsigned long long c{number}[] __asm__("{symbol}");\n'
        shows += f'printf("{symbol}"); for (int i = 0; i < {count}; i++)'
        shows += f' printf(" %llu", c{number}[i]); puts("");\n'
    text = run(source, built, arrays + main.replace("SHOW", shows), directory)
    lines = [line.split() for line in text.splitlines()]
    return {line[0]: [int(word) for word in line[1:]] for line in lines}


def profile(of: Object, counts: Counts) -> PROFILE:
    return [(c.name, c.hash, counts[c.symbol], []) for c in of.counters if c.symbol in counts]


def shapes(of: Object) -> list[tuple[str, int, int]]:
    return [(c.name, c.hash, c.count) for c in of.counters]


def test_counters_are_the_objects_own(tmp_path: Path) -> None:
    built = build(image(BRANCH), "f", instrument=True)
    assert built.counters[0].name == "f"
    listed = symbols(built, tmp_path)
    for counters in built.counters:
        assert listed[counters.symbol] in "BD"
    assert not any("__llvm" in name for name in [*listed, *built.needs])
    assert build(image(BRANCH), "f").counters == []


def test_what_runs_is_counted(tmp_path: Path) -> None:
    main = """int f(int) VARIANT(f);
    int main(void) { for (int i = 0; i < 5000; i++) f(i); SHOW }"""
    counts = counted(image(BRANCH), BRANCH, main, tmp_path)["f.halo.counts"]
    rare = sum(1 for i in range(5000) if i & 1024)
    assert rare in counts or 5000 - rare in counts


def test_targets_of_indirect_calls_are_noted(tmp_path: Path) -> None:
    main = """int f(int) VARIANT(f); extern int (*chosen)(int); int twice(int), square(int);
    int main(void) {
      f(90); chosen = square; f(10); SHOW
      printf("addresses %lu %lu\\n", (unsigned long)twice, (unsigned long)square);
    }"""
    seen = counted(image(POINTER), POINTER, main, tmp_path)
    twice, square = seen["addresses"]
    assert seen["f.halo.targets"] == [twice, 90, square, 10, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "recipe",
    [
        {"level": 1},
        {"options": {"features": "-avx"}},
        {"options": {"slp": "off", "llvm.unroll-count": "4", "polly": "on"}},
    ],
)
def test_the_shape_does_not_depend_on_the_recipe(recipe: dict[str, object]) -> None:
    of = image(CALLS)
    usual = build(of, "f", instrument=True)
    assert usual.counters
    assert shapes(build(of, "f", instrument=True, **recipe)) == shapes(usual)


def test_a_profile_changes_code_and_not_results(tmp_path: Path) -> None:
    main = """int f(int *, int) VARIANT(f);
    int main(void) {
      int p[1000]; for (int i = 0; i < 1000; i++) p[i] = i % 50 ? i % 60 : -i;
      int sum = f(p, 1000); SHOW printf("sum %d\\n", sum < 0 ? -sum : sum);
    }"""
    of = image(CALLS)
    counting = build(of, "f", instrument=True, gate=False)
    seen = counted(of, CALLS, main, tmp_path)
    known = profile(counting, seen)
    assert known
    built = build(of, "f", gate=False, profile=known)
    assert built.digest != build(of, "f", gate=False, profile=[("nobody", 1, [1], [])]).digest
    text = run(CALLS, built, main.replace("SHOW", ""), tmp_path)
    assert text.split() == ["sum", str(seen["sum"][0])]


def test_a_profile_that_does_not_fit_is_not_used() -> None:
    of = image(CALLS)
    counters = build(of, "f", instrument=True, gate=False).counters[0]
    counts = [1000] * counters.count
    without = build(of, "f", gate=False, profile=[("nobody", 1, [1], [])]).digest

    def digest(*entry: object) -> str:
        return build(of, "f", gate=False, profile=[entry]).digest

    assert digest("f", counters.hash, counts, []) != without
    assert digest("f", counters.hash + 1, counts, []) == without
    assert digest("f", counters.hash, counts[:-1], []) == without
    assert digest("f", counters.hash, [], []) == without


def test_likely_targets_are_called_directly(tmp_path: Path) -> None:
    raw = bitcode(POINTER)
    of = Image(frame(raw))
    module, _ = module_of(raw)
    of.know(table(*((module, ordinal) for ordinal in range(4))))
    counters = build(of, "f", instrument=True, gate=False).counters[0]
    targets = [[("twice", 990), ("square", 10), ("nobody", 5)]]
    counts = [1000, 1000, 10]
    assert counters.count == len(counts)
    built = build(of, "f", gate=False, profile=[("f", counters.hash, counts, targets)])
    assert "twice" in built.needs
    assert "twice" not in build(of, "f", gate=False).needs
    main = """int f(int) VARIANT(f); extern int (*chosen)(int); int square(int);
    int main(void) { int a = f(10); chosen = square; printf("%d %d\\n", a, f(10)); }"""
    squares = sum(i * i + i // 3 for i in range(10))
    assert run(POINTER, built, main, tmp_path).split() == ["90", str(squares)]
