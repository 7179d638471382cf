"""One image of many modules: names, ordinals, what prevails, what is left out, and what bars a root."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

import pytest
from native_kit import bitcode, build, frame, image, ir, module_of

from halojit._native import Function, Image, LLVMError


def by_name(of: Image) -> dict[str, Function]:
    return {f.name: f for f in of.functions}


def test_ordinals_count_variables_then_functions_then_aliases() -> None:
    raw = ir(
        'target triple = "x86_64-pc-linux-gnu"\n'
        "@a = global i32 0\n@b = global i32 0\n"
        "declare i32 @f()\n"
        "define i32 @g() {\n  %1 = call i32 @f()\n  %2 = load i32, ptr @b\n"
        "  %3 = add i32 %1, %2\n  %4 = call i32 @h()\n  %5 = add i32 %3, %4\n  ret i32 %5\n}\n"
        "@h = alias i32 (), ptr @g\n"
    )
    module, _ = module_of(raw)
    found = by_name(Image(frame(raw)))
    assert (found["g"].module, found["g"].ordinal) == (module, 3)
    assert found["g"].symbols == [(module, 3)]
    built = Image(frame(raw)).build(["g"], cpu="x86-64", features="")
    assert built.needs == {"b": [(module, 1)], "f": [(module, 2)], "h": [(module, 4)]}


def test_locals_of_the_same_name_stay_apart() -> None:
    one = bitcode("static int state; int up(void) { return ++state; }")
    two = bitcode("static int state; int down(void) { return --state; }")
    of = Image(frame(one) + frame(two))
    (first, first_name), (second, second_name) = module_of(one), module_of(two)
    needs = build(of, "up", "down").needs
    assert needs == {f"state.{first_name}": [(first, 0)], f"state.{second_name}": [(second, 0)]}


def test_inline_functions_of_many_files_are_one() -> None:
    inline = "inline int shared(int x) { return x + 1; }\n"
    files = [inline + f"int user{n}(int x) {{ return shared(x); }}" for n in range(3)]
    of = image(*files, language="c++")
    shared = by_name(of)["_Z6sharedi"]
    assert len({module for module, _ in shared.symbols}) == 3
    assert shared.obstacle == ""
    assert by_name(of)["_Z5user2i"].callees == ["_Z6sharedi"]


def test_a_call_across_files_is_copied() -> None:
    of = image(
        "int twice(int x) { return 2 * x; }",
        "int twice(int); int four(int x) { return twice(twice(x)); }",
    )
    assert by_name(of)["four"].callees == ["twice"]
    built = build(of, "four")
    assert built.functions == ["four", "twice"]
    assert built.needs == {}


def test_a_weak_definition_is_never_copied() -> None:
    of = image(
        "__attribute__((weak)) int hook(int x) { return x; } int call(int x) { return hook(x) + 1; }"
    )
    assert "weak" in by_name(of)["hook"].obstacle
    built = build(of, "call")
    assert built.functions == ["call"]
    assert list(built.needs) == ["hook"]


def test_two_strong_definitions_leave_one_module_out() -> None:
    of = image(
        "int f(void) { return 1; }",
        "int f(void) { return 2; } int g(void) { return 3; }",
        "int h(void) { return 4; }",
    )
    assert sorted(by_name(of)) == ["f", "h"]
    assert len(of.skipped) == 1
    assert "f" in of.skipped[0]


def test_an_object_linked_twice_has_no_certain_locals() -> None:
    raw = bitcode(
        "static int n; static int step(void) { return ++n; } int f(void) { return step(); } int g(void) { return 7; }"
    )
    of = Image(frame(raw) + frame(raw))
    _, name = module_of(raw)
    assert "twice" in by_name(of)[f"step.{name}"].obstacle
    assert build(of, "f").needs == {f"n.{name}": []}
    assert build(of, "g").needs == {}


def test_recursion_is_seen_through_others() -> None:
    of = image(
        "int odd(int); int even(int n) { return n ? odd(n - 1) : 1; } int odd(int n) { return n ? even(n - 1) : 0; }"
        "int once(int n) { return even(n); }"
    )
    found = by_name(of)
    assert found["even"].reaches_itself
    assert found["odd"].reaches_itself
    assert not found["once"].reaches_itself


@pytest.mark.parametrize(
    ("source", "flags", "obstacle"),
    [
        ("int f(int n, ...) { return n; }", [], "varargs"),
        ('__attribute__((naked)) void f(void) { __asm__("ret"); }', [], "naked"),
        ("double f(double a, double b) { return a * b + a; }", ["-ffast-math"], "fast-math"),
        ("double f(double a, double b) { return a * b + a; }", ["-ffp-contract=fast"], "fast-math"),
        (
            "double f(double *p) { double s = 0;\n#pragma clang loop vectorize(enable)\n"
            "for (int i = 0; i < 64; i++) s += p[i]; return s; }",
            [],
            "pragma",
        ),
        (
            "double f(double *p) { double s = 0;\n#pragma clang loop vectorize_width(4)\n"
            "for (int i = 0; i < 64; i++) s += p[i]; return s; }",
            [],
            "pragma",
        ),
        ("__attribute__((weak)) int f(void) { return 1; }", [], "weak"),
        (
            "int f(void) __attribute__((returns_twice)); int f(void) { return 1; }",
            [],
            "returns twice",
        ),
        (
            "void *keep; int f(int n) { keep = &&out; if (n) goto *keep; return 1; out: return 2; }",
            [],
            "block",
        ),
    ],
)
def test_obstacles(source: str, flags: list[str], obstacle: str) -> None:
    of = image(source, flags=flags)
    assert obstacle in by_name(of)["f"].obstacle
    with pytest.raises(LLVMError, match="can not be a root"):
        build(of, "f")


def test_jump_tables_are_no_obstacle() -> None:
    of = image(
        "int f(const unsigned char *p) { static void *const table[] = {&&add, &&end}; int n = 0;"
        " goto *table[*p]; add: n++; goto *table[*++p]; end: return n; }"
    )
    assert by_name(of)["f"].obstacle == ""


@pytest.mark.parametrize("pragma", ["vectorize(enable)", "unroll_count(4)"])
def test_pragmas_that_round_nothing_are_no_obstacle(pragma: str) -> None:
    kind = "int" if pragma.startswith("vectorize") else "double"
    of = image(
        f"{kind} f({kind} *p) {{ {kind} s = 0;\n#pragma clang loop {pragma}\n"
        "for (int i = 0; i < 64; i++) s += p[i]; return s; }"
    )
    assert by_name(of)["f"].obstacle == ""


def test_fmin_and_fmax_do_not_count_as_fast_math() -> None:
    of = image(
        "#include <math.h>\ndouble f(double a, double b) { return fmin(a, b) + fmax(a, b); }"
    )
    assert by_name(of)["f"].obstacle == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"roots": ["nobody"]}, "nobody"),
        ({"roots": []}, "root"),
        ({"roots": ["f", "f"]}, "twice"),
        ({"level": 4}, "level 4"),
        ({"cpu": "z80"}, "z80"),
        ({"features": "+warp"}, "warp"),
        ({"features": "avx"}, "sign"),
        ({"options": {"colour": "red"}}, "colour"),
        ({"options": {"vectorize": "maybe"}}, "maybe"),
        ({"options": {"inline-threshold": "-3"}}, "inline-threshold"),
        ({"options": {"passes": "no-such-pass"}}, "no-such-pass"),
    ],
)
def test_a_build_that_can_not_be(arguments: dict[str, object], message: str) -> None:
    of = image("int f(void) { return 1; }")
    defaults: dict[str, object] = {"roots": ["f"], "cpu": "x86-64", "features": ""}
    with pytest.raises(LLVMError, match=message):
        of.build(**(defaults | arguments))
    assert of.build(**defaults).entries == {"f": "f.halo"}


def test_the_roots_are_a_sequence_of_names() -> None:
    of = image("int f(void) { return 1; }")
    with pytest.raises(TypeError):
        of.build("f", cpu="x86-64", features="")


def test_modules_for_another_machine_are_left_out() -> None:
    other = ir(
        'target datalayout = "e-m:e-i64:64-n32:64"\ntarget triple = "riscv64"\ndefine void @far() {\n  ret void\n}\n'
    )
    of = Image(frame(bitcode("int f(void) { return 1; }")) + frame(other))
    assert [f.name for f in of.functions] == ["f"]
    assert "layout" in of.skipped[0]
