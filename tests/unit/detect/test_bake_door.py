"""Baking from order to use: what it makes runs through the room's door as the published model does."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

import onnx
from onnx import numpy_helper
from support.bakery import CARD, baked, frame, shop
from support.detr import detr
from support.networks import Network
from support.onnx_maker import Graph, constant_model, grid_model

from agent.core.detections import Detections
from agent.detect.bake import Baked
from agent.detect.baking.lens import lens
from agent.detect.baking.proof import compare, judged
from agent.detect.baking.recipe import Recipe
from agent.detect.cardfile import read_card
from agent.detect.detector import Detector, load_detector, open_detector
from agent.detect.engine import Tensor, open_engine
from agent.detect.install import add_model
from agent.detect.settings import DetectSettings
from agent.errors import ConfigError, ModelError

FRAMES = [frame(1), frame(2, 40, 200), frame(3, 640, 360), frame(4, 96, 64)]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shop(tmp_path)
    return tmp_path


def detector(site: Path, card: str, **changed: object) -> Detector:
    model = site / "published.onnx" if card == "street" else None
    words = {"card": card, "model": model, "models_dir": site, "min_score": 0.3} | changed
    return open_detector(DetectSettings(**words))  # type: ignore[arg-type]


def assert_same(found: list[Detections], wanted: list[Detections], atol: float = 1e-5) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert len(one) == len(other) > 0
        np.testing.assert_array_equal(one.class_ids, other.class_ids)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=atol)
        np.testing.assert_allclose(one.scores, other.scores, atol=atol)


@pytest.mark.parametrize("batch", [0, 1, 4])
def test_a_baked_model_finds_what_the_published_one_finds(site: Path, batch: int) -> None:
    made = baked(site, batch=batch)
    assert (made.agreement.beyond, made.agreement.lost) == (0, 0)
    assert_same(detector(site, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES))


@pytest.mark.parametrize(("batch", "calls"), [(0, [6]), (1, [1] * 6), (4, [4, 2])])
def test_frames_of_several_cameras_go_in_together(site: Path, batch: int, calls: list[int]) -> None:
    made = baked(site, batch=batch)
    engine, seen = open_engine("onnx", made.path, 1), []

    class Counted:
        input, outputs, max_batch, close = engine.input, engine.outputs, engine.max_batch, engine.close

        def run(self, pictures: Tensor) -> tuple[Tensor, ...]:
            seen.append(len(pictures))
            return engine.run(pictures)

    settings = DetectSettings(card="street-baked", min_score=0.3)
    together = Detector(made.card, made.path, Counted(), settings).detect([*FRAMES, *FRAMES[:2]])
    assert seen == calls
    assert_same(together[:4], together[4:] + together[2:4])


def test_another_size_is_what_the_network_gives_at_that_size(site: Path) -> None:
    made = baked(site, size=(96, 160))
    assert (made.card.input.height, made.card.input.width) == (96, 160)
    grid_model(site / "wide.onnx", (96, 160), 9, (8, 16), batch=1)  # the same weights, written for that size
    card = read_card(site / "street.toml")
    wide = replace(card, input=replace(card.input, height=96, width=160))
    settings = DetectSettings(min_score=0.3)
    assert_same(
        detector(site, "street-baked").detect(FRAMES), load_detector(wide, site / "wide.onnx", settings).detect(FRAMES)
    )


def test_a_model_that_fits_pictures_in_itself_gives_boxes_of_those_pictures(site: Path) -> None:
    made = baked(site, frame=(96, 192))
    assert (made.card.input.height, made.card.input.width, made.card.input.resize) == (96, 192, "letterbox")
    shown = [frame(5, 192, 96), frame(6, 384, 192)]  # whole blocks of pixels: every way of shrinking gives the same
    assert_same(detector(site, "street-baked").detect(shown), detector(site, "street").detect(shown))


def test_half_precision_finds_nearly_the_same(site: Path) -> None:
    made, whole = baked(site, precision="fp16"), baked(site, "street-whole.onnx")
    assert made.path.stat().st_size < whole.path.stat().st_size
    kinds = {each.data_type for each in onnx.load(str(made.path)).graph.initializer if each.name.startswith("net/w")}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert_same(detector(site, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES), atol=0.01)


def test_pixels_may_be_wanted_in_rgb(site: Path) -> None:
    made = baked(site, colour="RGB")
    assert made.card.input.colour == "RGB"
    assert_same(detector(site, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES))


def test_only_as_many_rows_as_wanted_come_out(site: Path) -> None:
    engine = open_engine("onnx", baked(site, keep=7).path, 1)
    assert [each.shape for each in engine.outputs] == [(None, 7, 4), (None, 7), (None, 7)]
    assert [each.dtype for each in engine.outputs] == ["float32", "float32", "int32"]
    assert (engine.input.name, engine.input.shape, engine.input.dtype) == ("images", (None, 64, 96, 3), "uint8")


def test_card_and_model_tell_how_they_were_made(site: Path) -> None:
    made = baked(site, size=(96, 160), precision="fp16", keep=50, tool="commune-agent 9.8.7")
    assert read_card(made.card_path) == made.card
    assert made.card.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    facts = made.card.baking
    assert facts is not None
    assert facts.source_sha256 == hashlib.sha256((site / "published.onnx").read_bytes()).hexdigest()
    assert (facts.source, facts.card, facts.tool) == ("published.onnx", "street", "commune-agent 9.8.7")
    assert (facts.height, facts.width, facts.batch, facts.precision, facts.keep) == (96, 160, 0, "fp16", 50)
    told = {each.key: each.value for each in onnx.load(str(made.path)).metadata_props}
    assert told["bake.source_sha256"] == facts.source_sha256
    assert told["bake.precision"] == "fp16"


def test_the_same_order_gives_the_same_bytes(site: Path) -> None:
    one, other = baked(site, "street-one.onnx"), baked(site, "street-two.onnx")
    assert one.path.read_bytes() == other.path.read_bytes()


def test_a_baked_model_that_was_damaged_is_noticed(site: Path) -> None:
    path = baked(site).path
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="has changed on the disk"):
        detector(site, "street-baked")


def test_model_add_brings_card_and_model_onto_the_box(site: Path, tmp_path: Path) -> None:
    made, box = baked(site), tmp_path / "box"
    added = add_model(made.path, "street-baked", box)
    assert added.pinned
    assert sorted(each.name for each in box.iterdir()) == [
        "street-baked.onnx",
        "street-baked.onnx.json",
        "street-baked.toml",
    ]
    assert_same(detector(box, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES))
    newer = baked(site, precision="fp16")
    assert add_model(newer.path, "street-baked", box).card == newer.card
    assert detector(box, "street-baked").card == newer.card


def test_a_card_that_does_not_belong_to_the_file_brings_nothing_onto_the_box(site: Path, tmp_path: Path) -> None:
    made, box = baked(site), tmp_path / "box"
    shutil.copy(site / "published.onnx", made.path)
    with pytest.raises(ModelError, match="is not the file card street-baked pins"):
        add_model(made.path, "street-baked", box)
    (site / "street-baked.toml").write_text(CARD.replace('"street"', '"street-baked"'), "utf-8")
    with pytest.raises(ModelError, match="card 'street-baked': is not known"):
        add_model(made.path, "street-baked", box)
    assert not box.exists()


def big_numbers(folder: Path) -> None:
    network = Network(
        "a = Mul (images, big)\nb = Mul (a, small)\nc = Conv <strides = [8, 8]> (b, k)\nd = Reshape (c, t)\n"
        "e = Transpose <perm = [0, 2, 1]> (d)\noutput = Sigmoid (e)",
        {
            "big": np.array(1e5, np.float32),
            "small": np.array(1e-7, np.float32),
            "k": (9, 3, 8, 8),
            "t": [1, 9, -1],
        },
    )
    (folder / "street.toml").write_text(CARD.replace("[8, 16]", "[8]"), "utf-8")
    model = network.written(64, 96)
    model.graph.input[0].name = "images"
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, (1, 96, 9)))
    onnx.save(model, str(folder / "published.onnx"))


def two_inputs(folder: Path) -> None:
    graph = Graph()
    graph.node("Add", [graph.input(name, (1, 3, 64, 96)) for name in ("left", "right")], "output")
    graph.output("output", (1, 3, 64, 96))
    graph.save(folder / "published.onnx")


def bytes_in(folder: Path) -> None:
    constant_model(folder / "published.onnx", ("images", (1, 3, 64, 96), "uint8"), {"y": np.zeros((1, 1), np.float32)})


def old_opset(folder: Path) -> None:
    model = onnx.load(str(folder / "published.onnx"))
    model.opset_import[0].version = 10
    onnx.save(model, str(folder / "published.onnx"))


def weights_elsewhere(folder: Path) -> None:
    model = onnx.load(str(folder / "published.onnx"))
    for weight in model.graph.initializer:
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight), weight.name))
    onnx.save(model, str(folder / "published.onnx"), save_as_external_data=True, size_threshold=0, location="w.bin")


def cut_short(folder: Path) -> None:
    content = (folder / "published.onnx").read_bytes()
    (folder / "published.onnx").write_bytes(content[:-500])


def fixed_places(folder: Path) -> None:
    model = onnx.load(str(folder / "published.onnx"))
    next(n for n in model.graph.node if n.op_type == "Reshape").op_type = "Expand"
    onnx.save(model, str(folder / "published.onnx"))


def own_card(text: str, other: str):
    def change(folder: Path) -> None:
        (folder / "street.toml").write_text(CARD.replace(text, other), "utf-8")

    return change


def nothing(_: Path) -> None:
    pass


DECODED = own_card('kind = "yolox"\nstrides = [8, 16]', 'kind = "decoded"')
PINNED = own_card("labels", f'sha256 = "{"0" * 64}"\nlabels')
REFUSED = [
    (two_inputs, {}, "has 2 inputs; a detector has one, the picture"),
    (bytes_in, {}, "only a float32 picture [N, 3, height, width] can be baked"),
    (old_opset, {}, "is of opset 10; export it again with opset 11 to 17"),
    (weights_elsewhere, {}, "keeps its weights in a second file"),
    (cut_short, {}, "is damaged, cut short or not ONNX"),
    (fixed_places, {}, "(Expand): what this kind of step does to several pictures is not known here"),
    (big_numbers, {"precision": "fp16"}, "bake it with fp32"),
    (lambda folder: shop(folder, batch=4), {}, "takes exactly 4 pictures a call; export it for 1 or for any number"),
    (own_card('"bicycle"]', '"bicycle", "bus"]'), {}, "name the card that belongs to this file"),
    (own_card('name = "images"', 'name = "pictures"'), {}, "takes 'images', not 'pictures'"),
    (DECODED, {}, "is of a model that decodes its own boxes; there is nothing to bake"),
    (PINNED, {}, "is not the file card street pins"),
    (nothing, {"card": "strete"}, "card 'strete': is not known; did you mean 'street'?"),
    (nothing, {"file": Path("nowhere.onnx")}, "there is no such file"),
    (nothing, {"size": (100, 160)}, "--size: must be multiples of 32 px"),
    (nothing, {"target": "Street.onnx"}, "-o: names 'Street.onnx'; it must end in .onnx"),
    (nothing, {"target": "street-baked.bin"}, "-o: names 'street-baked.bin'"),
    (nothing, {"target": "yolox-nano.onnx"}, "that no shipped card has, e.g. street-64x96.onnx"),
    (nothing, {"target": "away/street-baked.onnx"}, "cannot be written: No such file or directory"),
    (nothing, {"pictures": (Path(__file__),)}, "is no picture that can be read"),
]


@pytest.mark.parametrize(("change", "words", "told"), REFUSED, ids=[told[:30] for *_, told in REFUSED])
def test_a_refusal_says_why_and_leaves_nothing_behind(site: Path, change, words: dict, told: str, capfd) -> None:
    change(site)
    before = {each.name: each.read_bytes() for each in site.iterdir()}
    with pytest.raises((ModelError, ConfigError)) as caught:
        baked(site, **words)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {each.name: each.read_bytes() for each in site.iterdir()} == before
    assert capfd.readouterr() == ("", "")


def published_with_other_classes(site: Path) -> Path:
    """Write the published model with its classes in another order."""
    model = onnx.load(str(site / "published.onnx"))
    for weight in model.graph.initializer:
        if weight.name.startswith("w"):
            numbers = numpy_helper.to_array(weight)[[0, 1, 2, 3, 4, 6, 5, 8, 7]]
            weight.CopyFrom(numpy_helper.from_array(numbers, weight.name))
    onnx.save(model, str(site / "other.onnx"))
    return site / "other.onnx"


def test_the_comparison_sees_another_class_and_another_network(site: Path) -> None:
    made = baked(site)
    card = read_card(site / "street.toml")
    assert made.card.baking is not None
    recipe = Recipe(site / "published.onnx", card, lens(card.input, None), "BGR", made.card.baking)
    shown = [each.pixels for each in FRAMES]
    same, classes, strange = (
        compare(recipe, reference, made.card, made.path, shown)
        for reference in (
            site / "published.onnx",
            published_with_other_classes(site),
            grid_model(site / "strange.onnx", (64, 96), 9, (8, 16), batch=1, seed=1),
        )
    )
    assert (same.beyond, same.lost) == (0, 0)
    assert judged(same, recipe) is same
    for far in (classes, strange):
        assert far.lost > far.rows / 2
        with pytest.raises(ModelError, match=r"boxes differ by more than 0\.5 px or 0\.01 in score; this is a fault"):
            judged(far, recipe)
        half = replace(recipe, baking=replace(recipe.baking, precision="fp16"))
        with pytest.raises(ModelError, match="bake it with fp32"):
            judged(far, half)
    with pytest.raises(ModelError, match=r"boxes move by 3\.00 px when other pictures come in the same call"):
        judged(replace(same, batch_px=3.0), recipe)


def test_damaged_bytes_anywhere_never_escape_as_another_error(site: Path, seed: int, capfd) -> None:
    good, draw = (site / "published.onnx").read_bytes(), np.random.default_rng(seed)
    refused = 0
    for _ in range(60):
        damaged = np.frombuffer(good, np.uint8).copy()
        places = np.r_[draw.integers(0, 400, 3), draw.integers(len(good) - 700, len(good), 3)]
        damaged[places] = draw.integers(0, 256, len(places))
        (site / "published.onnx").write_bytes(damaged.tobytes())
        try:
            baked(site)
        except ModelError:
            refused += 1
    assert refused > 10
    assert capfd.readouterr() == ("", "")


def test_another_file_than_the_card_pins_may_be_allowed(site: Path) -> None:
    PINNED(site)
    made = baked(site, allow_other=True)
    assert made.card.baking is not None
    assert made.card.baking.source_sha256 == hashlib.sha256((site / "published.onnx").read_bytes()).hexdigest()


def test_the_operators_pictures_are_compared_on_too(site: Path) -> None:
    cv2.imwrite(str(site / "street.png"), FRAMES[2].pixels)
    few, more = baked(site), baked(site, pictures=(site / "street.png",))
    assert more.agreement.rows > few.agreement.rows


def test_a_card_is_read_back_whatever_it_says(site: Path) -> None:
    text = CARD.replace("Test network", 'Ngã tư \\"Đông\\" \\\\ 1').replace(
        '"random weights"', '"""\\nTwo lines,\\nsome = signs # here.\\n"""'
    )
    text = text.replace('interpolation = "linear"', 'interpolation = "area"\npad = 77').replace("0.4", "0.35")
    (site / "street.toml").write_text(text, "utf-8")
    made: Baked = baked(site)
    assert read_card(made.card_path) == made.card
    assert 'Ngã tư "Đông" \\ 1' in made.card.title


