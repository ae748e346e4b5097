"""One camera's capture thread: opens, reads, stamps, masks, hands over; comes back when the camera does."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing

from agent.clock import Clock, Moment
from agent.core.frame import Frame
from agent.core.source import Grab, Grabber, StreamRequest
from agent.errors import BackendMissing, ConfigError, SourceEnded, SourceLost
from agent.runtime import CameraStatus
from agent.video.backoff import Backoff
from agent.video.mask import Painter
from agent.video.settings import CameraSettings
from agent.video.slot import Shot, Slot
from agent.video.stamp import Cadence, ClipTime, LiveTime

log = logging.getLogger(__name__)

HOPELESS_RETRY_S = 60.0
"""Between attempts at what only a person can mend: a missing backend, a wrong configuration, a fault of ours."""

LEAST_FPS = 1.0
"""Seldomer, and the rules would call the time between two looks blindness (docs/design/rules.md)."""

_FPS_WINDOW_US = 10_000_000
_LATE_US = 1_000_000  # a file that falls this far behind goes on from there instead of racing after
_REASON_CHARS = 200  # it stands on one line of the page; the log has the whole of a fault
_NAP_S = 0.1  # how soon a waiting thread notices that it should stop


class CameraFeed:
    """Everything one camera needs to become frames. The thread is a daemon: a driver that hangs holds up nobody.

    Args:
        settings: the camera.
        open_stream: opens it; called again and again.
        clock: all time comes from here.
        arrived: notified at every new frame and every end; shared by the cameras of a set.
        draw: randomness of the back-off, 0 to 1.
    """

    def __init__(
        self,
        settings: CameraSettings,
        open_stream: Callable[[StreamRequest], Grabber],
        clock: Clock,
        arrived: threading.Condition,
        draw: Callable[[], float],
    ) -> None:
        self.settings = settings
        self._open_stream = open_stream
        self._clock = clock
        self._arrived = arrived
        self._backoff = Backoff(draw)
        self._slot = Slot(settings.id, arrived, Painter(settings.masks).paint)
        self._live_time = LiveTime()
        self._clip_time: ClipTime | None = None
        self._cadence = Cadence(settings.fps)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera-{settings.id}", daemon=True)
        self._state, self._reason = "connecting", ""
        self._whole = False
        self._seq = self._dropped = self._reconnects = 0
        self._newest: Moment | None = None
        self._driver_since_us: int | None = None
        self._taken_us: deque[int] = deque()
        self._started_us = 0
        self._put_us = 0

    def start(self) -> None:
        """Begin to capture."""
        self._started_us = self._clock.now().mono_us
        self._thread.start()

    def take(self) -> Frame | None:
        """Give the newest frame that is due, or None; hold the lock of ``arrived``. Borrowed until the next but one."""
        frame = self._slot.take()
        if frame is not None:
            self._taken_us.append(self._clock.now().mono_us)
        return frame

    @property
    def ready(self) -> bool:
        """Whether a frame waits to be taken; hold the lock of ``arrived``."""
        return self._slot.ready

    def expected(self, within_us: int) -> bool:
        """Whether the next frame should be ready within ``within_us`` from now, at the pace of the last."""
        if self._state != "running":
            return False
        left_us = self._put_us + self._cadence.interval_us - self._clock.now().mono_us
        return (
            self._whole or -within_us <= left_us <= within_us
        )  # one that is overdue by more keeps no pace to wait for

    def slow_down(self, share: float) -> None:
        """Want this share of the configured rate from now on, but never less than LEAST_FPS; 1 = all of it."""
        self._cadence.change(min(self.settings.fps, max(LEAST_FPS, self.settings.fps * share)))

    @property
    def finished(self) -> bool:
        """Whether the source has ended and its last frame is taken; hold the lock of ``arrived``."""
        return self._state == "ended" and not self._slot.ready

    def status(self) -> CameraStatus:
        """Say how the camera does; call it from the consumer's thread."""
        now_us = self._clock.now().mono_us
        while self._taken_us and now_us - self._taken_us[0] > _FPS_WINDOW_US:
            self._taken_us.popleft()
        state, reason = self._seen_from_outside(now_us)
        newest, span_us = self._newest, max(1_000_000, min(_FPS_WINDOW_US, now_us - self._started_us))
        return CameraStatus(
            id=self.settings.id,
            state=state,
            reason=reason,
            frame_utc_us=newest.utc_us if newest else 0,
            frame_mono_us=newest.mono_us if newest else 0,
            fps=round(len(self._taken_us) * 1_000_000 / span_us, 1),
            dropped=self._dropped,
            reconnects=self._reconnects,
        )

    def ask_stop(self) -> None:
        """Tell the thread to end; it does so within a moment, or when its driver lets go of it."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end, if it ever began; False when it still sits in its driver after ``timeout_s``."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _seen_from_outside(self, now_us: int) -> tuple[str, str]:
        """Judge the driver too: one that breaks its own time-out leaves the thread unable to say that it is lost."""
        since_us, limit_s = self._driver_since_us, self.settings.read_timeout_s
        if self._state == "running" and since_us is not None and now_us - since_us > (limit_s + 1) * 1_000_000:
            return "lost", f"no picture for {(now_us - since_us) / 1_000_000:.0f} s and the driver does not return"
        return self._state, self._reason

    def _run(self) -> None:
        """Play until told to stop; the loop of this thread, so nothing may end it but that or the source's end."""
        while not self._stopping.is_set():
            try:
                self._play()
            except SourceEnded as ended:
                return self._end(ended.problem)
            except SourceLost as lost:
                self._lose(lost.problem)
                self._wait(self._backoff.next_s())
            except (BackendMissing, ConfigError) as hopeless:
                self._lose(str(hopeless))
                self._wait(HOPELESS_RETRY_S)
            except Exception as fault:
                log.exception("camera %s: fault in its capture thread", self.settings.id)
                self._lose(f"internal fault: {fault!r}"[:_REASON_CHARS])
                self._wait(HOPELESS_RETRY_S)
        return None

    def _play(self) -> None:
        self._live_time.restart()
        if self._clip_time is not None:
            self._clip_time.restart()
        with closing(self._open_stream(self._request())) as grabber:
            while not self._stopping.is_set():
                self._driver_since_us = self._clock.now().mono_us
                try:
                    grab = grabber.read()
                finally:
                    self._driver_since_us = None
                self._receive(grab, grabber.live)

    def _request(self) -> StreamRequest:
        camera = self.settings
        return StreamRequest(
            camera=camera.id,
            url=camera.url,
            user=camera.user,
            password=camera.password,
            pace=camera.pace,
            loop=camera.loop,
            open_timeout_s=camera.open_timeout_s,
            read_timeout_s=camera.read_timeout_s,
            fps=camera.fps,
            fit=camera.fit,
        )

    def _receive(self, grab: Grab, live: bool) -> None:
        arrived = self._clock.now()
        self._seq += 1
        self._backoff.good(arrived.mono_us)
        whole = self._whole = not live and self.settings.pace == "fast"
        at = self._live_time.stamp(grab.pts_us, arrived) if live else self._clip_moment(grab.pts_us, arrived, whole)
        if at is None or not (whole or self._cadence.wants(at.mono_us)):
            self._dropped += 1
        elif not whole or self._room():
            self._cadence.took(at.mono_us)
            self._newest, self._put_us = at, arrived.mono_us
            self._dropped += not self._slot.put(Shot(grab.pixels, self._seq, at, grab.new_canvas))
        self._come_back()

    def _clip_moment(self, pts_us: int | None, arrived: Moment, whole: bool) -> Moment:
        """Stamp a picture of a file, and unless all are wanted as fast as possible wait until it is due."""
        if self._clip_time is None:
            self._clip_time = ClipTime(arrived)
        due = self._clip_time.stamp(pts_us)
        if whole:
            return due
        late_us = arrived.mono_us - due.mono_us
        if late_us > _LATE_US:
            self._clip_time.slip(late_us)
            due = due.shifted(late_us)
        self._wait((due.mono_us - arrived.mono_us) / 1_000_000)
        now = self._clock.now()  # the wall clock may have been set since the clip began
        return now.shifted(due.mono_us - now.mono_us)

    def _room(self) -> bool:
        """Wait until the consumer has taken the frame before; False when told to stop first."""
        while not self._stopping.is_set():
            if self._slot.wait_empty(_NAP_S):
                return True
        return False

    def _wait(self, seconds: float) -> None:
        end_us = self._clock.now().mono_us + round(seconds * 1_000_000)
        while not self._stopping.is_set() and (left_us := end_us - self._clock.now().mono_us) > 0:
            self._clock.sleep(min(_NAP_S, left_us / 1_000_000))

    def _come_back(self) -> None:
        if self._state == "lost":
            self._reconnects += 1
            log.warning("camera %s: pictures again", self.settings.id)
        self._state, self._reason = "running", ""

    def _lose(self, problem: str) -> None:
        """Note a loss; log it where it is news."""
        if self._state != "lost" or self._reason != problem:
            log.warning("camera %s: %s; trying again", self.settings.id, problem)
        self._state, self._reason = "lost", problem

    def _end(self, how: str) -> None:
        log.info("camera %s: %s", self.settings.id, how)
        with self._arrived:
            self._state, self._reason = "ended", how
            self._arrived.notify_all()
