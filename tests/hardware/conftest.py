"""Tests for a real box: ``./run test tests/hardware -s``. Elsewhere they skip and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.detect.catalogue import shipped_dir


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.jetson)
            if not Path("/etc/nv_tegra_release").exists():
                item.add_marker(pytest.mark.skip(reason="no Jetson here"))


@pytest.fixture(scope="session")
def baked_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baked model: the one that COMMUNE_BAKED names, or the demo model, baked here."""
    named = os.environ.get("COMMUNE_BAKED")
    if named:
        return Path(named)
    pytest.importorskip("onnx", reason="the package onnx is not here: name a baked model in COMMUNE_BAKED")
    from support.bakery import recipe

    from agent.detect.baking.assemble import write_baked

    model = tmp_path_factory.mktemp("baked") / "demo-baked.onnx"
    write_baked(recipe("demo", shipped_dir() / "demo.onnx", None, "fp16"), model)
    return model
