"""The real CUDA runtimes of JetPack 6 and 7 have every function that is used, and fail without a GPU as we expect."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bindings import cuda_runtime

from agent.detect.trt.cudart import Cudart, gpu_name, load_cudart, runtime_version
from agent.detect.trt.memory import RuntimeMemory
from agent.errors import ModelError

pytestmark = pytest.mark.registry

RUNTIMES = {
    "12.6": ("nvidia-cuda-runtime-cu12", "12.6.77", "libcudart.so.12"),
    "13.0": ("nvidia-cuda-runtime", "13.0.96", "libcudart.so.13"),
}


@pytest.fixture(params=RUNTIMES)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cudart(version: str) -> Cudart:
    library = load_cudart([str(cuda_runtime(*RUNTIMES[version]))])
    assert library is not None
    return library


def test_every_function_is_there_and_the_version_is_told(version: str, cudart: Cudart) -> None:
    used = {name for name in vars(Cudart) if name.startswith("cuda")}
    assert len(used) > 10
    assert all(hasattr(cudart, name) for name in used)
    assert runtime_version(cudart) == version
    assert b"invalid argument" in cudart.cudaGetErrorString(1)


@pytest.mark.skipif(any(Path("/dev").glob("nvidia*")), reason="there is a GPU here")
def test_without_a_gpu_every_call_is_a_told_error(cudart: Cudart) -> None:
    assert gpu_name(cudart) == ""
    memory = RuntimeMemory(cudart, "street")
    for call in (lambda: memory.block(4096), memory.stream, memory.event):
        with pytest.raises(ModelError, match=r"the GPU cannot .*: CUDA error \d+, .*(driver|device)"):
            call()
    memory.close()
