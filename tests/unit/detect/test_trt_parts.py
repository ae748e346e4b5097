"""The parts around an engine: which machine, which shelf, how far, which version."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.nvidia import FakeCudart, nvidia

from agent.detect import tensorrt
from agent.detect.card import Card, DecodedHead, InputSpec, YoloxHead
from agent.detect.needs import check_baked
from agent.detect.trt.cudart import gpu_name, load_cudart, runtime_version
from agent.detect.trt.library import check_version
from agent.detect.trt.monitor import Progress, Tally
from agent.detect.trt.place import Place, this_place
from agent.detect.trt.shelf import Key, Note, Shelf
from agent.errors import BackendMissing, ModelError

PLACE = Place("10.3.0", "12.6", "sm87", "R36 (release), REVISION: 5.0", "nvidia,p3768-0000+p3767-0005-super")
KEY = Key("ab" * 32, PLACE, 4, 512 << 20, 3, 1)


def note(content: bytes, key: Key = KEY, model: str = "street.onnx", seconds: float = 400.0) -> Note:
    return Note(model, asdict(key), hashlib.sha256(content).hexdigest(), seconds, "2026-11-28T00:00:00+00:00", [])


def put(shelf: Shelf, key: Key, content: bytes, **more: Any) -> Path:
    part = shelf.folder / "new.part"
    part.write_bytes(content)
    shelf.put(shelf.plan(key), part, note(content, key, **more))
    return shelf.plan(key)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, Path("street.onnx"))


class TestShelf:
    def test_every_part_of_the_key_makes_another_plan(self) -> None:
        others = [
            replace(KEY, model="cd" * 32),
            replace(KEY, batch=2),
            replace(KEY, workspace_bytes=1 << 20),
            replace(KEY, level=4),
            replace(KEY, revision=2),
            *(replace(KEY, place=replace(PLACE, **{part: "other"})) for part in asdict(PLACE)),
        ]
        digests = {key.digest for key in (KEY, *others)}
        assert len(digests) == 1 + len(others)
        assert replace(KEY).digest == KEY.digest

    def test_what_is_put_is_read(self, shelf: Shelf) -> None:
        plan = put(shelf, KEY, b"plan")
        assert shelf.read(plan) == b"plan"
        assert shelf.note(plan) == note(b"plan")

    @pytest.mark.parametrize("content", [b"", b"pla", b"plan2"])
    def test_a_plan_of_another_digest_is_none(self, shelf: Shelf, content: bytes) -> None:
        plan = put(shelf, KEY, b"plan")
        plan.write_bytes(content)
        assert shelf.read(plan) is None

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model": "street.onnx"}', '{"model": 1, "more": 2}'])
    def test_a_plan_without_a_whole_note_is_none(self, shelf: Shelf, text: str) -> None:
        plan = put(shelf, KEY, b"plan")
        plan.with_name(plan.name + ".json").write_text(text)
        assert shelf.read(plan) is None

    @pytest.mark.parametrize(
        "changed", [{"key": None}, {"key": []}, {"build_s": "long"}, {"said": None}, {"model": 1}, {"sha256": None}]
    )
    def test_a_note_that_somebody_else_wrote_is_none(self, shelf: Shelf, changed: dict[str, Any]) -> None:
        plan = put(shelf, replace(KEY, batch=2), b"plan")
        plan.with_name(plan.name + ".json").write_text(json.dumps(asdict(note(b"plan")) | changed))
        assert shelf.note(plan) is None
        assert shelf.older(KEY) == []
        assert shelf.estimate_s() is None

    def test_a_power_cut_leaves_no_plan_or_a_whole_one(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cut before every rename that ``put`` makes, over an older plan of the same key."""
        real = Path.replace
        for cut in range(3):
            put(shelf, KEY, b"old plan")
            left = [cut]

            def rename(path: Path, target: Path, left: list[int] = left) -> Path:
                if left[0] == 0:
                    raise OSError("power cut")
                left[0] -= 1
                return real(path, target)

            monkeypatch.setattr(Path, "replace", rename)
            with contextlib.suppress(OSError):
                put(shelf, KEY, b"new plan")
            monkeypatch.undo()
            assert shelf.read(shelf.plan(KEY)) in (None, b"new plan"), cut
        assert shelf.read(shelf.plan(KEY)) == b"new plan"

    def test_older_plans_are_those_of_the_same_model_newest_first(self, shelf: Shelf) -> None:
        first, second = (put(shelf, replace(KEY, batch=n), b"plan") for n in (1, 2))
        put(shelf, replace(KEY, model="cd" * 32), b"another model of that name")
        put(shelf, KEY, b"plan")
        os.utime(first, (1, 1))
        os.utime(second, (2, 2))
        assert shelf.older(KEY) == [second, first]

    def test_the_last_build_of_this_model_is_the_best_guess(self, shelf: Shelf) -> None:
        assert shelf.estimate_s() is None
        put(shelf, replace(KEY, batch=1), b"plan", model="other.onnx", seconds=50.0)
        assert shelf.estimate_s() == 50.0
        put(shelf, replace(KEY, batch=2), b"plan", seconds=300.0)
        assert shelf.estimate_s() == 300.0

    def test_tidying_keeps_the_plan_and_some_of_other_models(self, shelf: Shelf) -> None:
        keep = put(shelf, KEY, b"plan")
        old = put(shelf, replace(KEY, batch=2), b"plan")
        others = [
            put(Shelf(shelf.folder, Path(f"m{n}.onnx")), replace(KEY, model=f"{n}" * 64), b"plan") for n in range(6)
        ]
        for age, path in enumerate(others):
            os.utime(path, (100 - age, 100 - age))
        (shelf.folder / "left.part").write_bytes(b"half")
        (shelf.folder / "gone.plan.json").write_text("{}")
        shelf.tidy(KEY)
        names = {path.name for path in shelf.folder.iterdir()}
        assert {keep.name, *(path.name for path in others[:4])} == {name for name in names if name.endswith(".plan")}
        assert not {old.name, "left.part", "gone.plan.json"} & names


