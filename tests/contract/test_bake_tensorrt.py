"""TensorRT's own parser and builder take every baked model, for one to four pictures a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

import onnx
from onnx import helper
from support.bakery import baked as order
from support.bakery import recipe
from support.detr import detr
from support.tensorrt_place import engines, interpreter

from agent.detect.baking.assemble import write_baked
from agent.detect.catalogue import shipped_dir
from agent.detect.decode import MOST

pytestmark = pytest.mark.registry

FILES = {"yolox-nano": "yolox_nano_416.onnx", "picodet-s": "picodet_s_416_coco.onnx", "fastestdet": "FastestDet.onnx"}
WIDE = (384, 640)


@pytest.fixture(scope="module")
def python() -> Path:
    return interpreter()


def baked(card_id: str, file: Path, folder: Path, size: tuple[int, int] | None, precision: str, **words: Any) -> Path:
    wanted = recipe(card_id, file, size, precision, **words)
    name = "-".join(map(str, (card_id, wanted.baking.height, wanted.fit.height, precision, wanted.baking.batch)))
    target = folder / f"{name}.onnx"
    write_baked(wanted, target)
    return target


def assert_built(found: dict[str, dict[str, object]], models: list[Path]) -> None:
    assert sorted(found) == sorted(each.name for each in models)
    for name, each in found.items():
        assert each.get("plan_bytes", 0), f"{name}: {each}"
        ((tensor, kind, shape),) = each["inputs"]  # type: ignore[misc]
        assert (tensor, kind, shape[3]) == ("images", "UINT8", 3)
        count = shape[0]
        kept = min(MOST, each["outputs"][0][2][1])  # type: ignore[index]
        assert each["outputs"] == [
            ["boxes", "FLOAT", [count, kept, 4]],
            ["scores", "FLOAT", [count, kept]],
            ["classes", "INT32", [count, kept]],
        ]
        assert each["said"] == []


def test_the_demo_model_builds_in_half_precision(python: Path, tmp_path: Path) -> None:
    models = [
        baked("demo", shipped_dir() / "demo.onnx", tmp_path, None, "fp16"),
        baked("demo", shipped_dir() / "demo.onnx", tmp_path, None, "fp32", frame=(360, 640), batch=4),
    ]
    assert_built(engines(python, models), models)


def test_a_detr_builds_for_several_pictures_and_for_one(python: Path, tmp_path: Path) -> None:
    detr(tmp_path)
    orders = {"street-many.onnx": {}, "street-one.onnx": {"batch": 1}, "street-half.onnx": {"precision": "fp16"}}
    models = [order(tmp_path, target, **words).path for target, words in orders.items()]
    assert_built(engines(python, models), models)


@pytest.mark.real
def test_every_real_model_builds_wide_and_in_half_precision(python: Path, tmp_path: Path, real: Path) -> None:
    models = [baked(card_id, real / "models" / file, tmp_path, WIDE, "fp16") for card_id, file in FILES.items()]
    models.append(baked("yolox-nano", real / "models" / FILES["yolox-nano"], tmp_path, None, "fp32", colour="RGB"))
    assert_built(engines(python, models), models)


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize("card_id", FILES)
def test_every_size_and_precision_builds(card_id: str, python: Path, tmp_path: Path, real: Path) -> None:
    file = real / "models" / FILES[card_id]
    models = [
        baked(card_id, file, tmp_path, size, precision) for size in (None, WIDE) for precision in ("fp32", "fp16")
    ]
    models.append(baked(card_id, file, tmp_path, None, "fp16", batch=1))
    if card_id != "fastestdet":
        models += [baked(card_id, file, tmp_path, WIDE, precision, frame=(720, 1280)) for precision in ("fp32", "fp16")]
    assert_built(engines(python, models), models)


@pytest.mark.real
def test_the_builder_refuses_what_baking_mends(python: Path, tmp_path: Path, real: Path) -> None:
    """FastestDet with nothing but its batch declared open: its shuffles still hold one picture."""
    model = onnx.load(str(real / "models" / FILES["fastestdet"]))
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, str(tmp_path / "open.onnx"))
    found = engines(python, [tmp_path / "open.onnx"])["open.onnx"]
    assert found["failed"] == "build"
    assert any("Reshape_13" in line for line in found["said"])  # type: ignore[attr-defined]


def test_a_file_that_is_no_model_is_told(python: Path, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"<html>")
    graph = helper.make_graph([], "empty", [], [])
    onnx.save(helper.make_model(graph), str(tmp_path / "empty.onnx"))
    found = engines(python, [tmp_path / "no.onnx", tmp_path / "empty.onnx"])
    assert {each["failed"] for each in found.values()} == {"parse"}
