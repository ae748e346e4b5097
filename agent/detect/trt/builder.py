"""Build an engine plan from a baked model: one way for every TensorRT from 10.3 on.

The network is strongly typed: the graph itself says what runs in half precision (``model bake --precision fp16``), no
builder flag does. Knows no files and no processes; numpy stays out, for this runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.detect.trt.api import (
    Builder,
    BuilderConfig,
    Dims,
    HostMemory,
    Logger,
    Network,
    Shape,
    Tensor,
    TensorRt,
)
from agent.detect.trt.library import Ears, listen, made
from agent.detect.trt.monitor import Told, make_monitor
from agent.errors import AgentError, ModelError

REVISION = 1
"""Counts changes to this module that change what comes out; a part of the name of every plan."""

LEVEL = 3
"""Builder optimization level, TensorRT's own default: higher ones take many times as long for a few percent."""

OUTPUTS = ("boxes", "scores", "classes")
_PICTURE = "UINT8"


class BuildCancelled(AgentError):
    """The build was told to stop; nothing was written."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an engine is built for.

    Attributes:
        batch: the most pictures a call, where the model takes any number; it is made fastest for this many.
        workspace_bytes: scratch memory a layer may take.
    """

    batch: int
    workspace_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What came of a build.

    Attributes:
        content: the plan; belongs to this TensorRT on this GPU.
        timing: the timing cache, for the next build; empty where there is none.
        said: the last warnings and errors of TensorRT.
    """

    content: bytes
    timing: bytes
    said: list[str]


def build(
    trt: TensorRt,
    subject: str,
    model: bytes,
    terms: Terms,
    timing: bytes,
    told: Told,
    cancelled: Callable[[], bool],
) -> Plan:
    """Build a plan; takes minutes on a box.

    Args:
        trt: the library.
        subject: names the model in errors.
        model: the ONNX file's content, whose digest has been checked: the parser finds no fault with much that is none.
        terms: what to build for.
        timing: timing cache of an earlier build; anything that is none is ignored.
        told: hears how far it is, from other threads too.
        cancelled: asked at every step whether to stop.

    Raises:
        BuildCancelled: ``cancelled`` said so.
        ModelError: the model cannot be built here; the error says what to do.
        BackendMissing: there is no usable GPU.
    """
    logger, ears = listen(trt)
    ears.reason("")
    builder = made(trt.Builder, logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    _parse(trt, subject, model, network, logger, ears)
    picture = _check(subject, network)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, terms.workspace_bytes)
    config.builder_optimization_level = LEVEL
    _add_profile(subject, builder, config, picture, terms.batch, ears)
    _take_timing(config, timing)
    monitor = make_monitor(trt, told, cancelled)
    config.progress_monitor = monitor
    content = builder.build_serialized_network(network, config)
    if content is None:
        if cancelled():
            raise BuildCancelled("the build of the engine was stopped")
        raise ModelError(subject, _explained(ears.reason("TensorRT gives no reason")))
    return Plan(_copied(content), _timing(config), ears.tail())


def _parse(trt: TensorRt, subject: str, model: bytes, network: Network, logger: Logger, ears: Ears) -> None:
    """Parse into ``network``; the parser ends before the network does, which it would otherwise outlive and crash."""
    parser = trt.OnnxParser(network, logger)
    taken = parser.parse(model)
    faults = [parser.get_error(i) for i in range(parser.num_errors)]
    if not taken or faults:
        told = "; ".join(f"node {f.node()} {f.node_operator()} {f.node_name()!r}: {f.desc()}" for f in faults[:3])
        reason = told or ears.reason("no reason given")
        raise ModelError(subject, f"TensorRT {trt.__version__} cannot read it: {' '.join(reason.split())[:600]}")
    if network.num_layers == 0 or network.num_outputs == 0:
        raise ModelError(subject, "is an empty network to TensorRT, so no ONNX model; fetch it again")


def _check(subject: str, network: Network) -> Tensor:
    """Give the one input, where the network is a baked one."""
    outputs = [network.get_output(i).name for i in range(network.num_outputs)]
    if network.num_inputs == 1:
        picture = network.get_input(0)
        shape = lengths(picture.shape)
        fits = len(shape) == 4 and shape[3] == 3 and not any(length < 1 for length in shape[1:])
        if fits and dtype_name(picture.dtype) == _PICTURE and set(OUTPUTS) <= set(outputs):
            return picture
    inputs = [_shown(network.get_input(i)) for i in range(network.num_inputs)]
    raise ModelError(
        subject,
        f"takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs)}; TensorRT runs baked models alone,"
        f" which take uint8 pixels and give {', '.join(OUTPUTS)}: commune-agent model bake",
    )


def _add_profile(
    subject: str, builder: Builder, config: BuilderConfig, picture: Tensor, batch: int, ears: Ears
) -> None:
    """Say for how many pictures a call the engine is made, unless the model itself does."""
    first, *rest = lengths(picture.shape)
    if first > 0:
        return
    profile = builder.create_optimization_profile()
    profile.set_shape(picture.name, (1, *rest), (batch, *rest), (batch, *rest))
    if config.add_optimization_profile(profile) < 0:
        raise ModelError(subject, f"cannot be built for 1 to {batch} pictures a call: {ears.reason('no reason given')}")


def _take_timing(config: BuilderConfig, timing: bytes) -> None:
    """Start from an earlier timing cache, or from an empty one where that is another version's or GPU's."""
    for content in (timing, b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return


def _timing(config: BuilderConfig) -> bytes:
    cache = config.get_timing_cache()
    content = None if cache is None else cache.serialize()
    return b"" if content is None else _copied(content)


def _copied(memory: HostMemory) -> bytes:
    return bytes(memoryview(memory))


def lengths(dims: Dims) -> Shape:
    """Give a shape as a tuple."""
    return tuple(dims[i] for i in range(len(dims)))


def dtype_name(dtype: object) -> str:
    """Name a data type, e.g. ``UINT8``; the numbers behind the names differ between versions."""
    return str(dtype).rsplit(".", 1)[-1]


def _shown(tensor: Tensor) -> str:
    return f"{tensor.name!r} {list(lengths(tensor.shape))} {dtype_name(tensor.dtype)}"


def _explained(reason: str) -> str:
    """Add what to do about the failures that are known."""
    words = reason.lower()
    if "workspace" in words:
        return f"no engine: {reason}; give it more scratch memory with detector.tensorrt.workspace_bytes"
    if "memory" in words or "cuda error" in words or "cudaerror" in words:
        return (
            f"no engine: {reason}; the box is short of memory: stop commune-watch, add swap (docs/guide/tensorrt.md),"
            " and if that does not help, reboot"
        )
    return f"no engine: {reason}"
