"""The Jupyter kernel: what cells do, and that none of them costs the notebook."""

from __future__ import annotations

import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from harness.notebook import Frontend, frontend, installed_kernels
from nbclient import NotebookClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module", autouse=True)
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed_kernels(tmp_path_factory.mktemp("jupyter")):
        yield


@pytest.fixture
def notebook() -> Iterator[Frontend]:
    with frontend() as notebook:
        yield notebook


def run(notebook: Frontend, *cells: str) -> None:
    for cell in cells:
        reply = notebook.run(cell)
        assert reply.content["status"] == "ok", reply


def value(notebook: Frontend, expression: str) -> str:
    reply = notebook.run(expression)
    assert reply.content["status"] == "ok", reply
    return reply.values[0]


def test_a_crash_costs_its_cell_only(notebook: Frontend) -> None:
    run(notebook, "int x = 7;")
    reply = notebook.run("x = 8; *(volatile int *)0 = 1;")
    assert reply.content["status"] == "error"
    assert reply.content["ename"] == "SIGSEGV"
    assert any("as it was" in line for line in reply.content["traceback"])
    assert [kind for kind, _ in reply.messages] == ["error"]
    assert value(notebook, "x") == "(int) 7"


def test_an_exit_ends_its_cell_only(notebook: Frontend) -> None:
    run(notebook, "#include <cstdlib>\nint x = 7;")
    reply = notebook.run("x = 8; exit(3);")
    assert reply.content["ename"] == "Exit"
    assert value(notebook, "x") == "(int) 7"


def test_an_interrupt_ends_the_cell_and_keeps_the_state(notebook: Frontend) -> None:
    run(notebook, "#include <iostream>\nint x = 7;")

    def interrupt(printed: str) -> None:
        assert printed == "endless\n"
        notebook.manager.interrupt_kernel()

    reply = notebook.run('x = 8; std::cout << "endless\\n"; for (;;) ++x;', None, interrupt)
    assert reply.content["ename"] == "KeyboardInterrupt"
    assert value(notebook, "x") == "(int) 7"


def test_impatience_changes_nothing(notebook: Frontend) -> None:
    run(notebook, "#include <iostream>\nint x = 7;")

    def interrupt(_: str) -> None:
        for _ in range(5):
            notebook.manager.interrupt_kernel()

    for _ in range(5):
        reply = notebook.run("x = 8; std::cout << 1 << std::endl; for (;;) ++x;", None, interrupt)
        assert reply.content["ename"] == "KeyboardInterrupt"
        assert value(notebook, "x") == "(int) 7"


def test_an_interrupt_between_cells_does_nothing(notebook: Frontend) -> None:
    run(notebook, "int x = 7;")
    notebook.manager.interrupt_kernel()
    assert value(notebook, "x") == "(int) 7"


