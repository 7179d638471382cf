"""What users of other C++ interpreters have reported, each as its own test: here it works.

The numbers are those of the reports: llvm/llvm-project, compiler-research/xeus-cpp,
jupyter-xeus/xeus, jupyter-xeus/xeus-cling, root-project/cling.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run
from harness.notebook import Frontend, frontend, installed_kernels
from harness.processes import no_hang
from harness.tools import Tools

from halojit.repl.outcome import Value
from halojit.repl.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    with no_hang(120), Session(("-std=c++20",)) as session:
        yield session


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed_kernels(tmp_path_factory.mktemp("jupyter")):
        yield


@pytest.fixture
def notebook(kernels: None) -> Iterator[Frontend]:
    with frontend() as notebook:
        yield notebook


def value(session: Session, source: str) -> Value | None:
    outcome = session.run(source)
    assert outcome.is_kept, outcome
    return outcome.value


def repl(tools: Tools, *inputs: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tools.halo_repl), *inputs], input=stdin, capture_output=True, text=True, timeout=120
    )


def test_llvm_165990_a_value_is_shown_out_of_process(tools: Tools) -> None:
    assert repl(tools, stdin="1\n").stdout == "(int) 1\n"


def test_llvm_166120_cin_and_cout_work_out_of_process(tools: Tools) -> None:
    done = repl(
        tools,
        "#include <iostream>",
        "std::string myname;",
        "std::cin >> myname;",
        'std::cout << "Your name is " << myname;',
        stdin="Anutosh\n",
    )
    assert (done.stdout, done.stderr, done.returncode) == ("Your name is Anutosh", "", 0)


def test_llvm_190625_a_promise_finds_its_thread_locals(session: Session, tmp_path: Path) -> None:
    source = tmp_path / "issue.cpp"
    source.write_text(
        "#include <future>\nint issue() { std::promise<int> ready; ready.set_value(7);"
        " return ready.get_future().get(); }\n"
    )
    run(session, f'#include "{source}"')
    assert value(session, "issue()") == Value("int", "7")


@pytest.mark.parametrize("source", ["namespace v1 {\n    int x = }", "{\n    int x = }"])
def test_llvm_206808_an_error_within_braces_ends(tools: Tools, source: str) -> None:
    with no_hang(60):
        done = repl(tools, source, "1 + 1")
    assert "error: expected expression" in done.stderr
    assert (done.stdout, done.returncode) == ("(int) 2\n", 1)


def test_llvm_55972_what_failed_may_be_declared_again(session: Session) -> None:
    run(session, "int first = 1;")
    assert session.run("int x = no_such_name;").failure is not None
    assert session.run("int get() { return no_such_name; }").failure is not None
    run(session, "int x = 4;", "int get() { return x; }")
    assert value(session, "get()") == Value("int", "4")


def test_xeus_cpp_254_a_throw_is_told_and_the_notebook_goes_on(notebook: Frontend) -> None:
    assert notebook.run("int x = 3;").content["status"] == "ok"
    assert notebook.run("throw 1;").content["ename"] == "int"
    # The same with a slip, after which clang-repl ended.
    reply = notebook.run("try { throw 1; } catch { 0; }")
    assert reply.content["ename"] == "CompileError"
    assert "expected '('" in reply.stream("stderr")
    assert notebook.run("try { throw 1; } catch (int n) { x = n; }").content["status"] == "ok"
    assert notebook.run("x").values == ["(int) 1"]


def test_xeus_262_the_kernel_itself_handles_an_interrupt_request(notebook: Frontend) -> None:
    assert notebook.run("#include <iostream>\nint x = 7;").content["status"] == "ok"

    def interrupt(printed: str) -> None:
        session = notebook.client.session
        request = session.msg("interrupt_request")
        notebook.client.control_channel.send(request)
        notebook.client.get_control_msg(timeout=60)

    reply = notebook.run('x = 8; std::cout << "on" << std::endl; for (;;) ++x;', None, interrupt)
    assert reply.content["ename"] == "KeyboardInterrupt"
    assert notebook.run("x").values == ["(int) 7"]


def test_xeus_cling_91_a_cell_may_be_changed_and_run_again(notebook: Frontend) -> None:
    for factor in (2, 2, 3):
        cell = f"int seven = 7;\nint times(int n) {{ return {factor} * n; }}"
        assert notebook.run(cell).content["status"] == "ok"
        assert notebook.run("times(seven)").values == [f"(int) {factor * 7}"]


@pytest.mark.parametrize(
    "cell",
    [
        "auto i = 3;\nint foo() { return i; }",
        "int foo() { return 1 + bar(); }",
        "#include <vector>\nusing namespace std;\n"
        "vector<int> f() {\n    return vector<int>(3);\n}\nint foo() { return f().size(); }",
    ],
)
def test_xeus_cling_40_functions_may_stand_anywhere(notebook: Frontend, cell: str) -> None:
    assert (
        notebook.run("int bar() { return 2; }\nint other() { return 0; }").content["status"] == "ok"
    )
    assert notebook.run(cell).content["status"] == "ok"
    assert notebook.run("foo()").values == ["(int) 3"]


def test_xeus_cling_87_a_library_of_ones_own_is_used(
    notebook: Frontend, tools: Tools, tmp_path: Path
) -> None:
    (tmp_path / "answers.h").write_text("int answer();\n")
    source = tmp_path / "answers.cpp"
    source.write_text("int answer() { return 42; }\n")
    library = tmp_path / "libanswers.so"
    subprocess.run([tools.clangxx, "-shared", "-fPIC", source, "-o", library], check=True)
    for cell in (
        f'#pragma halo include_path("{tmp_path}")\n#pragma halo library_path("{tmp_path}")',
        "%lib answers",
        "#include <answers.h>",
    ):
        reply = notebook.run(cell)
        assert reply.content["status"] == "ok", reply
    assert notebook.run("answer()").values == ["(int) 42"]


def test_cling_259_functions_variables_and_signatures_are_shadowed(session: Session) -> None:
    run(session, "double foo(double a)\n{\n    return a * a;\n}", "double x = foo(7.);")
    run(session, "double foo(double a)\n{\n    return a * a * a;\n}")
    assert value(session, "foo(2.)") == Value("double", "8.0")
    assert value(session, "x") == Value("double", "49.0")
    run(session, "int foo(int a)\n{\n    return a * a * a;\n}", 'const char *x = "text";')
    assert value(session, "foo(3)") == Value("int", "27")
    assert value(session, "x") == Value("const char *", '"text"')
