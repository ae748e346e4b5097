"""``model add`` as people run it: what it says of a file that its card does, or does not, pin."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cards import CARD
from support.commands import command
from support.onnx_maker import grid_model


@pytest.mark.parametrize(
    ("pin", "told"),
    [("", False), (f'url = "https://example.org/street.onnx"\nsha256 = "{"0" * 64}"', True)],
    ids=["pins nothing", "pins another file"],
)
def test_only_a_card_that_pins_a_file_is_said_to_pin_another(tmp_path: Path, pin: str, told: bool) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "street.toml").write_text(CARD.format(pin=pin), "utf-8")
    file = grid_model(tmp_path / "mine.onnx", (64, 64), 7, (8,))
    run = command("model", "add", file, "--card", "street", "--allow-other", "--models-dir", models)
    assert run.returncode == 0, run.stderr
    assert ("not the file that the card pins" in run.stdout) == told
    assert 'use it with: [detector] card = "street"' in run.stdout
