"""Regions of an image whose symbol table is known: what the program has, and what it dropped."""

# Quoted programs keep their own line lengths.
# ruff: noqa: E501

import re
import subprocess
from pathlib import Path

import pytest
from native_kit import bitcode, build, frame, image, ir, module_of, run, table

from halojit._native import Image, LLVMError

LEVELS = pytest.mark.parametrize("level", [0, 1, 3])


def named(
    of: str, *, flags: str = "", language: str = "c"
) -> tuple[Image, dict[str, tuple[int, int]]]:
    """An image, and (module, ordinal) by name: variables count first, as they stand in the text."""
    raw = ir(of) if language == "ir" else bitcode(of, *flags.split(), language=language)
    command = ["llvm-dis-22", "-", "-o", "-"]
    text = subprocess.run(command, input=raw, stdout=subprocess.PIPE, check=True).stdout.decode()
    names = re.findall(r'^@"?([^ "]+)"? =', text, re.MULTILINE)
    names += re.findall(r'^(?:define|declare) [^@]*@"?([^"(]+)"?\(', text, re.MULTILINE)
    module = module_of(raw)[0]
    return Image(frame(raw)), {name: (module, at) for at, name in enumerate(names)}


NAMES = """
    static const char *const names[] = {"zero", "one", "two"};
    int index_of(const char *name) { for (int i = 0; i < 3; i++) if (names[i] == name) return i; return -1; }
    const char *fixed(void) { return "fixed"; }
    int length(void) { return __builtin_strlen("fixed"); }
"""


@pytest.mark.parametrize("level", [0, 3])
def test_listed_literals_are_the_program_s(level: int) -> None:
    of, where = named(NAMES)
    of.know(table(*where.values()))
    built = build(of, "index_of", level=level, gate=False)
    needed = {key for keys in built.needs.values() for key in keys}
    assert needed
    assert needed <= {where[name] for name in ("names", ".str.1", ".str.2", ".str.3")}
    assert b"two" not in built.data
    fixed = build(of, "fixed", level=level, gate=False)
    assert list(fixed.needs.values()) == [[where[".str"]]]
    assert build(of, "length", gate=False).needs == {}


@LEVELS
def test_literals_that_the_program_dropped_are_copied(level: int) -> None:
    of, where = named(NAMES)
    of.know(table(where["index_of"], where["fixed"]))
    assert build(of, "fixed", level=level, gate=False).needs == {}
    assert build(of, "index_of", level=level, gate=False).needs == {}


@LEVELS
def test_contents_that_lead_to_copied_literals_are_hidden(level: int) -> None:
    # `pointers` is shared with the program in any case, its strings are not.
    source = """
        const char *const pointers[] = {"zero", "one"};
        int check(const char *name, int i) { return pointers[1] == name; }
    """
    of, where = named(source)
    assert list(build(of, "check", level=level, gate=False).needs) == ["pointers"]
    of.know(table(where["check"], where["pointers"]))
    assert list(build(of, "check", level=level, gate=False).needs) == ["pointers"]


@LEVELS
def test_what_the_program_dropped_of_a_class_is_copied(tmp_path: Path, level: int) -> None:
    # Nothing of Base's table is left: final code only ever stores Derived's.
    source = """
        struct Base { Base(); virtual ~Base() {} virtual int get() const { return 1; } int n = 4; };
        inline Base::Base() { n += get(); }
        struct Derived final : Base { Derived(); int get() const override { return n; } };
        inline Derived::Derived() { n *= get(); }
        extern "C" int use() { Derived d; return d.get(); }
    """
    main = 'extern "C" int use() VARIANT(use); int main() { printf("%d", use()); }'
    of, where = named(source, language="c++")
    of.know(table(where["use"]))
    built = build(of, "use", level=level, gate=False)
    ours = [name for name in built.needs if "Base" in name or "Derived" in name]
    assert ours == []
    assert run(source, built, main, tmp_path, language="c++") == "25"


@LEVELS
def test_dropped_functions_are_copied_whatever_their_size(level: int) -> None:
    body = "".join(f"x = x * {n} + (x >> {n % 7});" for n in range(200))
    source = f"""
        inline __attribute__((noinline)) int big(int x) {{ {body} return x; }}
        extern "C" int f(int x) {{ return big(x); }}
        extern "C" void *address() {{ return (void *)big; }}
    """
    limit = {"region-limit": "10"}
    of, where = named(source, language="c++")
    of.know(table(where["f"], where["address"]))
    assert build(of, "f", level=level, gate=False, options=limit).needs == {}
    assert build(of, "address", level=level, gate=False, options=limit).needs == {}
    of.know(table(where["f"], where["_Z3bigi"]))
    assert list(build(of, "f", level=level, gate=False, options=limit).needs) == ["_Z3bigi"]
    assert list(build(of, "address", level=level, gate=False).needs) == ["_Z3bigi"]


def test_what_must_be_emitted_and_is_not_listed_is_not_copied() -> None:
    source = (
        "const int KEY = 1; const void *key(void) { return &KEY; } void *f(void) { return key; }"
    )
    of, where = named(source)
    of.know(table())
    assert build(of, "key", gate=False).needs == {"KEY": [where["KEY"]]}
    assert build(of, "f", gate=False).needs == {"key": [where["key"]]}


def test_unlisted_functions_of_libraries_are_builtins() -> None:
    source = "int tolower(int); int f(int c) { return tolower(c); }"
    of, where = named(source)
    assert build(of, "f", gate=False).needs == {"tolower": [where["tolower"]]}
    of.know(table(where["f"]))
    assert build(of, "f", gate=False).needs == {"tolower": []}
    of.know(table(where["f"], where["tolower"]))
    assert build(of, "f", gate=False).needs == {"tolower": [where["tolower"]]}


def test_a_table_of_odd_size_is_refused() -> None:
    with pytest.raises(LLVMError, match="25 bytes"):
        image("int f(void) { return 1; }").know(bytes(25))


def test_interposed_functions_are_the_program_s() -> None:
    source = "int inner(int x) { return x * 1000; } int f(int x) { return inner(x) + 1; }"
    of, where = named(source, flags="-fPIC")
    of.know(table(*where.values()))
    assert build(of, "f", gate=False).needs == {}
    of.know(table(where["f"]) + table(where["inner"], flags=2))
    assert build(of, "f", gate=False).needs == {"inner": [where["inner"]]}
