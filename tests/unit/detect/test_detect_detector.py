from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.cards import WIDE
from support.onnx_maker import constant_model, grid_model

from agent.clock import SimulatedClock
from agent.core.frame import Frame
from agent.detect.detector import open_detector
from agent.detect.settings import DetectSettings
from agent.errors import BackendMissing, ModelError

CARD = WIDE
DECODED = (
    CARD.replace('kind = "yolox"\nstrides = [8, 16]', 'kind = "decoded"\noutputs = ["boxes", "scores", "classes"]')
    .replace('"NCHW"', '"NHWC"')
    .replace('"float32"', '"uint8"')
)


def frame(seed: int, width: int = 120, height: int = 80) -> Frame:
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Frame("cam", seed, SimulatedClock().now(), pixels.repeat(8, axis=0).repeat(8, axis=1))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "street.toml").write_text(CARD, "utf-8")
    return tmp_path


def settings(site: Path, **changed: object) -> DetectSettings:
    return DetectSettings(**{"card": "street", "models_dir": site, "min_score": 0.3, **changed})  # type: ignore[arg-type]


def street_model(site: Path, **changed: object) -> Path:
    return grid_model(site / "street.onnx", (64, 96), 9, (8, 16), **changed)  # type: ignore[arg-type]


def decoded_model(site: Path, rows: list[list[float]], **changed: np.ndarray) -> Path:
    """Write a network that answers ``rows`` of x1 y1 x2 y2 score class, in px of its 96x64 input."""
    (site / "street.toml").write_text(DECODED, "utf-8")
    table = np.array(rows, np.float32)
    answers = (
        {
            "classes": table[None, :, 5].astype(np.int64),  # another order than the card's: names decide
            "boxes": table[None, :, :4],
            "scores": table[None, :, 4],
        }
        | changed
    )
    return constant_model(site / "street.onnx", ("images", ("N", 64, 96, 3), "uint8"), answers)


def test_many_frames_at_once_give_what_each_gives_alone(site: Path) -> None:
    street_model(site)
    detector = open_detector(settings(site))
    frames = [frame(1), frame(2, 40, 200), frame(3, 640, 360), frame(4), frame(5, 96, 64)]
    together = detector.detect(frames)
    assert sum(map(len, together)) > 5
    for one, found in zip(frames, together, strict=True):
        (alone,) = detector.detect([one])
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=1e-5)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
        np.testing.assert_array_equal(found.class_ids, alone.class_ids)


@pytest.mark.parametrize("reason", ["the file takes one", "the card says so"])
def test_a_model_for_one_frame_is_called_once_a_frame(site: Path, reason: str) -> None:
    frames = [frame(1), frame(2), frame(3)]
    street_model(site)
    together = open_detector(settings(site)).detect(frames)
    if reason == "the file takes one":
        street_model(site, batch=1)
    else:
        (site / "street.toml").write_text(CARD.replace('"dynamic"', '"fixed"'), "utf-8")
    for found, alone in zip(together, open_detector(settings(site)).detect(frames), strict=True):
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=1e-5)


def test_no_frames_no_work(site: Path) -> None:
    street_model(site)
    assert open_detector(settings(site)).detect([]) == []


def test_earlier_answers_stay_as_they_were(site: Path) -> None:
    street_model(site)
    detector = open_detector(settings(site))
    (first,) = detector.detect([frame(1)])
    kept = first.boxes.copy()
    detector.detect([frame(2), frame(3)])
    np.testing.assert_array_equal(first.boxes, kept)


def test_the_detector_tells_what_it_is(site: Path) -> None:
    model = street_model(site)
    detector = open_detector(settings(site))
    assert detector.describe() == "street on onnx"
    assert detector.labels == ("person", "car", "truck", "bicycle")
    assert detector.card.id == "street"
    assert detector.model_hash == hashlib.sha256(model.read_bytes()).hexdigest()[:16]


def test_decoded_boxes_are_found_by_name_and_carried_back_to_the_frame(site: Path) -> None:
    # A 192x64 frame fills the upper half of the 96x64 input: an input px is 1/96 of its width and 1/32 of its height.
    decoded_model(site, [[24, 8, 48, 16, 0.9, 1], [0, 0, 96, 32, 0.8, 0], [1, 1, 2, 2, 0.2, 0]])
    (found,) = open_detector(settings(site)).detect([frame(1, 192, 64)])
    np.testing.assert_allclose(found.boxes, [[0.25, 0.25, 0.5, 0.5], [0, 0, 1, 1]], atol=1e-6)
    assert found.class_ids.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])


def test_a_van_seen_as_car_and_truck_is_one_object_and_two_in_the_raw_finds(site: Path) -> None:
    decoded_model(site, [[10, 10, 50, 30, 0.5, 1], [11, 10, 51, 30, 0.7, 2], [10, 10, 50, 30, 0.4, 0]])
    detector = open_detector(settings(site))
    (raw,), (merged,) = detector.find([frame(1)]), detector.detect([frame(1)])
    assert sorted(raw.class_ids) == [0, 1, 2]
    assert merged.class_ids.tolist() == [2, 0]


