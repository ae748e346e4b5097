"""The plain loop that anybody would write: OpenCV reads, ONNX Runtime looks, ``trackers`` follows.

    python bench/yard/plain.py MODEL HEIGHT WIDTH letterbox|stretch CLIP MIN_SCORE NMS_IOU [DETECTIONS]

Runs in an environment of its own, which knows nothing of this software. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import supervision as sv
from trackers import ByteTrackTracker


def main() -> None:
    model, height, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    stretch, clip, least, overlap = sys.argv[4] == "stretch", sys.argv[5], float(sys.argv[6]), float(sys.argv[7])
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    tracker, reader = ByteTrackTracker(), cv2.VideoCapture(clip)
    outputs = [output.name for output in session.get_outputs()]
    canvas = np.full((1, height, width, 3), 114, np.uint8)
    found, network_s, network_cpu_s, tracks = [], 0.0, 0.0, 0
    cpu_s, began_s = time.process_time(), time.perf_counter()
    while True:
        got, picture = reader.read()
        if not got:
            break
        ratio = min(height / picture.shape[0], width / picture.shape[1])
        size = int(picture.shape[1] * ratio), int(picture.shape[0] * ratio)
        size = (width, height) if stretch else size
        canvas[0, : size[1], : size[0]] = cv2.resize(picture, size)
        asked_s, asked_cpu_s = time.perf_counter(), time.thread_time()
        answers = dict(zip(outputs, session.run(None, {"images": canvas}), strict=True))
        network_s, network_cpu_s = (
            network_s + time.perf_counter() - asked_s,
            network_cpu_s + time.thread_time() - asked_cpu_s,
        )
        boxes, scores, classes = answers["boxes"][0], answers["scores"][0], answers["classes"][0]
        sure = scores >= least
        boxes, scores, classes = boxes[sure], scores[sure], classes[sure]
        rows = [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes.tolist()]
        kept = np.array(cv2.dnn.NMSBoxesBatched(rows, scores.tolist(), classes.tolist(), least, overlap), int).ravel()
        share = np.array([1 / (ratio * picture.shape[1]), 1 / (ratio * picture.shape[0])] * 2)
        share = np.array([1 / width, 1 / height] * 2) if stretch else share
        found.append(np.column_stack((boxes[kept] * share, scores[kept], classes[kept])).tolist())
        seen = sv.Detections(xyxy=boxes[kept], confidence=scores[kept], class_id=classes[kept].astype(int))
        tracks += len(tracker.update(seen))
    spent = {"wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
    if len(sys.argv) > 8:
        Path(sys.argv[8]).write_text(json.dumps(found), "utf-8")
    print(
        json.dumps(
            {**spent, "frames": len(found), "network_s": network_s, "network_cpu_s": network_cpu_s, "tracks": tracks}
        )
    )


if __name__ == "__main__":
    main()
