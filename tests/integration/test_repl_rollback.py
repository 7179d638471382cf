"""What a rollback restores and what it cannot: each line of docs/repl-rollback.md.

A test's docstring is the line that it is for.
"""

from __future__ import annotations

import ast
import fcntl
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.inputs import run, value
from harness.processes import no_hang, wait_until
from harness.tools import Tools

from halojit.repl.outcome import Outcome
from halojit.repl.session import Session

PAGE = Path(__file__).parents[2] / "docs" / "repl-rollback.md"
HEADERS = """
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with no_hang(120), Session(("-std=c++20",)) as session:
        run(session, HEADERS, f'const char *place = "{tmp_path}/file";')
        yield session


def fails(session: Session, source: str) -> Outcome:
    """Runs an input that crashes once it has done something."""
    outcome = session.run(source + "\n__builtin_trap();")
    assert outcome.failure is not None and "SIGILL" in outcome.failure.text, outcome
    return outcome


def test_variables(session: Session) -> None:
    """Variables, the heap, what libraries keep in memory: all private memory"""
    run(session, 'int x = 1; int *heap = new int(2); srand(7); setenv("HALO_TEST", "3", 1);')
    expected = value(session, "rand()")
    session.undo()
    fails(
        session, 'x = -1; *heap = -1; delete heap; heap = nullptr; rand(); unsetenv("HALO_TEST");'
    )
    assert value(session, "x") == "1"
    assert value(session, "*heap") == "2"
    assert value(session, "rand()") == expected
    assert value(session, 'getenv("HALO_TEST")') == '"3"'


def test_declarations(session: Session) -> None:
    """Declarations: variables, functions, types, templates, macros, `using`, `#include`"""
    run(session, "int f() { return 1; }", "#define SIZE 4")
    fails(
        session,
        "int half; struct Half {}; template <class T> T half_of(T x) { return x / 2; }\n"
        "int f() { return 2; }\nusing Number = int;\n#define HALF 1\n#undef SIZE\n#define SIZE 5\n"
        "#include <scoped_allocator>\n",
    )
    for name in (
        "half",
        "Half()",
        "half_of(2)",
        "Number(1)",
        "HALF",
        "sizeof(std::scoped_allocator_adaptor<std::allocator<int>>)",
    ):
        assert session.run(name).failure is not None, name
    assert value(session, "f() + SIZE") == "5"


def test_descriptors(session: Session) -> None:
    """Descriptors: what was closed is open again, what was opened is closed"""
    run(session, "int fd = open(place, O_CREAT | O_RDWR, 0600), second;")
    fails(session, "close(fd); second = open(place, O_RDONLY); dup2(second, 99); close(1);")
    assert value(session, "fcntl(fd, F_GETFD) >= 0") == "true"
    assert value(session, "fcntl(1, F_GETFD) >= 0") == "true"
    assert value(session, "fcntl(99, F_GETFD)") == "-1"


def test_offsets(session: Session, tmp_path: Path) -> None:
    """How far regular files have been read and written, by descriptors and by streams"""
    (tmp_path / "file").write_text("".join(f"line {i}\n" for i in range(5)))
    run(session, 'int fd = open(place, O_RDWR); FILE *file = fopen(place, "r"); char line[20];')
    run(session, "read(fd, line, 7); fgets(line, sizeof line, file);")
    fails(session, "read(fd, line, 7); while (fgets(line, sizeof line, file));")
    assert value(session, "lseek(fd, 0, SEEK_CUR)") == "7"
    assert value(session, "fgets(line, sizeof line, file)") == '"line 1\\n"'
    run(session, "fclose(file);")


def test_directory_and_mask(session: Session, tmp_path: Path) -> None:
    """The working directory and the file mode mask"""
    run(session, f'chdir("{tmp_path}"); umask(027);')
    fails(session, 'chdir("/"); umask(0);')
    assert value(session, "getcwd(nullptr, 0)") == f'"{tmp_path}"'
    assert value(session, "umask(0)") == str(0o27)


def test_signals(session: Session) -> None:
    """Handlers of signals, and which are blocked"""
    run(session, "int seen = 0; void note(int) { ++seen; } sigset_t one, now;")
    run(session, "sigemptyset(&one); sigaddset(&one, SIGUSR2); sigprocmask(SIG_BLOCK, &one, 0);")
    run(session, "signal(SIGUSR1, note);")
    fails(session, "signal(SIGUSR1, SIG_DFL); sigfillset(&one); sigprocmask(SIG_SETMASK, &one, 0);")
    run(session, "raise(SIGUSR1); sigprocmask(SIG_BLOCK, nullptr, &now);")
    assert value(session, "seen") == "1"
    assert value(session, "sigismember(&now, SIGUSR2)") == "1"
    assert value(session, "sigismember(&now, SIGUSR1)") == "0"


def test_limits(session: Session) -> None:
    """Limits on resources"""
    run(session, "rlimit lower{100, 100}, now;")
    fails(session, "setrlimit(RLIMIT_NOFILE, &lower);")
    run(session, "getrlimit(RLIMIT_NOFILE, &now);")
    assert value(session, "now.rlim_max > 100") == "true"


def test_buffers(tools: Tools) -> None:
    """Buffers of `stdio`: written before a state is kept, so nothing is printed twice or lost"""
    inputs = ["#include <cstdio>", 'printf("a");', 'printf("b"); __builtin_trap();', 'puts("c");']
    done = subprocess.run(
        [str(tools.halo_repl), *inputs], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "ac\n"


def test_file_contents(session: Session, tmp_path: Path) -> None:
    """What files contain, which files there are, what they are called"""
    run(session, "int fd = open(place, O_CREAT | O_RDWR, 0600);")
    fails(session, 'write(fd, "half", 4);')
    assert (tmp_path / "file").read_text() == "half"
    run(session, 'write(fd, "HA", 2);')  # where the offset is again
    assert (tmp_path / "file").read_text() == "HAlf"


def test_pipes(session: Session) -> None:
    """What was read from and written to pipes, sockets and terminals"""
    run(session, 'int ends[2]; char c; pipe(ends); write(ends[1], "abc", 3);')
    fails(session, "read(ends[0], &c, 1);")
    run(session, "read(ends[0], &c, 1);")
    assert value(session, "c") == "'b'"


def test_shared_memory(session: Session) -> None:
    """Memory that is mapped MAP_SHARED"""
    run(
        session,
        "int *shared = (int *)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,"
        " -1, 0);",
        "*shared = 1;",
    )
    fails(session, "*shared = 2;")
    assert value(session, "*shared") == "2"


def test_children(session: Session, tmp_path: Path) -> None:
    """Child processes: they live on, and are nobody's children"""
    told = tmp_path / "file"
    run(session, "FILE *file;")
    fails(
        session,
        "if (pid_t child = fork()) {\n"
        '  file = fopen(place, "w"); fprintf(file, "%d\\n", child); fclose(file);\n'
        "} else for (;;) pause();",
    )
    wait_until(lambda: told.exists() and told.read_text().endswith("\n"), "the child's number")
    child = int(told.read_text())
    os.kill(child, 0)
    assert value(session, "wait(nullptr)") == "-1"
    os.kill(child, signal.SIGKILL)


