"""A sandbox that kernels take for the live service, and kernels of both generations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import kernels

from kling_core import Sandbox


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    """What the kernels take for Kling."""
    with Sandbox(quality="test", speed=5000, limit=1000) as sandbox:
        yield sandbox


@pytest.fixture
def kernel(running) -> Iterator[kernels.Kernel]:
    """A kernel with the extension; what a test leaves running has ended before the next one."""
    yield running
    running.outputs(kernels.SETTLE)


@pytest.fixture(scope="module", params=["7", kernels.OLD])
def running(request, service, tmp_path_factory) -> Iterator[kernels.Kernel]:
    """One kernel for a module: of the new ipykernel in one run of its tests, then of the old."""
    path = kernels.old_ipykernel() if request.param == kernels.OLD else None
    folder = tmp_path_factory.mktemp("kernel")
    with kernels.kernel(folder, sandbox=service, path=path) as made:
        version = made.value("__import__('ipykernel').__version__")
        assert version.startswith(f"'{request.param}")
        assert made.outputs("%load_ext kling_jupyter") == []
        assert made.outputs(kernels.FAST) == []
        yield made
