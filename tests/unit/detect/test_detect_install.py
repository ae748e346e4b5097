from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.cards import CARD
from support.onnx_maker import Graph, grid_model

from agent.detect.chart import check_picture
from agent.detect.detector import open_detector
from agent.detect.install import add_model
from agent.detect.settings import DetectSettings
from agent.errors import ConfigError, ModelError


@pytest.fixture
def download(tmp_path: Path) -> Path:
    (tmp_path / "download").mkdir()
    return grid_model(tmp_path / "download" / "street_v2.onnx", (64, 64), 7, (8,))


@pytest.fixture
def models(tmp_path: Path, download: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    pin(folder, download)
    return folder


def pin(models: Path, file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (models / "street.toml").write_text(
        CARD.format(pin=f'url = "https://example.org/street.onnx"\nsha256 = "{digest}"'), "utf-8"
    )


def settings(models: Path) -> DetectSettings:
    return DetectSettings(card="street", models_dir=models)


def test_an_added_model_is_found_and_runs(download: Path, models: Path) -> None:
    added = add_model(download, "street", models)
    assert added.path == models / "street.onnx"
    assert added.path.read_bytes() == download.read_bytes()
    assert (added.pinned, added.found) == (True, None)
    assert open_detector(settings(models)).model_hash == added.sha256[:16]


def test_a_receipt_lies_beside_it(download: Path, models: Path) -> None:
    added = add_model(download, "street", models)
    receipt = json.loads((models / "street.onnx.json").read_text("utf-8"))
    assert receipt.pop("added_utc").endswith("+00:00")
    size = download.stat().st_size
    named = {"card": "street", "sha256": added.sha256, "size_bytes": size, "source": download.name, "pinned": True}
    assert receipt == named
    assert sorted(p.name for p in models.iterdir()) == ["street.onnx", "street.onnx.json", "street.toml"]


def test_another_file_than_the_pinned_one_is_refused_and_nothing_changes(download: Path, models: Path) -> None:
    add_model(download, "street", models)
    other = grid_model(download.with_name("other.onnx"), (64, 64), 7, (8,), seed=1)
    with pytest.raises(ModelError, match=r"is not the file card street pins: its sha256 is .*; download it again"):
        add_model(other, "street", models)
    assert (models / "street.onnx").read_bytes() == download.read_bytes()
    open_detector(settings(models))


def test_another_file_is_taken_when_the_operator_says_so(download: Path, models: Path) -> None:
    add_model(download, "street", models)
    other = grid_model(download.with_name("other.onnx"), (64, 64), 7, (8,), seed=1)
    added = add_model(other, "street", models, allow_other=True)
    assert not added.pinned
    assert open_detector(settings(models)).model_hash == hashlib.sha256(other.read_bytes()).hexdigest()[:16]


def test_a_file_of_another_shape_is_refused_even_then(download: Path, models: Path) -> None:
    other = grid_model(download.with_name("other.onnx"), (64, 64), 85, (8,))
    with pytest.raises(ModelError, match=r"other\.onnx: answers with \[N, 64, 85\], not \[N, 64, 7\]"):
        add_model(other, "street", models, allow_other=True)
    assert not (models / "street.onnx").exists()


def test_a_model_without_its_sigmoid_does_not_pass_the_self_test(download: Path, models: Path) -> None:
    raw = grid_model(download.with_name("raw.onnx"), (64, 64), 7, (8,), squash=False)
    with pytest.raises(ModelError, match=r"gives scores from -.* export it with its sigmoid"):
        add_model(raw, "street", models, allow_other=True)


def test_a_model_in_two_files_is_refused_before_it_half_arrives(download: Path, models: Path) -> None:
    graph = Graph()
    graph.input("images", ("N", 3, 64, 64))
    rows = np.zeros((1, 64, 7), np.float32)
    graph.node("Identity", [graph.weight_elsewhere("rows", rows, download.with_name("weights.bin"))], "output")
    graph.output("output", rows.shape)
    split = graph.save(download.with_name("split.onnx"))
    with pytest.raises(
        ModelError, match=r"split\.onnx: needs further files beside it; export it again as one single file"
    ):
        add_model(split, "street", models, allow_other=True)
    assert sorted(p.name for p in models.iterdir()) == ["street.toml"]


def test_a_picture_of_the_operators_is_counted_on(download: Path, models: Path, tmp_path: Path) -> None:
    picture = tmp_path / "street.png"
    cv2.imwrite(str(picture), np.zeros((90, 160, 3), np.uint8))
    added = add_model(download, "street", models, picture=picture)
    detector = open_detector(DetectSettings(card="street", models_dir=models, min_score=0.05))
    assert added.found == len(detector.self_test(cv2.imread(str(picture)))) > 0


def test_an_unreadable_picture_is_the_operators_fault_and_adds_nothing(download: Path, models: Path) -> None:
    with pytest.raises(ConfigError, match=r"--picture: .* is no picture that can be read"):
        add_model(download, "street", models, picture=download)
    assert not (models / "street.onnx").exists()


def test_a_file_damaged_on_the_disk_is_noticed(download: Path, models: Path) -> None:
    target = add_model(download, "street", models).path
    content = bytearray(target.read_bytes())
    content[-50] ^= 1
    target.write_bytes(content)
    with pytest.raises(ModelError, match=r"has changed on the disk.*model add FILE --card street"):
        open_detector(settings(models))


def test_an_unreadable_receipt_is_named(download: Path, models: Path) -> None:
    add_model(download, "street", models)
    (models / "street.onnx.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError, match=r"street\.onnx\.json: is no readable receipt .*; add the model again"):
        open_detector(settings(models))


def test_a_place_that_cannot_be_written_is_named(download: Path, models: Path) -> None:
    (models / "street.onnx.part").mkdir()
    with pytest.raises(ModelError, match=r"cannot be written: .*; check its owner and the free space"):
        add_model(download, "street", models)


@pytest.mark.real
def test_the_folder_is_made_where_there_is_none(tmp_path: Path, real: Path) -> None:
    added = add_model(real / "models" / "yolox_nano_416.onnx", "yolox-nano", tmp_path / "var" / "models")
    assert added.pinned
    assert added.path.is_file()


def test_the_drawn_picture_is_the_same_every_time() -> None:
    assert check_picture().shape == (360, 640, 3)
    np.testing.assert_array_equal(check_picture(), check_picture())
