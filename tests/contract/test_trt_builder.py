"""NVIDIA's own parser and builder, through the very process that builds on a box. Without a GPU: TensorRT for RTX."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from support.bakery import baked, recipe, shop
from support.tensorrt_place import interpreter

from agent.detect.baking.assemble import write_baked
from agent.detect.catalogue import shipped_dir
from agent.detect.modelfile import sha256_of
from agent.detect.trt.builder import BuildCancelled
from agent.detect.trt.construction import BuildNews, Job, construct
from agent.errors import ModelError

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

pytestmark = pytest.mark.registry

RTX = Path(__file__).resolve().parents[1] / "support" / "rtx"


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> str:
    there = str(interpreter())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(RTX), os.environ.get("PYTHONPATH")))))
    return there


def job(model: Path, folder: Path, **changed: object) -> Job:
    words = {"batch": 4, "workspace_bytes": 512 << 20, **changed}
    parts = folder / "p.part", folder / "t.part", folder / "none"
    return Job(model, sha256_of(model), words["batch"], words["workspace_bytes"], *parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_demo_model_is_built_as_on_a_box(python: str, tmp_path: Path, precision: str) -> None:
    model = tmp_path / "demo-baked.onnx"
    write_baked(recipe("demo", shipped_dir() / "demo.onnx", None, precision), model)
    told: list[BuildNews] = []
    made = construct(job(model, tmp_path), told.append, threading.Event(), None, python)
    assert sha256_of(tmp_path / "p.part") == made.sha256
    assert (tmp_path / "p.part").stat().st_size > 1_000_000
    shares = [news.share for news in told if news.phase == told[-1].phase]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_it_is_stopped_at_a_step(python: str, tmp_path: Path) -> None:
    model, stop = tmp_path / "demo-baked.onnx", threading.Event()
    write_baked(recipe("demo", shipped_dir() / "demo.onnx", None, "fp16"), model)
    with pytest.raises(BuildCancelled):
        construct(job(model, tmp_path), lambda news: stop.set() if news.phase else None, stop, None, python)


def test_what_it_refuses_is_told(python: str, tmp_path: Path) -> None:
    published = shop(tmp_path)
    model = baked(tmp_path).path
    cut, page = tmp_path / "cut.onnx", tmp_path / "page.onnx"
    cut.write_bytes(model.read_bytes()[:-3000])
    page.write_text("<html>no</html>")
    noise = tmp_path / "noise.onnx"
    noise.write_bytes(b"\x0a\x08" + bytes(range(128, 256)) * 20)
    cases = {
        published: r"takes 'images' \[1, 3, 64, 96\] FLOAT and gives .*model bake",
        cut: "cannot read it: .*",
        page: "empty network",
        noise: "empty network|cannot read it",  # what it says of that is no UTF-8
    }
    for file, reason in cases.items():
        with pytest.raises(ModelError, match=reason):
            construct(job(file, tmp_path), lambda news: None, threading.Event(), None, python)
    with pytest.raises(ModelError, match=r"workspace.*detector\.tensorrt\.workspace_bytes"):
        construct(job(model, tmp_path, workspace_bytes=1024), lambda news: None, threading.Event(), None, python)
