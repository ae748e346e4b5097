"""Make the demo model: render street scenes, learn from them, measure on scenes never seen, write the ONNX file.

    python models/train/train.py --out models/demo.onnx

Under an hour on two cores. An interrupted run goes on where it stopped (``--work``).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the stage room of this very checkout

import torch
from batches import batches
from demo_check import check_demo
from export import export
from loss import loss_of
from net import Detector, grid
from pictures import HEIGHT, HELD_OUT_DAY, HELD_OUT_DUSK, TRAIN, WIDTH, PictureSet, prepare
from score import average_precision, find

from agent.stage.scene import CLASSES

_WARM_UP = 150
_EMA_HALVES = 0.998
_SAVE_EVERY = 250


@dataclass(frozen=True)
class Recipe:
    """What decides the result besides the pictures.

    Attributes:
        seed: of weights and of the order and variation of pictures.
        steps: batches learnt.
        batch: pictures a batch.
        rate: highest learning rate (AdamW), falling by a half cosine to 2 % of it.
    """

    seed: int = 1
    steps: int = 3000
    batch: int = 16
    rate: float = 2.5e-3


class Run:
    """A training run with everything it needs to go on after an interruption."""

    def __init__(self, recipe: Recipe, checkpoint: Path) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self._checkpoint = recipe, checkpoint
        self.model = Detector(len(CLASSES)).to(memory_format=torch.channels_last)
        self.average = Detector(len(CLASSES))
        self.average.load_state_dict(self.model.state_dict())
        self._optimizer = torch.optim.AdamW(_groups(self.model), lr=recipe.rate)
        self.step = 0
        if checkpoint.exists():
            self._resume()

    def learn(self, pictures: PictureSet) -> None:
        """Learn until the last step; saves itself now and then."""
        places = grid(HEIGHT, WIDTH)
        begun, first = time.monotonic(), self.step
        for images, labels in batches(pictures, self.recipe.batch, self.recipe.seed, range(first, self.recipe.steps)):
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate()
            self.model.train()
            loss = loss_of(self.model(images.contiguous(memory_format=torch.channels_last)), labels, places)
            self._optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 20.0)
            self._optimizer.step()
            self.step += 1
            self._follow()
            if self.step % 50 == 0:
                pace = (time.monotonic() - begun) / (self.step - first)
                print(f"step {self.step}/{self.recipe.steps} loss {loss.item():.3f}, {pace:.2f} s a step", flush=True)
            if self.step % _SAVE_EVERY == 0 or self.step == self.recipe.steps:
                self._save()

    def _rate(self) -> float:
        if self.step < _WARM_UP:
            return self.recipe.rate * (self.step + 1) / _WARM_UP
        share = (self.step - _WARM_UP) / max(1, self.recipe.steps - _WARM_UP)
        return self.recipe.rate * (0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2)

    def _follow(self) -> None:
        """Let the averaged weights follow; faster at the start, when there is little to average."""
        keep = min(_EMA_HALVES, self.step / (self.step + 100))
        with torch.no_grad():
            for mean, new in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
                if mean.dtype.is_floating_point:
                    mean.mul_(keep).add_(new, alpha=1 - keep)
                else:
                    mean.copy_(new)

    def _save(self) -> None:
        part = self._checkpoint.with_suffix(".part")
        torch.save(
            {
                "recipe": asdict(self.recipe),
                "step": self.step,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            },
            part,
        )
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        saved = torch.load(self._checkpoint, weights_only=True)
        if saved["recipe"] != asdict(self.recipe):
            sys.exit(f"{self._checkpoint} belongs to another recipe {saved['recipe']}; delete it or choose --work")
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]
        print(f"going on at step {self.step}", flush=True)


def _groups(model: Detector) -> list[dict[str, object]]:
    """Weight decay for convolution kernels only."""
    kernels = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    return [{"params": kernels, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]


def measure(model: Detector, sets: dict[str, PictureSet]) -> dict[str, dict[str, float]]:
    """AP50 of each class and their mean on each set."""
    report = {}
    for name, pictures in sets.items():
        found = find(model, pictures.pixels)
        points = {label: average_precision(found, pictures, kind) for kind, label in enumerate(CLASSES)}
        points["mean"] = sum(points.values()) / len(points)
        report[name] = {label: round(value, 4) for label, value in points.items()}
    return report


def main() -> int:
    """Run the command."""
    wanted = _arguments()
    torch.set_num_threads(wanted.threads)
    torch.use_deterministic_algorithms(True)
    if wanted.untrained:
        torch.manual_seed(wanted.seed)
        print(f"{wanted.out}: random weights, sha256 {export(Detector(len(CLASSES)), wanted.out)}")
        return 0
    wanted.work.mkdir(parents=True, exist_ok=True)
    run = Run(Recipe(wanted.seed, wanted.steps), wanted.work / f"checkpoint-{wanted.seed}-{wanted.steps}.pt")
    if not wanted.as_it_is:
        run.learn(prepare(TRAIN, wanted.work, wanted.threads))
    text = json.dumps(_ship(run, wanted), indent=2)
    print(text)
    if wanted.metrics:
        wanted.metrics.write_text(text + "\n", "utf-8")
    return 0


def _ship(run: Run, wanted: argparse.Namespace) -> dict[str, object]:
    """Write the ONNX file and measure what it holds."""
    sets = {plan.name: prepare(plan, wanted.work, wanted.threads) for plan in (HELD_OUT_DAY, HELD_OUT_DUSK)}
    digest = export(run.average, wanted.out)
    return {
        "recipe": asdict(run.recipe),
        "step": run.step,
        "sha256": digest,
        "bytes": wanted.out.stat().st_size,
        "ap50": measure(run.average, sets),
        "demo_scenes": check_demo(run.average),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where to write the ONNX file")
    parser.add_argument("--work", type=Path, default=Path(".train"), help="rendered pictures, checkpoints (about 2 GB)")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--metrics", type=Path, help="where to write the measured numbers as JSON")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--untrained", action="store_true", help="write the network with random weights; learns nothing")
    kind.add_argument("--as-it-is", action="store_true", help="export the last checkpoint without learning on")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
