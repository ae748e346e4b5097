"""The watch program as a program of its own, for what can only be measured from outside.

python bench/yard/ours.py MATERIAL clip           # the clip once, every frame as fast as it goes
python bench/yard/ours.py MATERIAL memory N S     # N cameras on the clip in real time for S seconds
python bench/yard/ours.py MATERIAL first          # until the first look has been judged
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path


def resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    from agent.video.settings import FFMPEG_ENVIRONMENT
    from agent.watch import process
    from yard.stand import Material

    os.environ.update(FFMPEG_ENVIRONMENT)
    logging.disable(logging.CRITICAL)
    sys.setswitchinterval(process.TURN_S)
    material, what = Material.read(Path(sys.argv[1])), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        told = {"clip": clip, "memory": memory, "first": first}[what](Path(folder), material, *map(int, sys.argv[3:]))
    print(json.dumps(told))


def clip(folder: Path, material) -> dict[str, float]:
    from yard.stand import Stand, camera, settings_of

    told = [camera("gate", "opencv", material.clip, pace="fast")]
    stand = Stand(settings_of(folder, material.detect, told), {})
    cpu_s, began_s = time.process_time(), time.perf_counter()
    stand.start()
    looking_s = 0.0
    while not stand.finished:
        looking_s = stand.looking_s or looking_s
        time.sleep(0.05)
    spent = {"wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s, "looking_s": looking_s}
    told_of = {
        **spent,
        "frames": stand.engine.frames,
        "network_s": stand.engine.wall_s,
        "network_cpu_s": stand.engine.cpu_s,
    }
    stand.close()
    return told_of


def memory(folder: Path, material, cameras: int, seconds: int) -> dict[str, object]:
    from yard.stand import Stand, camera, settings_of

    told = [camera(f"cam-{n}", "opencv", material.clip, loop=True, fps=1) for n in range(cameras)]
    stand = Stand(settings_of(folder, material.detect, told), {})
    stand.start()
    sizes_mb = []
    for _ in range(seconds):
        time.sleep(1)
        sizes_mb.append(resident_mb())
    stand.close()
    return {"sizes_mb": sizes_mb, "frames": stand.engine.frames}


def first(folder: Path, material) -> dict[str, float]:
    from yard.stand import Stand, camera, settings_of

    stand = Stand(settings_of(folder, material.detect, [camera("gate", "opencv", material.clip, fps=1)]), {})
    stand.start()
    while not stand.engine.frames:
        time.sleep(0.005)
    print("first", flush=True)
    stand.close()
    return {}


if __name__ == "__main__":
    main()
