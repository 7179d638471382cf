"""From stacks to regions."""

from collections.abc import Mapping

from halojit.model.function import Function, Place
from halojit.model.image import Image
from halojit.model.profile import Stack
from halojit.model.symbols import SymbolTable
from halojit.profile.calltree import CallTree
from halojit.profile.frames import FrameMap
from halojit.profile.regions import Limits, candidates, choose

LIMITS = Limits()


def at(name: str) -> Place:
    return Place(1, name)


def tree_of(**stacks: int) -> CallTree:
    """Keys are call paths, outermost first, joined by underscores."""
    names = {}
    tree = CallTree()
    for path, count in stacks.items():
        frames = []
        for name in path.split("_"):
            address = 0x1000 + 16 * len(names)
            names[address] = at(name)
            frames.append(address)
        tree.add((Stack(count, tuple(reversed(frames))),), names.get)
    return tree


def reach_of(reach: Mapping[str, str]):  # type: ignore[no-untyped-def]
    return lambda place: frozenset((place.name, *reach.get(place.name, "")))


def chosen(tree, rates, reach=None, covered=None):  # type: ignore[no-untyped-def]
    regions = choose(
        tree,
        {at(name): rate for name, rate in rates.items()},
        1.0,
        reach_of(reach or {}),
        {at(name): reach_of(reach or {})(at(name)) for name in covered or ()},
        LIMITS,
    )
    return [region.root.name for region in regions]


def test_shares_count_recursion_once() -> None:
    tree = tree_of(m_f_f_f=3, m_g=1)
    assert tree.shares() == {at("m"): 1.0, at("f"): 0.75, at("g"): 0.25}


def spread(tree: CallTree) -> dict[str, float]:
    return {"".join(place.name for place in path): weight for path, weight in tree.paths()}


def test_samples_that_lost_their_callers_are_where_others_are() -> None:
    tree = tree_of(f=80, m_a_f=3, m_b_f=1, m_c=16, x=20)
    assert spread(tree) == {"maf": 63.0, "mbf": 21.0, "mc": 16.0, "x": 20.0}
    assert tree.total == 120.0
    assert tree.shares()[at("a")] == 63 / 120


def test_what_was_found_is_forgotten_with_the_tree() -> None:
    tree = tree_of(f=80, m_a_f=20)
    assert spread(tree) == {"maf": 100.0}
    tree.add((Stack(100, (1,)),), {1: at("g")}.get)
    assert spread(tree) == {"maf": 100.0, "g": 100.0}
    tree.decay(0.5)
    assert spread(tree) == {"maf": 50.0, "g": 50.0}
    tree.decay(0.05)  # What is left of the longer path is too little to go by.
    assert spread(tree) == {"f": 2.0, "maf": 0.5, "g": 2.5}


def test_a_function_that_calls_others_lost_no_callers() -> None:
    """It may be a thread's first."""
    found = {"w": 5.0, "wf": 50.0, "mw": 10.0}
    assert spread(tree_of(w=5, w_f=50, m_w=10)) == found


def test_lost_callers_are_not_taken_for_recursion() -> None:
    tree = tree_of(f=100, m_f=10, m_f_f=10)
    assert spread(tree) == {"mf": 110.0, "mff": 10.0}


def test_what_is_below_a_root() -> None:
    tree = tree_of(m_a_b=2, m_a_a_c=1, m_a=1, m_b=4)
    below = tree.below([at("a"), at("b"), at("x")])
    assert below == {
        at("a"): {at("a"): 1.0, at("b"): 0.5, at("c"): 0.25},
        at("b"): {at("b"): 1.0},
        at("x"): {},
    }
    assert tree.recursive() == {at("a")}


def test_the_outermost_function_that_is_entered_often_is_the_root() -> None:
    tree = tree_of(m_a_b=90, m_c=10)
    assert chosen(tree, {"m": 0, "a": 1000, "b": 100_000}, {"a": "b"}) == ["a"]


def test_a_function_entered_rarely_gives_way_to_what_it_calls() -> None:
    tree = tree_of(m_a_b=90, m_c=10)
    assert chosen(tree, {"m": 0, "a": 2, "b": 5000, "c": 3}, {"a": "b"}) == ["b"]


def test_short_calls_are_roots_only_where_nothing_longer_is() -> None:
    tree = tree_of(m_a_b=50, m_d=50)
    rates = {"a": 1000, "b": 50_000_000, "d": 10_000_000}
    assert chosen(tree, rates, {"a": "b"}) == ["a", "d"]


def test_what_is_reached_through_a_pointer_is_a_root_of_its_own() -> None:
    tree = tree_of(m_a_b=90, m_a=10)
    assert chosen(tree, {"a": 1000, "b": 1000}, {}) == ["b", "a"]