def test_progress_is_one_share_of_nested_phases() -> None:
    told: list[Progress] = []
    tally = Tally(told.append)
    tally.begin("Building", None, 2)
    tally.begin("Tactics", "Building", 4)
    for step in range(4):
        tally.step("Tactics", step)
    tally.end("Tactics")
    tally.step("Building", 0)
    tally.step("Building", 0)
    tally.step("unknown", 3)
    tally.end("Building")
    tally.end("Building")
    assert [(news.phase, round(news.share, 3)) for news in told] == [
        ("Building", share) for share in (0.0, 0.125, 0.25, 0.375, 0.5, 1.0)
    ]


@pytest.mark.parametrize("version", ["10.3.0", "10.13.3.9", "10.16.2.10", "11.4.1.0"])
def test_the_versions_of_jetpack_6_1_and_later_are_taken(version: str) -> None:
    check_version(SimpleNamespace(__version__=version))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["8.2.1", "8.5.2", "8.6.2", "10.0.1", "10.2.0"])
def test_older_ones_are_refused_by_name(version: str) -> None:
    with pytest.raises(BackendMissing, match=rf"TensorRT {version} is too old.*JetPack 6\.1"):
        check_version(SimpleNamespace(__version__=version))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"import_error": "libnvdla_compiler.so: cannot open shared object file"}, r"does not load: libnvdla_compiler"),
        ({"version": "8.6.2"}, r"8\.6\.2 is too old"),
    ],
)
def test_a_library_that_does_not_do_says_why(tmp_path: Path, knobs: dict[str, str], told: str) -> None:
    with nvidia(tmp_path) as world:
        world.turn(**knobs)
        from support import nvidia as fakes

        fakes._forget()
        with pytest.raises(BackendMissing, match=told):
            tensorrt.load_tensorrt()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, r"is not NVIDIA's \(.*tensorrt.*\)"),
        ("__version__ = '10.3.0'", "is not NVIDIA's"),
        ("raise OSError('libnvinfer.so.10: file too short')", "does not load: libnvinfer.so.10: file too short"),
    ],
)
def test_a_stranger_of_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, told: str
) -> None:
    """A folder of that name is enough for Python: it makes an empty module of it."""
    (tmp_path / "tensorrt").mkdir()
    if text is not None:
        (tmp_path / "tensorrt/__init__.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    try:
        with pytest.raises(BackendMissing, match=told):
            tensorrt.load_tensorrt()
    finally:
        sys.modules.pop("tensorrt", None)


@pytest.mark.parametrize("name", ["cudaMallocMapped", "cudaStreamCreate", "cudaEventCreate"])
def test_a_jetson_utils_without_streams_leaves_memory_to_the_cuda_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Builds from before June 2024 have none; they still read cameras."""
    with nvidia(tmp_path) as world:
        assert tensorrt.load_jetson_utils() is world.utils
        assert world.utils.Log.GetLevel() == "silent"
        monkeypatch.delattr(world.utils, name)
        assert tensorrt.load_jetson_utils() is None
    assert "memory comes from the CUDA runtime instead" in caplog.text


def test_no_library_is_said_with_where_it_comes_from() -> None:
    with pytest.raises(BackendMissing, match=r"apt install nvidia-jetpack.*--system-site-packages"):
        tensorrt.load_tensorrt()
    assert tensorrt.load_jetson_utils() is None


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic", True),
        ("# R36 (release), REVISION: 5.0, GCID: 42132812, BOARD: generic", False),
        ("# R39 (release), REVISION: 2.0", False),
        ("", False),
    ],
)
def test_the_one_broken_jetpack_is_warned_of(
    tmp_path: Path, line: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "release").write_text(line)
    with caplog.at_level(logging.WARNING):
        tensorrt.warn_of_release(tmp_path / "release")
    assert ("36.4.7" in caplog.text) == warned
    tensorrt.warn_of_release(tmp_path / "not there")


def test_a_place_is_told_by_the_files_of_a_jetson(tmp_path: Path) -> None:
    (tmp_path / "release").write_text("# R36 (release), REVISION: 5.0, GCID: 42132812, BOARD: generic\nmore\n")
    (tmp_path / "board").write_bytes(b"nvidia,p3768-0000+p3767-0005-super\0nvidia,tegra234\0")
    trt: Any = SimpleNamespace(__version__="10.3.0")
    place = this_place(trt, FakeCudart(None), tmp_path / "release", tmp_path / "board")
    assert place == PLACE
    bare = this_place(trt, None, tmp_path / "none", tmp_path / "none")
    assert (bare.gpu, bare.cuda, bare.l4t) == ("", "", "")
    assert bare.board


def test_a_gpu_that_is_not_there_has_no_name() -> None:
    cudart = FakeCudart(None)
    assert (gpu_name(cudart), runtime_version(cudart)) == ("sm87", "12.6")
    cudart.fails.update(cudaDeviceGetAttribute=100, cudaRuntimeGetVersion=35)
    assert (gpu_name(cudart), runtime_version(cudart)) == ("", "")
    assert load_cudart(["libno_such_library.so.1"]) is None


def test_only_models_that_take_pixels_and_give_boxes_are_for_tensorrt() -> None:
    spec = InputSpec("images", 64, 64, layout="NHWC", dtype="uint8")
    words: dict[str, Any] = {
        "id": "street",
        "title": "",
        "file": "",
        "licence": "",
        "labels": ("car",),
        "outputs": (),
        "batch": "dynamic",
    }
    words |= {"conf": 0.4, "nms_iou": 0.5, "verified": False, "provenance": ""}
    check_baked(Card(input=spec, head=DecodedHead(), **words))
    for changed in (
        {"input": replace(spec, layout="NCHW"), "head": DecodedHead()},
        {"input": replace(spec, dtype="float32"), "head": DecodedHead()},
        {"input": spec, "head": YoloxHead((8,))},
    ):
        with pytest.raises(ModelError, match="model bake FILE --card street"):
            check_baked(Card(**words, **changed))  # type: ignore[arg-type]
