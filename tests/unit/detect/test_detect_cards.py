from __future__ import annotations

from pathlib import Path

import pytest

from agent.detect.card import Baking, DetrHead, DistributionHead, YoloxHead
from agent.detect.cardfile import read_card
from agent.detect.catalogue import card_files, find_card, shipped_dir
from agent.detect.forbidden import forbidden_label, forbidden_maker, forbidden_terms
from agent.detect.needs import refuse_old_tensorrt
from agent.errors import BackendMissing, ModelError

GOOD = (shipped_dir() / "yolox-nano.toml").read_text("utf-8")


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "coco80.txt").write_text((shipped_dir() / "coco80.txt").read_text("utf-8"), "utf-8")

    def write(text: str, name: str = "yolox-nano") -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.mark.parametrize("card_id", sorted(card_files()))
def test_every_shipped_card_can_be_used(card_id: str) -> None:
    card = find_card(card_id)
    assert card.id == card_id
    assert card.licence
    assert card.provenance.strip()


@pytest.mark.parametrize("card_id", sorted(card_files()))
def test_a_shipped_card_that_pins_a_file_says_where_to_get_it_or_carries_it(card_id: str) -> None:
    card = find_card(card_id)
    if card.sha256:
        assert card.url.startswith("https://") or (shipped_dir() / card.file).is_file()


def test_the_cards_say_what_they_are_known_to_say() -> None:
    nano, pico, nanodet = find_card("yolox-nano"), find_card("picodet-s"), find_card("nanodet-plus-m")
    assert (nano.input.colour, nano.input.resize, nano.head) == ("BGR", "letterbox", YoloxHead((8, 16, 32)))
    assert (pico.input.colour, pico.input.resize) == ("RGB", "stretch")
    assert pico.head == DistributionHead((8, 16, 32, 64), 8, 0.5, False)
    assert nanodet.head == DistributionHead((8, 16, 32, 64), 8, 0.0, True)
    assert len(nano.labels) == 80
    assert (nano.labels[0], nano.labels[2], nano.labels[79]) == ("person", "car", "toothbrush")


def test_the_card_of_a_detr_names_a_column_for_every_label() -> None:
    detr = find_card("rf-detr-nano")
    assert isinstance(detr.head, DetrHead)
    columns = dict(zip(detr.labels, detr.head.columns, strict=True))
    assert [columns[label] for label in ("person", "car", "fire hydrant", "stop sign", "toothbrush")] == [
        1, 3, 11, 13, 90,
    ]  # fmt: skip
    assert (detr.head.width, detr.outputs, detr.least_tensorrt) == (91, ("dets", "labels"), (10, 16))
    assert find_card("yolox-s").least_tensorrt == ()


@pytest.mark.parametrize(
    ("cut", "put", "told"),
    [
        ("1, 2, 3", "1, 2, 2", "decode.columns must be different whole numbers from 0 to 90"),
        ("1, 2, 3", "1, 2, 91", "decode.columns must be different whole numbers from 0 to 90"),
        ("1, 2, 3,", "1, 2,", "decode.columns must name a column for each of the 80 labels"),
        ('"10.16"', '"newest"', "needs.tensorrt must be a version, e.g. \"10.16\", got 'newest'"),
        ("tensorrt =", "tensorrrt =", "needs.tensorrt is missing; a card needs it (is 'tensorrrt' a slip for it?)"),
    ],
)
def test_a_faulty_card_of_a_detr_is_refused(write, cut: str, put: str, told: str) -> None:
    text = (shipped_dir() / "rf-detr-nano.toml").read_text("utf-8")
    assert cut in text
    with pytest.raises(ModelError) as caught:
        read_card(write(text.replace(cut, put, 1), "rf-detr-nano"))
    assert told in str(caught.value)


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3.9", "8.6.2"])
def test_a_tensorrt_older_than_a_card_needs_is_refused(version: str) -> None:
    with pytest.raises(BackendMissing, match=rf"it is {version}, and rf-detr-nano needs 10\.16 \(JetPack 7\.2\)"):
        refuse_old_tensorrt(find_card("rf-detr-nano"), version)
    refuse_old_tensorrt(find_card("yolox-s"), version)


@pytest.mark.parametrize("version", ["10.16.2.10", "10.16", "11.4.1"])
def test_one_that_is_new_enough_is_not(version: str) -> None:
    refuse_old_tensorrt(find_card("rf-detr-nano"), version)


