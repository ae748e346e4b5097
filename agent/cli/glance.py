"""Take one picture of a camera, as watch would see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.config import prepare_decoder
from agent.core.source import StreamRequest
from agent.video.mask import Painter
from agent.video.settings import CameraSettings
from agent.video.source import open_source
from agent.watch.process import BACKENDS


def glance(camera: CameraSettings) -> NDArray[np.uint8]:
    """Open a camera, read its first picture and close it again.

    Returns:
        (H, W, 3) uint8 BGR, privacy masks painted over.

    Raises:
        SourceLost: it gives no picture.
        BackendMissing, ConfigError: it never will, as configured.
    """
    request = StreamRequest(
        camera=camera.id,
        url=camera.url,
        user=camera.user,
        password=camera.password,
        pace="fast",  # a file's first picture, without waiting for its time
        loop=camera.loop,
        open_timeout_s=camera.open_timeout_s,
        read_timeout_s=camera.read_timeout_s,
    )
    prepare_decoder()
    grabber = open_source(camera.backend, request, BACKENDS)
    try:
        pixels = np.array(grabber.read().pixels)
    finally:
        grabber.close()
    Painter(camera.masks).paint(pixels)
    return pixels
