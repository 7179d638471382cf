"""jupyter_kernel_test, Jupyter's own suite for kernels, against the C++20 kernel."""

from __future__ import annotations

from collections.abc import Iterator

import jupyter_kernel_test
import pytest
from harness.notebook import installed_kernels


@pytest.fixture(scope="module", autouse=True)
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed_kernels(tmp_path_factory.mktemp("jupyter")):
        yield


class TestHaloKernel(jupyter_kernel_test.KernelTests):
    """What has no sample here (history, pages, rich display) the kernel does not offer."""

    kernel_name = "halo-cpp20"
    language_name = "c++"
    file_extension = ".cpp"
    code_hello_world = '#include <cstdio>\nstd::puts("hello, world");'
    code_stderr = '#include <iostream>\nstd::cerr << "oops\\n";'
    completion_samples = [  # noqa: RUF012
        {"text": "int halo_first, halo_second; halo_f", "matches": {"halo_first"}},
        {"text": "%checkpoints", "matches": {"%checkpoints"}},
    ]
    complete_code_samples = ["1 + 2", "int f() { return 1; }", "%help"]  # noqa: RUF012
    incomplete_code_samples = ["int f() {", "1 +", 'R"(abc', "/* no end"]  # noqa: RUF012
    invalid_code_samples = ["int a = no_such"]  # noqa: RUF012
    code_generate_error = "__builtin_trap();"
    code_execute_result = [{"code": "6*7", "result": "(int) 42"}]  # noqa: RUF012
    code_inspect_sample = "printf"
