"""Pixels into bytes: small and redacted for the link, clean for the box."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.box import Box
from agent.core.image import Image
from agent.errors import AgentError
from agent.evidence.settings import EvidenceSettings

FAULTS = (AgentError, cv2.error, ArithmeticError, ValueError, MemoryError)
"""All that can go wrong with a picture while it is drawn, cut, scaled and encoded; its event goes on without it."""

_CLEAN_QUALITY = 90
_PREVIEW_QUALITY = 70
_CONTENT_TYPES = {"webp": "image/webp", "jpeg": "image/jpeg"}


def narrowed(pixels: NDArray[np.uint8], max_width_px: int) -> NDArray[np.uint8]:
    """Scale a picture down to at most ``max_width_px``; a narrower one stays as it is."""
    height, width = pixels.shape[:2]
    if width <= max_width_px:
        return pixels
    size = (max_width_px, max(1, round(height * max_width_px / width)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def cropped(pixels: NDArray[np.uint8], box: Box, margin: float) -> NDArray[np.uint8]:
    """Cut out ``box`` with ``margin`` of its size on every side; at least 2 × 2 px."""
    height, width = pixels.shape[:2]
    cut = box.grown(margin)
    x1, y1 = min(int(cut.x1 * width), width - 2), min(int(cut.y1 * height), height - 2)
    x2, y2 = max(x1 + 2, int(cut.x2 * width)), max(y1 + 2, int(cut.y2 * height))
    return pixels[y1:y2, x1:x2]


def leaving(kind: str, pixels: NDArray[np.uint8], settings: EvidenceSettings) -> Image:
    """Encode a picture that will leave the box; ``pixels`` must be redacted already."""
    small = narrowed(pixels, settings.max_width_px)
    if settings.codec == "webp":
        content = _encode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, settings.quality])
    else:
        content = _encode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, settings.quality])
    height, width = small.shape[:2]
    return Image(kind, content, _CONTENT_TYPES[settings.codec], width, height, leaves_box=True)


def clean(kind: str, pixels: NDArray[np.uint8]) -> Image:
    """Encode the untouched picture, which stays on the box."""
    height, width = pixels.shape[:2]
    content = _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _CLEAN_QUALITY])
    return Image(kind, content, "image/jpeg", width, height, leaves_box=False)


def preview(pixels: NDArray[np.uint8], settings: EvidenceSettings) -> bytes:
    """Encode the page's live picture as JPEG; ``pixels`` must be redacted already."""
    small = narrowed(pixels, settings.max_width_px)
    return _encode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])


def _encode(suffix: str, pixels: NDArray[np.uint8], options: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, pixels, options)
    if not done:
        raise AgentError(f"cannot encode a {pixels.shape[1]}x{pixels.shape[0]} picture as {suffix}")
    return encoded.tobytes()
