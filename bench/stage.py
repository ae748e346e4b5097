"""How much faster than real time a scene is drawn, on one core.

    python bench/stage.py

Prints a ratio for each scene: seconds of scene per second of CPU time. The promise is 3 or more.
"""

from __future__ import annotations

import time

import cv2

from agent.stage.render import Renderer
from agent.stage.script import load_scene, scene_names

PICTURES = 300


def main() -> None:
    cv2.setNumThreads(1)
    for name in scene_names():
        scene = load_scene(name)
        begun = time.process_time()
        renderer = Renderer(scene)
        built = time.process_time()
        for k in range(PICTURES):
            renderer.render(k * scene.duration_s / PICTURES)
        drawn_s = time.process_time() - built
        ratio = PICTURES / scene.fps / drawn_s
        print(f"{name}: {ratio:.1f} x real time at {scene.width}x{scene.height}, {scene.fps:g} fps", end="")
        print(f" ({drawn_s / PICTURES * 1000:.1f} ms a picture, setting {built - begun:.2f} s)")


if __name__ == "__main__":
    main()
