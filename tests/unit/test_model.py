"""Symbol tables and small values of the model."""

import pytest

from halojit.model.function import Function, reachable, region_of
from halojit.model.symbols import KIND_SHIFT, ROW, STATIC_TLS, Kind, SymbolTable


def table(*rows: tuple[int, Kind, int, int, int]) -> SymbolTable:
    return SymbolTable(
        b"".join(
            ROW.pack(module, kind << KIND_SHIFT | ordinal, flags, address)
            for module, kind, ordinal, flags, address in rows
        )
    )


def test_the_layout_is_that_of_the_header() -> None:
    assert ROW.size == 24


def test_the_program_s_own_binding_wins() -> None:
    symbols = table((7, Kind.DEFINITION, 3, 0, 0x1000), (7, Kind.GOT, 3, 0, 0x2000))
    assert symbols.address((7, 3)) == 0x2000
    assert symbols.function((7, 3)) == 0x1000
    assert symbols.address((7, 4)) is None


def test_a_module_linked_twice_has_no_addresses() -> None:
    symbols = table(
        (7, Kind.PATCHABLE, 1, 0, 0x1000),
        (7, Kind.PATCHABLE, 1, 0, 0x5000),
        (7, Kind.PATCHABLE, 2, 0, 0x2000),
        (7, Kind.PATCHABLE, 2, 0, 0x2000),
        (9, Kind.PATCHABLE, 1, 0, 0x3000),
    )
    assert symbols.entries == {(7, 2): 0x2000, (9, 1): 0x3000}
    assert symbols.address((7, 1)) is None


def test_thread_locals_have_offsets_or_accessors() -> None:
    symbols = table(
        (7, Kind.TLS, 1, STATIC_TLS, (1 << 64) - 16),
        (7, Kind.TLS, 2, 0, 0x4000),
    )
    assert symbols.tls_offsets == {(7, 1): -16}
    assert symbols.address((7, 2)) == 0x4000
    assert symbols.address((7, 1)) is None


def test_what_is_listed_is_the_same_for_every_process() -> None:
    here = table(
        (1, Kind.PATCHABLE, 3, 0, 0x5000), (1, Kind.GOT, 2, 0, 0x5010), (1, Kind.GOT, 2, 0, 0x5010)
    )
    there = table((1, Kind.GOT, 2, 0, 0x7010), (1, Kind.PATCHABLE, 3, 0, 0x7000))
    other = table((1, Kind.GOT, 2, 0, 0x7010))
    listed = here.listed(0x5000, 0x6000)
    assert listed == there.listed(0x7000, 0x8000)
    assert listed != other.listed(0x7000, 0x8000)
    # Another image's definition has taken the name.
    assert listed != here.listed(0x5000, 0x5010)


def test_a_torn_table_is_refused() -> None:
    with pytest.raises(ValueError, match="25 bytes"):
        SymbolTable(bytes(25))


def test_an_empty_table() -> None:
    assert SymbolTable(b"").entries == {}


def test_reachable_follows_cycles_and_unknown_names() -> None:
    functions = {
        name: Function(name, (), callees, False, "", 1)
        for name, callees in {"a": ("b", "x"), "b": ("a", "c"), "c": (), "d": ("a",)}.items()
    }
    assert reachable(functions, "a") == {"a", "b", "c", "x"}


def test_a_region_holds_what_is_hot_and_what_was_inlined() -> None:
    sizes = {"a": 9000, "b": 9000, "c": 8000, "d": 150, "e": 300, "f": 7000, "g": 100}
    callees = {"a": ("e", "b", "c", "d"), "b": ("f", "a"), "c": ("g",), "d": ("g", "x")}
    functions = {
        name: Function(name, (), callees.get(name, ()), False, "", size)
        for name, size in sizes.items()
    }
    # The root is whole, e is cold and too large to have been inlined, c comes when 7,000 are left.
    assert region_of(functions, "a", ("a", "b", "c", "f")) == {"a", "b", "d", "f", "g"}
    assert region_of(functions, "a", ("a",)) == {"a", "d", "g"}
