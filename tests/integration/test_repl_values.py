"""What a trailing expression shows, for the kinds of values that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from harness.inputs import run_clean, value

from halojit.repl.outcome import Value
from halojit.repl.session import Session

PREPARED = """
#include <any>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <stack>
#include <string>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <valarray>
#include <vector>
struct P { std::string name; std::vector<int> v; std::optional<std::string> o; };
P p{"n", {1, 2}, "o"};
P ps[2] = {p, p};
int n = 3, numbers[2] = {1, 2};
char seven = 7;
auto shared = std::make_shared<int>(7);
std::weak_ptr<int> weak = shared;
struct M { int a; int b; void f() {} virtual void g() {} };
union U { int i; char b[4]; };
struct Bits { unsigned a : 3; int b : 5; bool c : 1; enum E { X, Y } e : 2; };
struct Anonymous { int a; struct { int b; }; union { int d; unsigned e; }; };
struct V { int v = 1; virtual ~V() {} };
struct VB : virtual V { int w = 2; };
struct VC : virtual V { int q = 3; };
struct VD : VB, VC { int z = 4; } vd;
VB &partly = vd;
struct Incomplete;
struct Node { int v; Node *next; };
Node second{2, nullptr}, first{1, &second};
struct Ring { int v; std::shared_ptr<Ring> next; };
auto ring = std::make_shared<Ring>(Ring{1, nullptr});
ring->next = ring;
struct Held { union { std::string s; int i; }; Held() : i(3) {} ~Held() {} } held;
struct Base { std::string text = "base"; };
struct Derived : Base { int d = 1; };
int plain(int x) { return x; }
namespace listed {
struct List {};
const int *begin(const List &) { return numbers; }
const int *end(const List &) { return numbers + 2; }
}
struct Named { using container_type = int; int d = 4; };
struct Last final { using container_type = int; int c = 5; };
std::filesystem::directory_iterator files("/");
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(("-std=c++20",)) as session:
        outcome = session.run(PREPARED)
        assert outcome.is_kept and not outcome.exception, outcome
        yield session


MEMBERS = '{ .name = "n", .v = { 1, 2 }, .o = "o" }'
ADDRESS = "0x[0-9a-f]+"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("p", MEMBERS),
        ("ps", f"{{ {MEMBERS}, {MEMBERS} }}"),
        ("std::vector<P>{p}", f"{{ {MEMBERS} }}"),
        ('std::map<std::string, P>{{"k", p}}', f'{{ "k": {MEMBERS} }}'),
        ("std::optional<P>(p)", MEMBERS),
        ("std::array<P, 1>{p}", f"{{ {MEMBERS} }}"),
        ("std::span<P>(ps, 1)", f"{{ {MEMBERS} }}"),
        ("Derived()", '{ Base { .text = "base" }, .d = 1 }'),
        ("std::span<int>(numbers)", "{ 1, 2 }"),
        ("std::shared_ptr<int>()", "nullptr"),
        ("std::weak_ptr<int>()", "expired"),
        (
            'std::string("a\\xffz\\xc3\\xa9\\xe2\\x82")',
            '"a\\xffz\N{LATIN SMALL LETTER E WITH ACUTE}\\xe2\\x82"',
        ),
        ("*(bool *)&seven", "true"),
        (
            "std::chrono::system_clock::time_point(std::chrono::milliseconds(1500))",
            "1970-01-01 00:00:01.500000000 UTC",
        ),
        (
            "std::chrono::steady_clock::time_point(std::chrono::seconds(3))",
            "3000000000 ns since the epoch",
        ),
        ("std::bitset<10>(37)", "0000100101"),
        ('std::filesystem::path("/tmp/x y")', '"/tmp/x y"'),
        ("std::any()", "empty"),
        ("std::any(5)", "(int)"),
        ("std::error_code(2, std::generic_category())", "generic:2 (No such file or directory)"),
        ("std::function<int(int)>()", "empty"),
        ("std::function<int(int)>(plain)", "(int (*)(int))"),
        ('[=, s = std::string("z")] { return numbers[0]; }', '{ .s = "z" }'),
        ("[](int) {}", "{}"),
        ("&M::b", "offset 12"),
        ("(int M::*)nullptr", "nullptr"),
        ("(void (M::*)())nullptr", "nullptr"),
        ("&M::g", "virtual"),
        ("(unsigned __int128)1 << 127", str(1 << 127)),
        ('u8"\\u00fc"', 'u8"\N{LATIN SMALL LETTER U WITH DIAERESIS}"'),
        ('u"\\U0001F600"', 'u"\N{GRINNING FACE}"'),
        ('U"\\U0001F600"', 'U"\N{GRINNING FACE}"'),
        ('L"wide"', 'L"wide"'),
        ('(const wchar_t *)L"wide"', 'L"wide"'),
        ('std::wstring(L"w\\u00fc\\n")', 'L"w\N{LATIN SMALL LETTER U WITH DIAERESIS}\\n"'),
        ('std::u16string(u"\\U0001F600")', 'u"\N{GRINNING FACE}"'),
        ("std::u16string(1, (char16_t)0xd800)", 'u"\\xd800"'),
        ("U{1}", '{ .i = 1, .b = "\\x01" }'),
        (
            "Bits{5, -3, true, Bits::Y}",
            "{ .a = 5, .b = -3, .c = true, .e = (Bits::Y) : unsigned int 1 }",
        ),
        ("Anonymous{1, {2}, {4}}", "{ .a = 1, { .b = 2 }, { .d = 4, .e = 4 } }"),
        ("vd", "{ VB { .w = 2 }, VC { .q = 3 }, .z = 4, V { .v = 1 } }"),
        ("partly", "{ .w = 2, V { .v = 1 } }"),
        ("(Incomplete *)16", "0x10"),
        ("*(Incomplete *)16", "@0x10"),
        ("(char *)8", "0x8"),
        ("(const char16_t *)8", "0x8"),
        ("*(int *)8", "<cannot read 0x8>"),
        ("std::atomic<int>(4)", "4"),
        ("std::ref(n)", "3"),
        ("std::system_error(std::error_code()).code()", "system:0 (Success)"),
        ("typeid(int)", "(int)"),
        ("n > 2", "true"),
        ("std::stack<P>({p})", f"{{ {MEMBERS} }}"),
        ("std::queue<int>({1, 2})", "{ 1, 2 }"),
        ("std::priority_queue<int>(numbers, numbers + 2)", "{ 2, 1 }"),
        ("std::valarray<int>(numbers, 2)", "{ 1, 2 }"),
        ("listed::List{}", "{ 1, 2 }"),
        ("Named{}", "{ .d = 4 }"),
        ("Last{}", "{ .c = 5 }"),
    ],
)
def test_values(session: Session, source: str, text: str) -> None:
    outcome = session.run(source)
    assert outcome.value is not None and not outcome.diagnostics, outcome
    assert outcome.value.text == text


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("std::make_unique<int>(5)", f"{ADDRESS} -> 5"),
        ("std::unique_ptr<int[]>(new int[3])", ADDRESS),
        ("weak", f"{ADDRESS} -> 7"),
        ("std::make_unique<P>(p)", f"{ADDRESS} -> {re.escape(MEMBERS)}"),
        ("first", rf"{{ \.v = 1, \.next = {ADDRESS} }}"),
        ("&M::f", f"Function @{ADDRESS}"),
        ("*ring", rf"{{ \.v = 1, \.next = {ADDRESS} -> {{ \.v = 1, .*\.\.\..* }} }}"),
        # A member of a union that is not the one in use is not called.
        ("held", r"{ { \.s = { .* }, \.i = 3 } }"),
    ],
)
def test_values_with_addresses(session: Session, source: str, pattern: str) -> None:
    outcome = session.run(source)
    assert outcome.value is not None, outcome
    assert re.fullmatch(pattern, outcome.value.text), outcome.value.text


