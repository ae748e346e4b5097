"""``model bake`` as people run it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.bakery import shop
from support.commands import command

needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnx") is None, reason="the package onnx is not here: nothing can be baked"
)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    (tmp_path / "site").mkdir()
    file = shop(tmp_path / "site")
    target = tmp_path / "street-baked.onnx"
    return ["model", "bake", *map(str, (file, "--card", "street", "--models-dir", tmp_path / "site", "-o", target))]


@needs_onnx
def test_it_says_what_it_made_and_what_to_do_next(words: list[str], tmp_path: Path) -> None:
    run = command(*words, "--size", "96x160", "--precision", "fp16", "--keep", "50")
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert f"{tmp_path / 'street-baked.onnx'}: Test network; baked, 160x96, fp16, sha256 " in run.stdout
    assert "takes 160x96 BGR pixels as they come" in run.stdout
    assert "commune-agent model add" in run.stdout
    added = command(
        "model", "add", tmp_path / "street-baked.onnx", "--card", "street-baked", "--models-dir", tmp_path / "b"
    )
    assert added.returncode == 0, added.stderr
    listed = command("model", "list", "--models-dir", tmp_path / "b", "--json")
    rows = {row["card"]: row["path"] for row in json.loads(listed.stdout)}
    assert rows["street-baked"] == str(tmp_path / "b" / "street-baked.onnx")


@needs_onnx
def test_scripts_get_json(words: list[str], tmp_path: Path) -> None:
    run = command(*words, "--json", "--batch", "1")
    told = json.loads(run.stdout)
    assert told["card"] == "street-baked"
    assert told["path"] == str(tmp_path / "street-baked.onnx")
    assert (told["beyond"], told["rows"] >= 100) == (0, True)


@needs_onnx
def test_a_model_that_cannot_be_baked_is_one_line_and_code_5(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "site" / "published.onnx").write_bytes(b"\x00" * 300)
    run = command(*words)
    assert run.returncode == 5
    assert run.stdout == ""
    assert run.stderr.startswith("commune-agent: model ")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "street-baked.onnx").exists()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--size", "640"], "'640' is no size; give height and width, e.g. 384x640"),
        (["--size", "0x640"], "is no size"),
        (["--frame", "360x9999"], "is no size"),
        (["--batch", "0"], "'0' is neither dynamic nor a number from 1 to 64"),
        (["--batch", "all"], "neither dynamic nor a number"),
        (["--keep", "0"], "'0' is no number from 1 to 1000"),
        (["--precision", "int8"], "invalid choice"),
        (["--colour", "YUV"], "invalid choice"),
    ],
)
def test_an_option_that_makes_no_sense_is_code_2(words: list[str], option: list[str], told: str) -> None:
    run = command(*words, *option)
    assert run.returncode == 2
    assert told in run.stderr


PRETEND = "import sys; sys.modules['onnx'] = None; from agent.__main__ import main; sys.exit(main(sys.argv[1:]))"
"""A machine without the package: its import fails as it does there."""


def test_without_the_package_it_says_what_to_install(words: list[str], tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", PRETEND, *words], capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert run.stderr.startswith("commune-agent: backend 'bake' cannot be used here: the Python package onnx does not")
    assert "pip install 'commune-agent[bake]'" in run.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]


@pytest.mark.parametrize("action", [["list"], ["bake", "--help"], ["add", "nowhere.onnx", "--card", "demo"]])
def test_no_other_action_loads_the_package(action: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom agent.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\nsys.exit('onnx' in sys.modules)"
    )
    line = [sys.executable, "-c", program, "model", *action]
    if action[0] != "bake":
        line += ["--models-dir", str(tmp_path)]
    assert subprocess.run(line, capture_output=True, check=False).returncode == 0
