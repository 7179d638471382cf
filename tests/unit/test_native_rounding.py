"""Variants round as the ahead-of-time code did, whatever the recipe's processor can do."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

import subprocess
from pathlib import Path

import pytest
from native_kit import CPU, FEATURES, PLAIN, bitcode, disassembly, frame, run

from halojit._native import Image, Object

AXPY = "void f(double *restrict y, const double *x, double a, int n) { for (int i = 0; i < n; i++) y[i] = a * x[i] + y[i]; }"
HASWELL = {"cpu": "haswell", "features": "+avx,+avx2,+bmi,+bmi2,+fma,+sse,+sse2,+x87"}


def built(source: str, *flags: str, recipe: dict[str, str] = HASWELL, level: int = 3) -> Object:
    raw = bitcode(source, *flags)
    return Image(frame(raw)).build(["f"], level=level, gate=False, **recipe)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_no_fma_where_there_was_none(tmp_path: Path, level: int) -> None:
    text = disassembly(built(AXPY, level=level), tmp_path)
    assert "fmadd" not in text
    assert "vmul" in text


@pytest.mark.parametrize("level", [0, 3])
def test_fma_where_there_was_one(tmp_path: Path, level: int) -> None:
    assert "fmadd" in disassembly(built(AXPY, "-mfma", level=level), tmp_path)


def test_a_recipe_that_has_less_is_not_followed(tmp_path: Path) -> None:
    object_ = built(AXPY, "-mfma", recipe=PLAIN)
    assert object_.needs == {}
    assert "fmadd" in disassembly(object_, tmp_path)


def test_fma_of_one_function_only(tmp_path: Path) -> None:
    source = '__attribute__((target("fma"))) double f(double a, double b, double c) { return a * b + c; }'
    assert "fmadd" in disassembly(built(source), tmp_path)


def test_x87_is_never_fused(tmp_path: Path) -> None:
    text = disassembly(
        built("long double f(long double a, long double b) { return a * b + a; }", "-mfma"),
        tmp_path,
    )
    assert "fmul" in text
    assert "fmadd" not in text


@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("flags", [[], ["-mfma"], ["-ffp-contract=off"]])
def test_the_same_bits_on_this_machine(tmp_path: Path, level: int, flags: list[str]) -> None:
    source = """
        double f(const double *x, int n) { double s = 0.1;
            for (int i = 0; i < n; i++) s = x[i] * x[n - 1 - i] + s; return s; }
    """
    main = """
        double f(const double *, int); double variant(const double *, int) VARIANT(f);
        int main(void) { double x[1000]; for (int i = 0; i < 1000; i++) x[i] = 1.0 / (i + 3);
            printf("%a\\n%a\\n", f(x, 1000), variant(x, 1000)); }
    """
    if "-mfma" in flags and "+fma" not in FEATURES.split(","):
        pytest.fail("this machine has no FMA: the test can not run here")
    of = Image(frame(bitcode(source, *flags)))
    object_ = of.build(["f"], cpu=CPU, features=FEATURES, level=level, gate=False)
    original, variant = run(source, object_, main, tmp_path, flags=flags).split()
    assert original == variant


def test_rounding_modes_are_respected() -> None:
    source = "double f(double a, double b, double c) { return a * b + c; }"
    object_ = built(source, "-frounding-math", "-ffp-exception-behavior=strict")
    assert object_.needs == {}


def test_an_explicit_target_is_kept(tmp_path: Path) -> None:
    source = '__attribute__((target("avx512f"))) void f(float *p, int n) { for (int i = 0; i < n; i++) p[i] += 1; }'
    plain = disassembly(built(source, recipe=PLAIN), tmp_path)
    assert "%ymm" in plain or "%zmm" in plain


def test_the_recipe_s_target_is_used(tmp_path: Path) -> None:
    source = "void f(float *p, int n) { for (int i = 0; i < n; i++) p[i] += 1; }"
    assert "%ymm" in disassembly(built(source), tmp_path)
    assert "%ymm" not in disassembly(built(source, recipe=PLAIN), tmp_path)
    narrow = Image(frame(bitcode(source))).build(
        ["f"], gate=False, options={"prefer-vector-width": "128"}, **HASWELL
    )
    assert "%ymm" not in disassembly(narrow, tmp_path)
    scalar = Image(frame(bitcode(source))).build(
        ["f"], gate=False, options={"vectorize": "off", "slp": "off"}, **HASWELL
    )
    assert "addps" not in disassembly(scalar, tmp_path)


def test_wide_vectors_are_passed_as_before(tmp_path: Path) -> None:
    # Without AVX a 256-bit vector travels in two registers; with it, in one.
    source = """
        typedef float v8 __attribute__((vector_size(32)));
        v8 f(v8 a, v8 b) { return a + b; }
    """
    command = ["clang-22", "-O2", "-S", "-x", "c", "-o", "-", "-"]
    before = subprocess.run(
        command, input=source, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    text = disassembly(built(source), tmp_path)
    assert "ymm" not in before
    assert "%ymm" not in text
    assert "%ymm" in disassembly(built(source, "-mavx"), tmp_path)