def test_nothing_below_the_set_score_comes_out(site: Path) -> None:
    decoded_model(site, [[10, 10, 50, 30, 0.15, 0], [10, 10, 50, 30, 0.1499, 1]])
    (found,) = open_detector(settings(site, min_score=0.15)).detect([frame(1)])
    assert found.class_ids.tolist() == [0]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            {"names": ("picture", "output")},
            "takes 'picture' [N, 3, 64, 96] float32, not 'images' [N, 3, 64, 96] float32",
        ),
        ({"size": (96, 64)}, "takes 'images' [N, 3, 96, 64] float32, not 'images' [N, 3, 64, 96] float32"),
        ({"channels": 85}, "answers with [N, 120, 85], not [N, 120, 9] (N = frames)"),
        ({"strides": (8, 16, 32)}, "answers with [N, 126, 9], not [N, 120, 9]"),
    ],
)
def test_another_model_than_the_cards_is_refused_with_both_shapes(site: Path, model: dict, told: str) -> None:
    path = site / "other.onnx"
    grid_model(**{"path": path, "size": (64, 96), "channels": 9, "strides": (8, 16), **model})
    with pytest.raises(ModelError) as caught:
        open_detector(settings(site, model=path))
    assert str(caught.value).startswith(f"model {path}: {told}")
    assert "name the card that belongs to this file, or fetch the file that card street describes" in str(caught.value)


def test_a_missing_output_is_named(site: Path) -> None:
    decoded_model(site, [[0, 0, 9, 9, 0.5, 0]])
    text = DECODED.replace('"scores"', '"confidences"')
    (site / "street.toml").write_text(text, "utf-8")
    with pytest.raises(ModelError, match="has no output 'confidences', only classes, boxes, scores"):
        open_detector(settings(site))


def test_an_unreadable_number_type_is_named(site: Path) -> None:
    decoded_model(site, [[0, 0, 9, 9, 0.5, 0]], scores=np.zeros((1, 1), np.float64))
    with pytest.raises(ModelError, match="answers 'scores' in float64, not in float32 or"):
        open_detector(settings(site))


def test_an_answer_for_fewer_frames_than_given_is_refused(site: Path) -> None:
    decoded_model(site, [[0, 0, 9, 9, 0.5, 0]])
    with pytest.raises(ModelError, match="was given 2 frames and answers for"):
        open_detector(settings(site)).detect([frame(1), frame(2)])


def test_the_self_test_refuses_nan(site: Path) -> None:
    decoded_model(site, [[np.nan, 0, 9, 9, 0.5, 0]])
    with pytest.raises(ModelError, match="answers with NaN or infinity"):
        open_detector(settings(site)).self_test(frame(1).pixels)


def test_the_self_test_refuses_scores_that_are_no_probabilities(site: Path) -> None:
    decoded_model(site, [[0, 0, 9, 9, 4.25, 0]])
    with pytest.raises(ModelError, match=r"gives scores from 0 to 4\.25, but they must lie between 0 and 1"):
        open_detector(settings(site)).self_test(frame(1).pixels)


def test_the_self_test_gives_what_detect_gives(site: Path) -> None:
    street_model(site)
    detector = open_detector(settings(site))
    tried, (found,) = detector.self_test(frame(1).pixels), detector.detect([frame(1)])
    np.testing.assert_array_equal(tried.boxes, found.boxes)


def test_a_missing_model_says_what_to_fetch_and_which_command_to_run(site: Path) -> None:
    with pytest.raises(ModelError) as caught:
        open_detector(settings(site, card="yolox-nano"))
    text = str(caught.value)
    assert f"has no file at {site / 'yolox-nano.onnx'}" in text
    assert "https://raw.githubusercontent.com/" in text
    assert "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd" in text
    assert "Apache-2.0" in text
    assert text.endswith("commune-agent model add FILE --card yolox-nano")


def test_a_missing_model_without_an_address_still_names_the_command(site: Path) -> None:
    with pytest.raises(ModelError, match="put it in place with: commune-agent model add FILE --card street"):
        open_detector(settings(site))


def test_a_file_the_configuration_names_may_differ_from_the_pinned_one_and_is_told(site: Path, caplog) -> None:
    model = street_model(site)
    other = shutil.copy(model, site / "mine.onnx")
    (site / "street.toml").write_text(CARD.replace("labels", f'sha256 = "{"0" * 64}"\nlabels', 1), "utf-8")
    with caplog.at_level(logging.WARNING):
        open_detector(settings(site, model=Path(other)))
    assert "is not the file that card street pins" in caplog.text


def test_a_file_in_the_models_folder_may_not_differ(site: Path) -> None:
    street_model(site)
    (site / "street.toml").write_text(CARD.replace("labels", f'sha256 = "{"0" * 64}"\nlabels', 1), "utf-8")
    with pytest.raises(ModelError, match="has changed on the disk"):
        open_detector(settings(site))


def test_a_named_engine_is_never_replaced_by_another(site: Path) -> None:
    street_model(site)
    with pytest.raises(BackendMissing, match="onnxx"):
        open_detector(settings(site, engine="onnxx"))


def test_a_model_as_published_is_refused_by_tensorrt_with_the_way_to_bake_it(site: Path) -> None:
    street_model(site)
    with pytest.raises(ModelError, match=r"runs baked ones alone: commune-agent model bake FILE --card street"):
        open_detector(settings(site, engine="tensorrt"))