def test_cin_asks_the_frontend(notebook: Frontend) -> None:
    run(notebook, "#include <iostream>\n#include <string>\nint a, b; std::string name;")
    reply = notebook.run(
        'std::cout << "numbers? "; std::cin >> a >> b; std::cout << "name? "; std::cin >> name;',
        ["5", "6", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"],
    )
    assert reply.content["status"] == "ok", reply
    # Between streams and requests, which come on two channels, there is no order to see here.
    assert reply.stream("stdout") == "numbers? name? "
    assert sum(kind == "input_request" for kind, _ in reply.messages) == 3
    assert value(notebook, "a * b") == "(int) 30"
    assert value(notebook, "name.size()").endswith("4")


def test_what_a_cell_starts_may_ask_too(notebook: Frontend) -> None:
    run(notebook, "#include <cstdlib>")
    reply = notebook.run('system("read line; echo got $line");', ["it"])
    assert reply.stream("stdout") == "got it\n"


def test_input_has_ended_where_there_is_nobody_to_ask(notebook: Frontend) -> None:
    run(notebook, "#include <cstdio>\n#include <iostream>\nint a = 3; bool has_read = true;")
    run(notebook, "has_read = bool(std::cin >> a);")
    assert value(notebook, "has_read") == "(bool) false"
    reply = notebook.run("std::cin >> a;", ["9"])
    assert reply.content["status"] == "ok", reply
    assert value(notebook, "a") == "(int) 9"
    run(notebook, "has_read = std::getchar() != EOF && std::getchar() != EOF;")
    assert value(notebook, "has_read") == "(bool) false"
    reply = notebook.run("a = std::getchar();", ["A"])
    assert value(notebook, "a") == "(int) 65"


def test_an_interrupt_reaches_a_cell_that_asks(notebook: Frontend) -> None:
    run(notebook, "#include <iostream>\nint a = 3;")
    reply = notebook.run("std::cin >> a;", [None])
    assert reply.content["ename"] == "KeyboardInterrupt"
    assert value(notebook, "a") == "(int) 3"


def test_a_prompt_comes_before_its_question(notebook: Frontend) -> None:
    run(notebook, "#include <cstdio>\nint n;")
    # What comes after the question is not seen of a cell that is interrupted there.
    for read in ('std::scanf("%d", &n);', "std::getchar();"):
        reply = notebook.run(f'std::printf("num? "); {read}', [None])
        assert reply.stream("stdout") == "num? "
    reply = notebook.run('std::printf("num? "); std::scanf("%d", &n);', ["7"])
    assert reply.stream("stdout") == "num? "
    assert value(notebook, "n") == "(int) 7"


def test_all_output_comes_in_order_and_before_the_value(notebook: Frontend) -> None:
    run(notebook, "#include <cstdio>")
    lines = 20_000
    reply = notebook.run(f'for (int i = 0; i < {lines}; ++i) std::printf("%d\\n", i);\n6 * 7')
    assert reply.stream("stdout") == "".join(f"{i}\n" for i in range(lines))
    assert reply.messages[-1][0] == "execute_result"
    assert reply.values == ["(int) 42"]


def test_a_cell_that_fails_has_printed_what_it_printed(notebook: Frontend) -> None:
    run(notebook, "#include <cstdio>")
    reply = notebook.run('std::puts("before"); __builtin_trap();')
    assert [kind for kind, _ in reply.messages] == ["stream", "error"]
    assert reply.stream("stdout") == "before\n"


def test_diagnostics_go_to_standard_error(notebook: Frontend) -> None:
    reply = notebook.run("no_such_name = 3;")
    assert "no_such_name" in reply.stream("stderr")
    assert reply.content["ename"] == "CompileError"


def test_an_uncaught_exception_keeps_what_the_cell_did(notebook: Frontend) -> None:
    run(notebook, "#include <stdexcept>\nint x = 1;")
    reply = notebook.run('x = 2; throw std::runtime_error("no");')
    assert (reply.content["ename"], reply.content["evalue"]) == ("std::runtime_error", "no")
    assert value(notebook, "x") == "(int) 2"


def test_two_kernels_do_not_disturb_one_another(notebook: Frontend) -> None:
    with frontend("halo-cpp23") as other:
        run(notebook, "int x = 1;")
        run(other, "int x = 2;")
        assert other.run("__builtin_trap();").content["status"] == "error"
        assert value(notebook, "x") == "(int) 1"
        assert value(other, "x") == "(int) 2"
        assert value(other, "__cplusplus / 100").endswith("2023")


def test_commands_work_in_cells(notebook: Frontend) -> None:
    run(notebook, "int x = 1;", "x = 2;")
    assert "took back 1 input" in notebook.run("%undo").stream("stdout")
    assert value(notebook, "x") == "(int) 1"
    assert notebook.run("%no_such").content["ename"] == "CommandError"
    run(notebook, "%restart")
    assert notebook.run("x").content["status"] == "error"


def test_a_frontend_may_ask_what_is_at_the_cursor(notebook: Frontend) -> None:
    run(notebook, "struct Point { int first; int twice(int n) const { return 2 * n; } } pt, *to;")
    run(notebook, "int éa, été_long; Point two[2]; int first;")

    def about(text: str) -> str | None:
        code, cursor = text.replace("|", ""), text.index("|")
        content = notebook.client.inspect(code, cursor, reply=True, timeout=60)["content"]
        assert content["found"] == bool(content["data"])
        description: str | None = content["data"].get("text/plain")
        return description

    assert about("1 + éa|") == "int éa\n"
    assert about("pt.fi|rst + 1") == about("to -> first|") == "int"
    assert about("pt.twice|(first)") == "int twice(int n) const\n"
    assert "Point pt" in (about("p|t.twice(first)") or "")
    assert about("pt.twice(first|)") == "int first\n"
    assert about("two[0].first|") is None
    content = notebook.client.complete("1 + ét", 6, reply=True, timeout=60)["content"]
    assert (content["matches"], content["cursor_start"]) == (["été_long"], 4)


def test_c_is_spoken() -> None:
    with frontend("halo-c") as notebook:
        run(notebook, "#include <stdio.h>\nint new = 3;")
        reply = notebook.run('printf("%d\\n", new); __builtin_trap();')
        assert reply.stream("stdout") == "3\n"


def test_nothing_is_left_of_a_kernel_that_was_shut_down(notebook: Frontend) -> None:
    run(notebook, "#include <unistd.h>")
    worker = int(value(notebook, "getpid()").rpartition(" ")[2])
    notebook.client.execute("for (;;) ;")
    while notebook.client.get_iopub_msg(timeout=60)["msg_type"] != "execute_input":
        pass
    notebook.manager.shutdown_kernel()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, signal.SIG_DFL)