def test_timers(session: Session) -> None:
    """Timers: none is set after a rollback"""
    run(session, "alarm(1000);")
    fails(session, "")
    assert value(session, "alarm(0)") == "0"


def test_locks(session: Session, tmp_path: Path) -> None:
    """Locks of files by `fcntl`: they are given up (those by `flock` stay as they are)"""
    run(session, "int fd = open(place, O_CREAT | O_RDWR, 0600); struct flock all{};")
    run(session, "all.l_type = F_WRLCK; fcntl(fd, F_SETLK, &all);")
    with (tmp_path / "file").open("r+") as file:
        with pytest.raises(BlockingIOError):
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fails(session, "")
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_UN)
        run(session, "flock(fd, LOCK_EX);")
        fails(session, "flock(fd, LOCK_UN);")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_flags(session: Session) -> None:
    """Flags of open files, as O_APPEND and O_NONBLOCK"""
    run(session, "int fd = open(place, O_CREAT | O_RDWR, 0600);")
    fails(session, "fcntl(fd, F_SETFL, O_APPEND);")
    assert value(session, "fcntl(fd, F_GETFL) & O_APPEND") == str(os.O_APPEND)


def test_numbers(session: Session) -> None:
    """The process's number"""
    before = value(session, "getpid()")
    fails(session, "")
    assert value(session, "getpid()") != before


def test_threads(session: Session) -> None:
    """Threads: no state is kept while others run; a crash takes back, and lists, what came since"""
    run(session, "#include <thread>", "int x = 1;")
    run(session, "std::thread([] { for (;;) pause(); }).detach();", "x = 2;")
    outcome = fails(session, "x = 3;")
    assert outcome.lost == ("std::thread([] { for (;;) pause(); }).detach();", "x = 2;")
    assert value(session, "x") == "1"


def test_every_line_has_its_test() -> None:
    lines = set(re.findall(r"^- (.*)$", PAGE.read_text(), re.MULTILINE))
    functions = [
        each
        for each in ast.parse(Path(__file__).read_text()).body
        if isinstance(each, ast.FunctionDef)
    ]
    tested = {ast.get_docstring(each) for each in functions if each.name.startswith("test_")}
    assert lines == tested - {None}
