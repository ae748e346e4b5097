"""The thread that looks: frames out of the cameras, through the network, one batch ahead of whoever judges them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.clock import monotonic_us
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.detect.detector import Detector
from agent.errors import AgentError
from agent.video.capture import STOP_S, CameraSet
from agent.watch.gate import Gate

log = logging.getLogger(__name__)

_GATHER_S = 0.5
_WINDOW_S = 0.015  # other cameras' frames are worth this wait: one call of the network costs about as much
_NAP_S = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A frame and what is to be seen in it.

    Attributes:
        frame: borrowed until the next batch of looks is asked for.
        found: what the network found; None where nothing has changed since it last looked.
    """

    frame: Frame
    found: Detections | None


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """What came of one gathering.

    Attributes:
        looks: at most one a camera; none where no frame came for 0.5 s.
        began_us: monotonic µs at which the network was asked.
        took_s: how long it took; 0 where it was not asked.
    """

    looks: Sequence[Look]
    began_us: int = 0
    took_s: float = 0.0


class Lookout:
    """Gathers, passes by what has not changed, and detects in the rest, while the batch before is being judged.

    There are never more than two batches: the one that is judged, and the one that is looked at. It is handed over when
    the judge asks for it, who has thereby finished with the one before; a judge who waits for a disk holds up the looks
    too, and the cameras drop and count.

    Args:
        cameras: where frames come from.
        detector: used by this thread alone.
        gates: one a camera.
        stop: ends it.
    """

    def __init__(
        self, cameras: CameraSet, detector: Detector, gates: Mapping[str, Gate], stop: threading.Event
    ) -> None:
        self._cameras = cameras
        self._detector = detector
        self._gates = gates
        self._stop = stop
        self._turn = threading.Condition()
        self._asked = self._over = False
        self._offer: Batch | None = None
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def batches(self) -> Iterator[Batch]:
        """Give batch after batch until stopped or every source has ended; an empty one after 0.5 s without a frame.

        Nothing comes while the network hangs, so whoever feeds a watchdog once a batch does not feed it then.

        Raises:
            ModelError: the network fails; any other fault of the looking thread comes out here, too.
        """
        while (batch := self._take()) is not None:
            yield batch
        if self._fault is not None:
            raise self._fault

    def close(self) -> bool:
        """Wait for the thread's end after ``stop``; False when the network does not return, and must be left alone."""
        self._stop.set()
        with self._turn:
            self._turn.notify_all()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        return not self._thread.is_alive()

    def _take(self) -> Batch | None:
        with self._turn:
            self._asked = True
            self._turn.notify_all()
            while self._offer is None and not self._over and not self._stop.is_set():
                self._turn.wait(_NAP_S)
            batch, self._offer = self._offer, None
            self._asked = False
            return batch

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                frames = self._cameras.gather(_GATHER_S, _WINDOW_S, self._detector.most)
                if not frames and self._cameras.finished:
                    log.info("every source has ended")
                    break
                self._hand_over(self._look(frames))
        except AgentError as fault:
            self._fault = fault
        except Exception as fault:  # whatever it is, the judging thread must end with it
            log.exception("fault in the looking thread")
            self._fault = fault
        finally:
            with self._turn:
                self._over = True
                self._turn.notify_all()

    def _look(self, frames: Sequence[Frame]) -> Batch:
        """Detect in the frames in which something may have changed."""
        wanted = [frame for frame in frames if self._gates[frame.camera].opens(frame)]
        if not wanted:
            return Batch([Look(frame, None) for frame in frames])
        began_us = monotonic_us()
        answers = self._detector.detect(wanted)
        took_s = (monotonic_us() - began_us) / 1_000_000
        found = {frame.camera: answer for frame, answer in zip(wanted, answers, strict=True)}
        return Batch([Look(frame, found.get(frame.camera)) for frame in frames], began_us, took_s)

    def _hand_over(self, batch: Batch) -> None:
        with self._turn:
            while not self._asked and not self._stop.is_set():
                self._turn.wait(_NAP_S)
            self._offer, self._asked = batch, False
            self._turn.notify_all()