def test_what_a_card_needs_stands_on_the_baked_one_too(site: Path) -> None:
    text = (site / "street.toml").read_text("utf-8")
    (site / "street.toml").write_text(text + '\n[needs]\ntensorrt = "10.16"\n', "utf-8")
    assert read_card(baked(site).card_path).least_tensorrt == (10, 16)


def test_a_detr_is_baked_for_any_number_of_pictures(site: Path) -> None:
    detr(site)
    made = baked(site)
    assert (made.agreement.beyond, made.agreement.rows >= 100) == (0, True)
    assert_same(detector(site, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES))


BEYOND_PROOF = 'Einsum <equation = "nqc->nqc"> (f)'
"""A step that does no harm and has no rule."""


def test_what_cannot_be_opened_can_still_be_baked_for_one_picture(site: Path) -> None:
    detr(site, BEYOND_PROOF)
    with pytest.raises(ModelError, match=r"\(Einsum\).*or bake it in its own size with --batch 1"):
        baked(site)
    with pytest.raises(ModelError, match=r"\(Einsum\)"):
        baked(site, batch=1, size=(96, 160))
    made = baked(site, batch=1)
    assert (made.card.batch, made.agreement.beyond) == ("fixed", 0)
    assert_same(detector(site, "street-baked").detect(FRAMES), detector(site, "street").detect(FRAMES))
    half = baked(site, "street-half.onnx", batch=1, precision="fp16")
    assert half.path.stat().st_size < made.path.stat().st_size
