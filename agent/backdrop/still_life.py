"""What stands in the picture and was not there before: a background that moving things do not enter, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop.look import Look
from agent.backdrop.regions import Region, regions_of
from agent.backdrop.settings import BackdropSettings
from agent.core.box import Box
from agent.core.view import Standing

_DIFFERENT = 20  # grey levels in any colour, beyond what a shake of a pixel explains: noise and JPEG stay below 12
_BUSY = 12
_BUSY_RATE = 0.04  # of two looks a second: leaves that move a third of the time are known within half a minute
_RESTLESS = 0.3
_LEARN_RATE = 0.02
_FIRST_LOOKS, _FIRST_RATE = 20, 0.2  # ten seconds in which whatever passes through leaves no trace
_ABSENT_LOOKS = 3
_EXPLAINED_US = 10_000_000  # a detector that misses a car for some seconds has not unexplained it
_EXPLAINED_MARGIN = 0.1
_VETO_SHARE = 0.4
_VETO_US = 30_000_000
_GHOST_US = 30_000_000
_ABSORB_US = 86_400_000_000  # what has stood for a day belongs there
_LIT, _SAMPLED = 8, 7  # too dark pixels have no ratio; one in seven tells the median as well
_LEAST_GAIN, _MOST_GAIN = 0.4, 2.5


class StillLife:
    """The background of one camera and what stands before it.

    Attributes:
        standing: as of the last look, largest first.
    """

    def __init__(self, settings: BackdropSettings) -> None:
        self._settings = settings
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.standing: tuple[Standing, ...] = ()
        self._ground: NDArray[np.float32] | None = None
        self._looks = 0
        self._veto_until_us = -(2**62)
        self._vetoed = False

    def update(self, look: Look, explained: Sequence[Box], *, steady: bool) -> None:
        """Take a look, about twice a second.

        Args:
            look: the picture.
            explained: boxes of what is detected or tracked.
            steady: whether the picture can be trusted; if not, nothing is learnt and nothing changes.
        """
        if self._ground is None or self._ground.shape != look.colour.shape:
            self._begin(look)
        elif steady:
            self._follow(look, explained)

    def _begin(self, look: Look) -> None:
        self.forget()
        self._ground = look.colour.astype(np.float32)
        self._last = look.grey.astype(np.int16)
        self._restless = np.zeros(look.grey.shape, np.float32)
        self._since_us = np.zeros(look.grey.shape, np.int64)
        self._absent = np.zeros(look.grey.shape, np.uint8)
        self._explained_until_us: NDArray[np.int64] = np.zeros(look.grey.shape, np.int64)

    def _follow(self, look: Look, explained: Sequence[Box]) -> None:
        assert self._ground is not None
        now_us = look.mono_us
        grey = look.grey.astype(np.int16)
        busy = np.abs(grey - self._last) > _BUSY
        self._last = grey
        self._restless += _BUSY_RATE * (busy - self._restless)
        self._explain(explained, now_us)
        self._looks += 1
        if self._looks <= _FIRST_LOOKS:
            self._ground += _FIRST_RATE * (look.colour - self._ground)
            return
        unexplained = look.valid & (self._explained_until_us <= now_us)
        expected = self._expected(look, unexplained)
        different = _beyond_shake(expected, look.colour) > _DIFFERENT
        if self._vetoes(different, look.valid, now_us):
            return
        fresh = different & ~busy & unexplained & (self._restless < _RESTLESS) & (self._since_us == 0)
        self._since_us[fresh] = now_us
        self._absent = np.where(different, 0, np.minimum(self._absent + 1, 100)).astype(np.uint8)
        self._since_us[(self._absent >= _ABSENT_LOOKS) | ~unexplained] = 0
        self._learn(look, ~different & unexplained & ~busy)
        self._tell(look, expected, now_us)

    def _expected(self, look: Look, unexplained: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Give the background in the present light."""
        assert self._ground is not None
        bright = cv2.cvtColor(np.asarray(self._ground, np.uint8), cv2.COLOR_BGR2GRAY)
        quiet = unexplained & (self._since_us == 0) & (bright > _LIT)
        now, then = look.grey[quiet][::_SAMPLED], bright[quiet][::_SAMPLED]
        gain = float(np.median(now / then)) if len(then) else 1.0
        gain = min(max(gain, _LEAST_GAIN), _MOST_GAIN)
        return np.asarray(np.clip(self._ground * gain, 0, 255), np.uint8)

    def _explain(self, explained: Sequence[Box], now_us: int) -> None:
        rows, columns = self._explained_until_us.shape
        for box in explained:
            near = box.grown(_EXPLAINED_MARGIN)
            area = (
                slice(int(near.y1 * rows), int(np.ceil(near.y2 * rows))),
                slice(int(near.x1 * columns), int(np.ceil(near.x2 * columns))),
            )
            self._explained_until_us[area] = now_us + _EXPLAINED_US

    def _vetoes(self, different: NDArray[np.bool_], valid: NDArray[np.bool_], now_us: int) -> bool:
        """Tell whether the whole picture has changed; once it has been so for a while, it is the new background."""
        if valid.any() and float(different[valid].mean()) > _VETO_SHARE and not self._vetoed:
            self._veto_until_us, self._vetoed = now_us + _VETO_US, True
        if self._vetoed and now_us >= self._veto_until_us:
            self._vetoed = False
            self._ground = None
            self.standing = ()
            return True
        return self._vetoed

    def _learn(self, look: Look, where: NDArray[np.bool_]) -> None:
        assert self._ground is not None
        rate = where[..., None] * np.float32(_LEARN_RATE)
        self._ground += rate * (look.colour - self._ground)

    def _tell(self, look: Look, expected: NDArray[np.uint8], now_us: int) -> None:
        stood_us = np.where(self._since_us > 0, now_us - self._since_us, 0)
        settled = stood_us >= self._settings.settle_s * 1e6
        self._absorb(look, stood_us > _ABSORB_US)
        if not settled.any():
            self.standing = ()
            return
        told = []
        for region in regions_of(settled, look, expected, self._settings.min_area):
            since_us = int(np.median(self._since_us[region.pixels & settled]))
            if region.light or (region.removed and now_us - since_us > _GHOST_US):
                self._absorb(look, region.pixels)
            else:
                told.append(self._standing(region, since_us))
        self.standing = tuple(sorted(told, key=lambda thing: -thing.area))

    def _standing(self, region: Region, since_us: int) -> Standing:
        rows, columns = region.pixels.shape
        x1, y1, x2, y2 = region.box_px
        box = Box(x1 / columns, y1 / rows, x2 / columns, y2 / rows)
        return Standing(box, float(region.pixels.sum()) / (rows * columns), since_us, region.change, region.removed)

    def _absorb(self, look: Look, where: NDArray[np.bool_]) -> None:
        assert self._ground is not None
        self._ground[where] = look.colour[where]
        self._since_us[where] = 0


def _beyond_shake(expected: NDArray[np.uint8], colour: NDArray[np.uint8]) -> NDArray[np.int16]:
    """How far each pixel is from everything that lies within a pixel of it in the background, in its worst colour.

    A pixel of the small picture is some four of the frame: a mast that sways by three stays within it.
    """
    around = np.ones((3, 3), np.uint8)
    lowest, highest = cv2.erode(expected, around).astype(np.int16), cv2.dilate(expected, around).astype(np.int16)
    now = colour.astype(np.int16)
    beyond = np.maximum(lowest - now, now - highest)
    return np.asarray(np.maximum(np.maximum(beyond[..., 0], beyond[..., 1]), beyond[..., 2]), np.int16)
