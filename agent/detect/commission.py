"""Have the engine built that a box's configuration asks for."""

from __future__ import annotations

from agent.detect.catalogue import find_card
from agent.detect.modelstore import resolve_model
from agent.detect.needs import check_tensorrt
from agent.detect.settings import DetectSettings
from agent.detect.trt.construction import Stop, Told
from agent.detect.trt.door import build_engine
from agent.detect.trt.shelf import Note
from agent.errors import ConfigError


def commission(settings: DetectSettings, told: Told, stop: Stop, *, again: bool = False) -> Note:
    """Build the engine, unless it is there and loads; takes minutes. Gives the note that stands beside it.

    Args:
        settings: card, model, and what to build for.
        told: hears how far it is, at least once a second.
        stop: ends it.
        again: build it though it is there.

    Raises:
        ConfigError: this configuration asks for no engine that is built.
        BuildCancelled: ``stop`` was set.
        ModelError: the model is not baked, cannot be built, or what was built does not load.
        BackendMissing: TensorRT or a GPU is not to be had here.
    """
    if settings.engine != "tensorrt":
        raise ConfigError("detector.engine", f"is {settings.engine}, which needs no building; only tensorrt does")
    card = find_card(settings.card, settings.models_dir)
    check_tensorrt(card)
    return build_engine(resolve_model(settings, card), settings.tensorrt, told, stop, again=again)
