"""What a build may be told beyond its level, and that it tells nobody else."""

import re
import threading
from pathlib import Path

import pytest
from native_kit import PLAIN, build, disassembly, image

from halojit._native import Image, LLVMError

SUM = "long f(long *p, long n) { long s = 0; for (long i = 0; i < n; i++) s += p[i]; return s; }"
PRODUCT = "double f(double a, double b, double c) { return a * b + c; }"


@pytest.fixture(scope="module")
def total() -> Image:
    return image(SUM)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"llvm.no-such-thing": "1"}, 'LLVM has no option "no-such-thing"'),
        ({"llvm.unroll-count": "many"}, 'LLVM\'s option "unroll-count" can not be "many"'),
        ({"llvm.help": "true"}, 'LLVM has no option "help"'),
        ({"attr.optsize": "maybe"}, 'attribute "optsize" of a function can not be "maybe"'),
        ({"attr.byval": "on"}, 'attribute "byval" of a function'),
        ({"regalloc": "magic"}, '"regalloc" is one of greedy, basic, not "magic"'),
        ({"align-loops": "48"}, '"align-loops" is a power of two, not "48"'),
        ({"fp": "loose"}, '"fp" is one of strict, contract, fast'),
        ({"passes.somewhere": "gvn"}, "passes.somewhere"),
        ({"passes.scalar-late": "no-such-pass"}, 'option "passes.scalar-late"'),
        ({"features": "-warp"}, 'unknown feature "warp"'),
    ],
)
def test_what_llvm_does_not_know_is_an_error(
    options: dict[str, str], message: str, total: Image
) -> None:
    before = build(total, "f").digest
    with pytest.raises(LLVMError, match=re.escape(message)):
        build(total, "f", options=options)
    assert build(total, "f").digest == before


def test_an_option_holds_for_its_own_build_only(total: Image) -> None:
    before = build(total, "f").digest
    changed = build(total, "f", options={"llvm.force-vector-width": "2"}).digest
    assert changed != before
    assert build(total, "f").digest == before
    assert build(total, "f", options={"llvm.force-vector-width": "2"}).digest == changed


def test_builds_at_the_same_time_do_not_see_each_others_options() -> None:
    settings = [
        {},
        {"llvm.force-vector-width": "2"},
        {"llvm.unroll-count": "4"},
        {"regalloc": "basic"},
    ]
    expected = [build(image(SUM), "f", options=options).digest for options in settings]
    assert len(set(expected[:3])) == 3
    wrong: list[int] = []

    def work(number: int) -> None:
        mine = image(SUM)
        for turn in range(12):
            at = (turn + number) % len(settings)
            if build(mine, "f", options=settings[at]).digest != expected[at]:
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_list_takes_its_words_apart() -> None:
    source = """void f(double *restrict a, const double *restrict b) {
      for (int i = 0; i < 1000; i++)
        for (int j = 0; j < 1000; j++)
          a[j * 1000 + i] = b[i * 1000 + j];
    }"""
    polly = {"polly": "on", "llvm.polly-process-unprofitable": "true"}
    of = image(source)
    square = build(of, "f", options=polly | {"llvm.polly-tile-sizes": "24,24"}).digest
    assert square != build(of, "f", options=polly | {"llvm.polly-tile-sizes": "24"}).digest
    assert square == build(of, "f", options=polly | {"llvm.polly-tile-sizes": "24,24"}).digest


def test_loops_are_aligned_as_asked(total: Image, tmp_path: Path) -> None:
    def alignment(options: dict[str, str]) -> int:
        text = disassembly(
            build(total, "f", gate=False, options=options | {"vectorize": "off"}), tmp_path
        )
        targets = re.findall(r"^\s*([0-9a-f]+):\s+j\w+\s+0x([0-9a-f]+)", text, re.M)
        loops = [int(to, 16) for at, to in targets if int(to, 16) < int(at, 16)]
        return max(loop & -loop for loop in loops)

    assert alignment({"align-loops": "64"}) >= 64


def test_functions_get_attributes(total: Image, tmp_path: Path) -> None:
    plain = build(total, "f", gate=False)
    small = build(total, "f", gate=False, options={"attr.minsize": "on", "attr.optsize": "on"})
    assert len(disassembly(small, tmp_path)) < len(disassembly(plain, tmp_path)) / 2


def test_multiply_add_is_fused_only_where_a_user_allows_it(tmp_path: Path) -> None:
    of = image(PRODUCT)
    host_has_fma = "vfmadd" in disassembly(build(of, "f", options={"fp": "contract"}), tmp_path)
    assert host_has_fma == (
        "vfmadd" in disassembly(build(of, "f", options={"fp": "fast"}), tmp_path)
    )
    assert "vfmadd" not in disassembly(build(of, "f"), tmp_path)
    fma = {"cpu": "haswell", "features": "+avx2,+fma"}
    apart = image("double f(double a, double b, double c) { double d = a * b; return d + c; }")
    assert "vfmadd" not in disassembly(build(apart, "f", **fma), tmp_path)
    assert "vfmadd" in disassembly(build(apart, "f", **fma, options={"fp": "contract"}), tmp_path)


def test_sums_are_reordered_only_where_a_user_allows_it(tmp_path: Path) -> None:
    of = image("double f(double *p, int n) { double s = 0; while (n--) s += p[n]; return s; }")
    assert "addpd" not in disassembly(build(of, "f", **PLAIN), tmp_path)
    assert "addpd" in disassembly(build(of, "f", **PLAIN, options={"fp": "fast"}), tmp_path)


def test_the_object_does_not_tell_the_recipe(total: Image) -> None:
    """Objects are deduplicated by their bytes."""
    plain = build(total, "f")
    odd = build(total, "f", options={"attr.halo-test": "recipe", "llvm.polly-tile-sizes": "8"})
    assert odd.digest == plain.digest


def test_an_option_may_remove_instruction_sets(tmp_path: Path) -> None:
    of = image("void f(float *a, float *b, int n) { for (int i = 0; i < n; i++) a[i] += b[i]; }")
    target = {"cpu": "skylake-avx512", "features": ""}
    wide = {"attr.prefer-vector-width": "512"}
    assert "zmm" in disassembly(build(of, "f", **target, options=wide), tmp_path)
    text = disassembly(build(of, "f", **target, options=wide | {"features": "-avx512f"}), tmp_path)
    assert "zmm" not in text
    assert "ymm" in text