@pytest.mark.parametrize(
    "licence",
    [
        "AGPL-3.0",
        "GNU Affero General Public License v3",
        "CC-BY-NC-4.0",
        "CC BY-NC-SA 4.0",
        "Creative Commons Attribution-NonCommercial",
        "free for non-commercial use",
        "research only",
        "for academic use",
        "Ultralytics Enterprise",
        "Deci AI terms",
    ],
)
def test_terms_that_bind_whoever_runs_the_model_are_refused(write, licence: str) -> None:
    assert forbidden_terms(licence)
    with pytest.raises(ModelError, match=r"is of a model under .*; take one whose licence is free for every use"):
        read_card(write(GOOD.replace("Apache-2.0 (Megvii YOLOX;", f"{licence} (", 1)))


@pytest.mark.parametrize("name", ["YOLOv8n 640", "yolov5s", "yolo11m", "YOLOv10-S", "YOLO26", "YOLO-NAS-S", "yolo_nas"])
def test_names_of_such_models_are_refused(write, name: str) -> None:
    assert forbidden_maker(name)
    with pytest.raises(ModelError, match="is of a model under"):
        read_card(write(GOOD.replace("YOLOX-Nano 416", name, 1)))


def test_addresses_of_such_makers_are_refused(write) -> None:
    text = GOOD.replace('url = "https://raw.githubusercontent.com/Bigisland1729', 'url = "https://x/ultralytics', 1)
    with pytest.raises(ModelError, match="under Ultralytics' terms"):
        read_card(write(text))
    with pytest.raises(ModelError, match="url must begin with https://"):
        read_card(write(GOOD.replace('url = "https', 'url = "http', 1)))


@pytest.mark.parametrize("card_id", sorted(card_files()))
def test_no_shipped_card_is_under_such_terms(card_id: str) -> None:
    card = find_card(card_id)
    assert forbidden_terms(card.licence) is None
    harmless = ("BSD-3-Clause", "MIT", "Apache-2.0 (decision of the maker)", "CC-BY-4.0", "LGPL", "YOLOX-S", "YOLOv9")
    assert [text for text in harmless if forbidden_terms(text)] == []


@pytest.mark.parametrize(
    ("cut", "put", "told"),
    [
        ("height = 416", "heigth = 416", "input.height is missing; a card needs it (is 'heigth' a slip for it?)"),
        ("pad = 114", "paddd = 114", "input.paddd is no key of a card; did you mean 'pad'?"),
        ("batch =", "bach =", "batch is missing; a card needs it (is 'bach' a slip for it?)"),
        ('"letterbox"', '"leterbox"', "input.resize must be one of stretch, letterbox; got 'leterbox'; did you mean"),
        ("height = 416", 'height = "416"', "input.height must be a whole number, got '416'"),
        ("height = 416", "height = true", "input.height must be a whole number, got True"),
        ("height = 416", "height = 0", "input.height must lie between 1 and 8192, got 0"),
        ("conf = 0.25", "conf = 25", "conf must lie between 0 and 1, got 25"),
        ("conf = 0.25", "conf = nan", "conf must lie between 0 and 1, got nan"),
        ("[8, 16, 32]", "[8, 8, 32]", "decode.strides must be different positive whole numbers, got [8, 8, 32]"),
        ("[8, 16, 32]", '["8"]', "decode.strides has an item of the wrong type"),
        ('"yolox"', '"yolo"', "decode.kind must be one of yolox, distribution, fastestdet, decoded, detr; got 'yolo'"),
        ('"coco80"', '"coco81"', "labels names the list 'coco81', but there is no coco81.txt beside the card"),
        ('"coco80"', '"../coco80"', "labels names the list '../coco80', but there is no"),
        ('"coco80"', "[]", "labels must hold at least one class and none twice"),
        ('"coco80"', f'["{"c" * 41}"]', "a class needs 1 to 40 characters"),
        ('"coco80"', '["car", ""]', "labels has the class ''; a class needs 1 to 40 characters"),
        ('"coco80"', '["car", "car"]', "labels must hold at least one class and none twice"),
        ("pad = 114", "mean = [1, 2]", "input.mean needs three numbers, one a channel, got [1, 2]"),
        ("pad = 114", "std = [1, 0, 1]", "input.std must be positive, got [1.0, 0.0, 1.0]"),
        ('dtype = "float32"', 'dtype = "uint8"\nscale = 0.5', "input.dtype is uint8: the pixels go in unchanged"),
        ("e8af0749", "E8AF0749", "sha256 must be 64 small hex digits"),
        ('file = "yolox-nano.onnx"', 'file = "../x.onnx"', "file must be a bare file name, got '../x.onnx'"),
        ('id = "yolox-nano"', 'id = "YOLOX nano"', "id must be small letters, digits and single hyphens"),
        ("[input]", "[input", "is not valid TOML"),
    ],
)
def test_a_faulty_card_is_refused_with_place_value_and_remedy(write, cut: str, put: str, told: str) -> None:
    assert cut in GOOD
    with pytest.raises(ModelError) as caught:
        read_card(write(GOOD.replace(cut, put, 1)))
    assert str(caught.value).startswith("model card yolox-nano.toml: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "label",
    [
        "face",
        "Face",
        "human_face",
        "HumanFace",
        "license plate",
        "licence-plate",
        "LicensePlate",
        "number_plate",
        "plate",
        "ALPR",
        "text",
        "OCR",
        "re-id",
        "ReID",
        "person re identification",
        "person-reidentification-0288",
        "face recognition",
        "facerecognition",
        "khuôn mặt",
        "biển số",
        "Biển số xe",
        "gait",
    ],
)
def test_labels_that_tell_identities_are_refused(write, label: str) -> None:
    assert forbidden_label(label)
    with pytest.raises(ModelError, match="which this software never does"):
        read_card(write(GOOD.replace('"coco80"', f'["person", "{label}"]', 1)))


