"""Which frames the network need not look at: those of a camera before which nothing moves and nothing is in doubt."""

from __future__ import annotations

from agent.core.frame import Frame
from agent.detect.glance import Glance

LOOK_EVERY_US = 900_000
"""The network looks at every camera at least this often, whatever the picture does: what changes too slowly or too
faintly to be a change is then seen within a second, well before the rules would call it blindness (2 s)."""


class Gate:
    """One camera's gate between capture and network.

    It closes only after the judge has said that the frame last looked at left nothing in doubt, and opens at the first
    sign of a change. The frames it holds back are judged all the same, as showing what the last look showed.

    Args:
        wanted: False keeps it open for ever.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._glance = Glance()
        self._looked_seq = -1
        self._looked_us = 0
        self._calm_seq = -1

    def opens(self, frame: Frame) -> bool:
        """Tell whether the network must look at ``frame``; call it for every frame, in order."""
        if not self._wanted:
            return True
        changed = self._glance.changed(frame.pixels)
        known = self._calm_seq == self._looked_seq >= 0
        elapsed_us = frame.at.mono_us - self._looked_us
        if known and not changed and 0 < elapsed_us < LOOK_EVERY_US:
            return False
        self._glance.looked()
        self._looked_seq, self._looked_us = frame.seq, frame.at.mono_us
        return True

    def judged(self, frame: Frame, *, calm: bool) -> None:
        """Note that a frame that was looked at has been judged, and whether it left nothing in doubt; any thread."""
        self._calm_seq = frame.seq if calm else -1