def test_the_example_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    NotebookClient(notebook, timeout=60, kernel_name="halo-cpp20", allow_errors=False).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [each["ename"] for each in outputs if each["output_type"] == "error"] == ["SIGSEGV"]
    assert outputs[-1]["data"]["text/plain"].endswith("{ 1, 4, 9, 16 }")


def test_values_have_pictures(notebook: Frontend) -> None:
    run(
        notebook,
        """
#include <string>
#include <vector>
struct Form { std::string mime, data; };
struct Circle { int radius; };
Form halo_display(const Circle &c) {
  return {"image/svg+xml", "<svg><circle r='" + std::to_string(c.radius) + "'/></svg>"};
}
struct Raw { const char *mime; std::vector<unsigned char> data; };
struct Image {};
Raw halo_display(Image) { return {"image/png", {0x89, 'P', 'N', 'G', 0, 0xff}}; }
struct Formula {};
std::vector<Form> halo_display(const Formula &) {
  return {{"text/latex", "$x^2$"}, {"text/html", "<b>x</b>"}, {"text/markdown", "*x*"},
          {"application/json", "[1]"}};
}
""",
    )

    def shown(cell: str) -> dict[str, Any]:
        reply = notebook.run(cell)
        (content,) = [content for kind, content in reply.messages if kind == "execute_result"]
        data: dict[str, Any] = content["data"]
        return data

    assert shown("Circle{4}") == {
        "text/plain": "(Circle) { .radius = 4 }",
        "image/svg+xml": "<svg><circle r='4'/></svg>",
    }
    assert shown("Image()") == {
        "text/plain": "(Image) {}",
        "image/png": b64encode(b"\x89PNG\0\xff").decode(),
    }
    assert shown("Formula()") == {
        "text/plain": "(Formula) {}",
        "text/latex": "$x^2$",
        "text/html": "<b>x</b>",
        "text/markdown": "*x*",
        "application/json": [1],
    }
    assert shown("3") == {"text/plain": "(int) 3"}


def test_a_frontend_may_want_values_beside_a_cell(notebook: Frontend) -> None:
    run(notebook, "int x = 7; int next() { return ++x; }")
    reply = notebook.run("x = 8;", wanted={"x": "x", "next": "next()", "none": "no_such"})
    found = reply.content["user_expressions"]
    assert found["x"] == {"status": "ok", "data": {"text/plain": "(int) 8"}, "metadata": {}}
    assert found["next"]["status"] == found["none"]["status"] == "error"
    assert value(notebook, "x") == "(int) 8"