def test_a_caller_whose_region_is_thin_leaves_the_time_to_what_it_calls() -> None:
    tree = tree_of(m_a_b_c=96, m_a=2, m_a_b=2)
    assert chosen(tree, {"a": 1000, "b": 1000, "c": 9000}, {"a": "b"}) == ["c"]
    assert chosen(tree, {"a": 1000, "b": 1000, "c": 9000}, {"b": "c"}) == ["b"]


def test_regions_that_had_their_turn_are_not_chosen_again() -> None:
    tree = tree_of(m_a_b=50, m_c=50)
    assert chosen(tree, {"a": 100, "b": 1000, "c": 100}, {"a": "b"}, ["a"]) == ["c"]


def test_a_small_root_leaves_its_time_to_its_callees() -> None:
    # a is on few paths of its own once x has taken most; b is large in all.
    tree = tree_of(m_x_b=50, m_a_b=4, m_c_b=46)
    rates = {"x": 3000, "a": 3000, "b": 10_000}
    assert sorted(chosen(tree, rates, {"x": "b", "a": "b"})) == ["b", "x"]


def test_a_rare_caller_is_no_root_when_a_region_is_most_of_it() -> None:
    # x is seldom entered; b, which is most of what it does, often enough for quick trials.
    tree = tree_of(m_x_b=50, m_c_b=40, m_x=10)
    assert chosen(tree, {"x": 50, "b": 1000}, {"x": "b"}) == ["b"]


def test_a_passable_caller_is_the_root_when_it_holds_much_more_than_those_inside() -> None:
    tree = tree_of(m_x_b=10, m_x_c=10, m_x=80)
    assert chosen(tree, {"x": 300, "b": 1000, "c": 2000}, {"x": "bc"}) == ["x"]
    tree = tree_of(m_x_b=30, m_x_c=30, m_x=40)
    assert chosen(tree, {"x": 300, "b": 1000, "c": 2000}, {"x": "bc"}) == ["b", "c"]


def test_candidates_are_possible_hot_and_uncovered() -> None:
    tree = tree_of(m_a_b=60, m_c=38, m_d=2)
    found = candidates(tree, lambda place: place.name != "m", {at("c"): {"c"}}, LIMITS)
    assert found == [at("a"), at("b")]


def test_an_empty_profile_chooses_nothing() -> None:
    assert candidates(CallTree(), lambda place: True, {}, LIMITS) == []
    assert choose(CallTree(), {}, 1.0, lambda place: (), {}, LIMITS) == []


def test_ns_per_call_is_processor_time_by_entries() -> None:
    tree = tree_of(m_a=50, m_c=50)
    (region,) = choose(tree, {at("a"): 1000.0}, 0.8, reach_of({}), {}, LIMITS)
    assert region.ns_per_call == 0.5 * 0.8 * 1e9 / 1000


def test_decay_forgets() -> None:
    tree = tree_of(m_a=100, m_b=1)
    tree.decay(0.04)
    assert tree.shares() == {at("m"): 1.0, at("a"): 1.0}
    assert abs(tree.total - 4.0) < 1e-9


def image() -> Image:
    return Image(1, "/p", b"", 0, 0x1000, 0x2000, 0, 8, 0, True, bytes(16))


def frames_of(entries: dict[str, int]) -> FrameMap:
    from halojit.model.symbols import KIND_SHIFT, ROW, Kind

    rows = [
        ROW.pack(5, Kind.PATCHABLE << KIND_SHIFT | number, 0, address)
        for number, address in enumerate(entries.values())
    ]
    functions = [
        Function(name, ((5, number),), (), False, "", 1) for number, name in enumerate(entries)
    ]
    frames = FrameMap()
    table = SymbolTable(b"".join(rows))
    frames.add_image(image(), functions, table)
    return frames


def test_frames_are_starts_of_functions() -> None:
    frames = frames_of({"a": 0x1100, "b": 0x1200})
    frames.see([0x1100, 0x1250])
    assert frames.find(0x1100) == at("a")
    assert frames.find(0x1250) is None
    assert frames.find(0x9000) is None


def test_without_unwind_tables_the_nearest_function_below_is_meant() -> None:
    frames = frames_of({"a": 0x1100, "b": 0x1200})
    frames.see([0x1250, 0x1150])
    assert frames.find(0x1250) == at("b")
    assert frames.find(0x1150) == at("a")
    assert frames.find(0x1050) is None


def test_variants_belong_to_their_root() -> None:
    frames = frames_of({"a": 0x1100})
    frames.add_variant(at("a"), [(0x8000, 0x100), (0x7000, 0x10)])
    assert frames.find(0x8050) == at("a")
    assert frames.find(0x7010) is None
    frames.drop_image(1)
    assert frames.find(0x8050) is None
