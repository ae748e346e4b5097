"""What the code uses of TensorRT exists in every version that it is meant for; the fake offers nothing else."""

from __future__ import annotations

import ast
import ctypes
import inspect
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bindings import VERSIONS, offered, place, run
from support.nvidia import nvidia
from support.stub_library import write_stub

from agent.detect.trt import api, jetson_api

ROOT = Path(__file__).resolve().parents[2]

REAL = {
    "Tensor": "ITensor",
    "Network": "INetworkDefinition",
    "ParserError": "ParserError",
    "OnnxParser": "OnnxParser",
    "OptimizationProfile": "IOptimizationProfile",
    "TimingCache": "ITimingCache",
    "ProgressMonitor": "IProgressMonitor",
    "BuilderConfig": "IBuilderConfig",
    "Builder": "Builder",
    "ExecutionContext": "IExecutionContext",
    "CudaEngine": "ICudaEngine",
    "Runtime": "Runtime",
    "Logger": "ILogger",
    "HostMemory": "IHostMemory",
    "CreationFlags": "NetworkDefinitionCreationFlag",
    "MemoryPools": "MemoryPoolType",
    "IoModes": "TensorIOMode",
    "Dims": "Dims",
}
"""Our name of a type, and TensorRT's."""

NOT_CLASSES = {"Member", "TensorRt", "BuilderClass", "RuntimeClass", "ParserClass"}


def types() -> dict[str, type]:
    found = {name: thing for name, thing in vars(api).items() if getattr(thing, "__module__", "") == api.__name__}
    return {name: thing for name, thing in found.items() if name not in NOT_CLASSES}


def members(thing: type) -> dict[str, Any]:
    """A type's own members, by name; dunder methods are the language's business."""
    own = {**dict.fromkeys(vars(thing).get("__annotations__", {})), **vars(thing)}
    return {name: member for name, member in own.items() if not name.startswith("_")}


def parameters(doc: str, name: str) -> list[list[str]]:
    """The parameter names of each overload, as pybind11 writes them into a docstring."""
    found = re.findall(rf"(?:^|\d\. ){name}\((.*)\) ->", doc, re.M)
    return [re.findall(r"(?:^|, )(\w+):", words) for words in found]


def test_every_type_is_held_against_its_real_one() -> None:
    assert set(types()) == set(REAL)


def test_the_library_is_never_used_but_through_these_types() -> None:
    """mypy then refuses whatever is not in them."""
    for path in sorted((ROOT / "agent/detect/trt").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.arg) and node.arg == "trt":
                assert isinstance(node.annotation, ast.Name), path
                assert node.annotation.id == "TensorRt", path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "cast"):
                assert path.name in ("cudart.py", "memory.py"), f"{path}: {node.func.id}"


def test_what_is_used_of_jetson_utils_is_in_its_fake(tmp_path: Path) -> None:
    """The fake's own names are held against the sources of jetson-utils (tests/unit/video/test_jetson_fake.py)."""
    with nvidia(tmp_path) as world:
        for member, ours in members(jetson_api.JetsonUtils).items():
            theirs = getattr(world.utils, member)
            call = ours.fget if isinstance(ours, property) else ours
            there = set(inspect.signature(theirs).parameters)
            named = [
                each.name
                for each in inspect.signature(call).parameters.values()
                if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD) and each.name != "self"
            ]
            assert set(named) <= there, (member, named, there)
        image = inspect.signature(jetson_api.JetsonImageClass.__call__).parameters
        assert set(image) - {"self"} <= set(inspect.signature(world.utils.cudaImage).parameters)


@pytest.mark.registry
@pytest.mark.parametrize("version", VERSIONS)
class TestReal:
    """Against NVIDIA's own bindings, over libraries that know nothing."""

    def test_everything_used_is_there_with_the_same_parameters(self, version: str) -> None:
        classes = offered(version)
        for name, thing in types().items():
            there = classes[REAL[name]]
            for member, ours in members(thing).items():
                assert member in there, f"{REAL[name]}.{member}"
                if inspect.isfunction(ours):
                    wanted = [each for each in inspect.signature(ours).parameters if each != "self"]
                    known = parameters(there[member], member)
                    assert any(["self", *wanted] == each[: len(wanted) + 1] for each in known), (member, wanted, known)
        for member in members(api.TensorRt):
            assert member in classes, member

    def test_the_fake_offers_nothing_that_the_real_one_does_not(self, version: str, tmp_path: Path) -> None:
        classes = offered(version)
        with nvidia(tmp_path, version=version) as world:
            for name, thing in _classes(world.trt):
                beyond = {"EXPLICIT_BATCH"} if version.startswith("11.") else set()
                assert set(members(thing)) - {"name", "value"} - beyond <= set(classes[name]), name
                for member, ours in members(thing).items():
                    known = parameters(classes[name].get(member, ""), member)
                    if inspect.isfunction(ours) and known:
                        got = list(inspect.signature(ours).parameters)
                        assert any(got == each[: len(got)] for each in known), (name, member, got, known)
            flag = world.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
            real = run(
                place(version), "import tensorrt as t; print(int(t.NetworkDefinitionCreationFlag.STRONGLY_TYPED))"
            )
            assert int(flag) == int(real)

    def test_without_a_gpu_it_says_what_we_expect(self, version: str) -> None:
        program = """
from agent.detect.tensorrt import load_tensorrt
from agent.detect.trt.library import listen, made
from agent.detect.trt.monitor import make_monitor
from agent.errors import BackendMissing
trt = load_tensorrt()
logger, ears = listen(trt)
assert isinstance(logger, trt.ILogger) and listen(trt)[0] is logger
logger.log(trt.ILogger.Severity.ERROR, "out of\\nmemory")
logger.log(trt.ILogger.Severity.INFO, "chatter")
assert ears.reason("") == "out of memory" and ears.tail() == ["ERROR: out of memory"], ears.tail()
told = []
monitor = make_monitor(trt, told.append, lambda: False)
assert isinstance(monitor, trt.IProgressMonitor)
monitor.phase_start("Building", "", 2)
assert monitor.step_complete("Building", 0)
monitor.phase_finish("Building")
assert [round(each.share, 2) for each in told] == [0, 0.5, 1], told
for maker in (trt.Builder, trt.Runtime):
    try:
        made(maker, logger)
    except BackendMissing as error:
        print(error)
"""
        assert run(place(version), program).count("no usable GPU") == 2


def _classes(module: Any) -> Iterator[tuple[str, type]]:
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type):
            yield name, thing


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="ELF for x86-64 alone")
def test_a_library_without_a_compiler(tmp_path: Path) -> None:
    write_stub(tmp_path / "libnothing.so.10", ["first", "second_one"])
    library = ctypes.CDLL(str(tmp_path / "libnothing.so.10"))
    assert (library.first(), library.second_one()) == (0, 0)
    with pytest.raises(AttributeError):
        library.third  # noqa: B018
