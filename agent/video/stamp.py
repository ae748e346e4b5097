"""When was this picture taken? Pure arithmetic on stream time and arrival time; docs/design/video.md says why."""

from __future__ import annotations

from agent.clock import Moment

MAX_DELAY_US = 2_000_000
"""A live picture is held to be at most this late; beyond, the stream's own time is no longer believed."""

MAX_GAP_US = 10_000_000
"""A longer hole between two pictures of a file is a broken time, not a pause."""

_WINDOW_US = 5_000_000  # the best case of the last 5-10 s says how late "on time" is; follows any camera's drift
_SETTLE_US = 3_000_000  # longest wait for the backlog of a freshly opened stream to run dry
_UNTIMED_LIMIT = 5  # pictures without a time after which a fresh stream is taken to tell none at all
_DEFAULT_STEP_US = 40_000  # between pictures that tell no time at all: 25 per second, the commonest rate


class LiveTime:
    """Stamps the pictures of a source that delivers in real time, over a network that may hold them back.

    A picture cannot arrive before it is taken, so of all recent pictures the one with the smallest
    (arrival - stream time) was the most punctual; it ties the two clocks, and every other picture is placed by its
    stream time. Stamps rise strictly and never lie after the arrival nor more than MAX_DELAY_US before it.
    """

    def __init__(self) -> None:
        self._stamp_us: int | None = None
        self._arrival_us = 0
        self.restart()

    def restart(self) -> None:
        """Begin a newly opened stream: its clock is unknown, and what it sends first may be a backlog."""
        self._pts_us: int | None = None
        self._opened_us: int | None = None
        self._untimed = 0
        self._settled = False
        self._anchor: _Anchor | None = None

    def stamp(self, pts_us: int | None, arrived: Moment) -> Moment | None:
        """Say when a picture was taken.

        Args:
            pts_us: its stream time; None where it has none.
            arrived: when it came out of the driver; rises from call to call.

        Returns:
            The moment, on the clocks of ``arrived``; None for a picture of the opening backlog, whose age nobody knows.
        """
        fresh = self._settled or self._settles(pts_us, arrived.mono_us)
        delay_us = self._delay_us(pts_us, arrived.mono_us) if fresh else 0
        self._pts_us, self._arrival_us = pts_us, arrived.mono_us
        if not fresh:
            return None
        taken_us = arrived.mono_us - delay_us
        if self._stamp_us is not None:
            taken_us = max(taken_us, self._stamp_us + 1)
        self._stamp_us = taken_us
        return arrived.shifted(taken_us - arrived.mono_us)

    def _settles(self, pts_us: int | None, arrival_us: int) -> bool:
        """Tell whether pictures now come as fast as they are taken; a backlog comes faster."""
        if self._opened_us is None:
            self._opened_us = arrival_us
        if pts_us is None:
            self._untimed += 1
            hurried = self._untimed < _UNTIMED_LIMIT
        elif self._pts_us is None:
            hurried = True  # nothing to compare with yet
        else:
            hurried = 2 * (arrival_us - self._arrival_us) < pts_us - self._pts_us
        self._settled = not hurried or arrival_us - self._opened_us >= _SETTLE_US
        return self._settled

    def _delay_us(self, pts_us: int | None, arrival_us: int) -> int:
        if pts_us is None:  # taken to be as late as the one before it
            return self._arrival_us - self._stamp_us if self._stamp_us is not None and self._anchor else 0
        if self._anchor is None or (self._pts_us is not None and pts_us <= self._pts_us):
            self._anchor = _Anchor(arrival_us, arrival_us - pts_us)
            return 0
        delay_us = arrival_us - pts_us - self._anchor.least_us(arrival_us, arrival_us - pts_us)
        if delay_us > MAX_DELAY_US:
            self._anchor = _Anchor(arrival_us, arrival_us - pts_us)
            return 0
        return delay_us


class _Anchor:
    """The least (arrival - stream time) of the last one to two windows."""

    def __init__(self, arrival_us: int, offset_us: int) -> None:
        self._since_us = arrival_us
        self._before_us = self._now_us = offset_us

    def least_us(self, arrival_us: int, offset_us: int) -> int:
        """Take one more picture into account."""
        if arrival_us - self._since_us > _WINDOW_US:
            self._since_us, self._before_us, self._now_us = arrival_us, self._now_us, offset_us
        self._now_us = min(self._now_us, offset_us)
        return min(self._before_us, self._now_us)


class ClipTime:
    """Stamps the pictures of a file: where in the clip each stands, counted from the moment playing began.

    Stream times that are missing, repeated, run backwards or leave a hole of more than MAX_GAP_US are replaced by the
    last sound step, so that stamps rise strictly whatever the file says.
    """

    def __init__(self, start: Moment) -> None:
        self._start = start
        self._position_us = -1
        self._step_us = _DEFAULT_STEP_US
        self._pts_us: int | None = 0

    def restart(self) -> None:
        """Begin the clip again; time goes on from where it was."""
        self._pts_us = None

    def stamp(self, pts_us: int | None) -> Moment:
        """Say when a picture is due: the start, shifted by its place in the clip."""
        if self._position_us < 0:
            self._position_us = pts_us if pts_us is not None and 0 <= pts_us <= MAX_GAP_US else 0
        else:
            self._position_us += self._advance_us(pts_us)
        self._pts_us = pts_us
        return self._start.shifted(self._position_us)

    def slip(self, late_us: int) -> None:
        """Move the rest of the clip later, because whoever plays it has fallen behind."""
        self._start = self._start.shifted(late_us)

    def _advance_us(self, pts_us: int | None) -> int:
        if pts_us is not None and self._pts_us is not None and 0 < pts_us - self._pts_us <= MAX_GAP_US:
            self._step_us = pts_us - self._pts_us
        return self._step_us


class Cadence:
    """Picks the pictures a detector wants to see from those a camera sends.

    Args:
        fps: pictures wanted per second, > 0.

    Attributes:
        interval_us: between two pictures that are wanted.
    """

    def __init__(self, fps: float) -> None:
        self.interval_us = round(1_000_000 / fps)
        self._due_us: int | None = None

    def change(self, fps: float) -> None:
        """Want ``fps`` pictures per second from the next one on."""
        interval_us = round(1_000_000 / fps)
        if self._due_us is not None:
            self._due_us += interval_us - self.interval_us
        self.interval_us = interval_us

    def wants(self, taken_us: int) -> bool:
        """Tell whether a picture taken at ``taken_us`` is due.

        A quarter of an interval early still counts: else jitter would halve a camera that runs at just this rate.
        """
        return self._due_us is None or taken_us >= self._due_us - self.interval_us // 4

    def took(self, taken_us: int) -> None:
        """Note that one was handed over; the next is due one interval after this one was, not after it came."""
        due_us = taken_us if self._due_us is None else self._due_us
        late = taken_us - due_us >= self.interval_us
        self._due_us = (taken_us if late else due_us) + self.interval_us