def test_hooks_of_classes_that_were_shown_before() -> None:
    with Session() as session:
        run_clean(session, "#include <ostream>", "#include <string>", "#include <vector>")
        run_clean(session, "namespace n { struct Q { int a; }; struct R { Q q; }; }")
        run_clean(session, "n::Q q{5}; n::R r{{6}}; std::vector<n::Q> all{{7}, {8}};")
        plain = ["{ .a = 5 }", "{ .q = { .a = 6 } }", "{ { .a = 7 }, { .a = 8 } }"]
        assert [value(session, each) for each in ("q", "r", "all")] == plain
        stream = "auto &operator<<(std::ostream &to, const Q &q) { return to << 'Q' << q.a; }"
        run_clean(session, f"namespace n {{ {stream} }}")
        streamed = ["Q5", "{ .q = Q6 }", "{ Q7, Q8 }"]
        assert [value(session, each) for each in ("q", "r", "all")] == streamed
        hook = 'std::string halo_show(const Q &q) { return "<" + std::to_string(q.a) + ">"; }'
        run_clean(session, f"namespace n {{ {hook} }}")
        hooked = ["<5>", "{ .q = <6> }", "{ <7>, <8> }"]
        assert [value(session, each) for each in ("q", "r", "all")] == hooked
        session.undo(4)
        assert [value(session, each) for each in ("q", "r", "all")] == streamed


def test_types_are_spelled_as_people_do(session: Session) -> None:
    for source, type in (
        ("std::make_unique<int>(5)", "std::unique_ptr<int>"),
        ("shared", "std::shared_ptr<int>"),
        ("*shared", "int"),
        ("p.name", "std::string"),
    ):
        shown = session.run(source).value
        assert shown is not None and shown.type == type


def test_exceptions_after_functions_that_were_there_already() -> None:
    """The linker leaves out what there is, and its unwind information with it."""
    with Session(("-xc++",)) as session:  # without the header cache
        session.run("#include <stdexcept>\n#include <string>\n#include <vector>")
        session.run('struct P { std::string a; } p{"x"};')
        for source in ("p", "std::vector<P>{p}", "p.a + p.a"):
            assert session.run(source).value
            outcome = session.run('throw std::runtime_error("no");')
            assert outcome.exception and outcome.exception.what == "no", outcome


def test_values_at_the_end_of_memory() -> None:
    with Session() as session:
        session.run("#include <sys/mman.h>\n#include <unistd.h>\nstruct Pair { int a, b; };")
        session.run(
            "long page = sysconf(_SC_PAGESIZE);"
            "char *at = (char *)mmap(0, 3 * page, PROT_READ | PROT_WRITE,"
            "                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);"
        )
        session.run("munmap(at + 2 * page, page);")
        for offset in ("page - 4", "2 * page - 4"):
            outcome = session.run(f"*(int *)(at + {offset}) = 7; *(int *)(at + {offset})")
            assert outcome.value == Value("int", "7")
        outcome = session.run("using Numbers = int[40]; *(Numbers *)(at + page - 80)")
        assert outcome.value and outcome.value.text.startswith("{ 0, ")
        assert outcome.value.text.count("7") == 1
        outcome = session.run("using Both = int[2]; *(Both *)(at + 2 * page - 4)")
        assert outcome.value and outcome.value.text.startswith("<cannot read ")