def test_a_cards_name_and_title_may_not_tell_identities_either(write) -> None:
    with pytest.raises(ModelError, match="stands for faces"):
        read_card(write(GOOD.replace("YOLOX-Nano 416, 80 COCO classes", "YOLOX face detector", 1)))


def test_everyday_labels_are_no_identities() -> None:
    everyday = ["person", "car", "surface", "template", "road surface", "context", "xe máy", "rice straw", "helmet"]
    assert [label for label in (*everyday, *find_card("yolox-nano").labels) if forbidden_label(label)] == []


BAKE = """
[bake]
source = "yolox_nano.onnx"
source_sha256 = "e8af"
card = "yolox-nano"
height = 384
width = 640
batch = 0
precision = "fp16"
keep = 1000
tool = "commune-agent 1.2.3"
"""


def test_a_card_tells_how_its_model_was_baked(write) -> None:
    facts = read_card(write(GOOD + BAKE)).baking
    assert facts == Baking("yolox_nano.onnx", "e8af", "yolox-nano", 384, 640, 0, "fp16", 1000, "commune-agent 1.2.3")
    assert find_card("yolox-nano").baking is None


@pytest.mark.parametrize(
    ("cut", "put", "told"),
    [
        ("keep = 1000", "kept = 1000", "bake.keep is missing; a card needs it (is 'kept' a slip for it?)"),
        ('"fp16"', '"int8"', "bake.precision must be one of fp32, fp16; got 'int8'"),
        ("batch = 0", "batch = -1", "bake.batch must lie between 0 and 8192, got -1"),
        ("batch = 0", "batch = 0\nlayers = 3", "bake.layers is no key of a card"),
    ],
)
def test_what_it_tells_is_checked(write, cut: str, put: str, told: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_card(write(GOOD + BAKE.replace(cut, put)))
    assert told in str(caught.value)


def test_an_unknown_card_is_told_with_the_nearest_and_all_names() -> None:
    with pytest.raises(ModelError, match=r"'yolo-nano'.*did you mean 'yolox-nano'\? there are: .*picodet-s"):
        find_card("yolo-nano")


def test_a_site_can_bring_a_card_of_its_own(write, tmp_path: Path) -> None:
    write(GOOD.replace('"yolox-nano"', '"our-market"', 1).replace('"coco80"', '["handcart", "umbrella"]'), "our-market")
    assert find_card("our-market", tmp_path).labels == ("handcart", "umbrella")


def test_a_sites_card_never_hides_a_shipped_one(write, tmp_path: Path) -> None:
    write(GOOD)
    with pytest.raises(ModelError, match="takes the name of a shipped card"):
        find_card("picodet-s", tmp_path)


def test_a_card_is_called_like_its_file(write, tmp_path: Path) -> None:
    write(GOOD, "our-market")
    with pytest.raises(ModelError, match="says id = 'yolox-nano'; it must be the file's own name"):
        find_card("our-market", tmp_path)
