"""What the templates are given: judged values; times in the box's monotonic ms, so that a browser can count on."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.image import ImageRef


@dataclass(frozen=True)
class Notice:
    """A line at the top of the page.

    Attributes:
        key: catalogue key below ``warning.``.
        level: ``bad`` (the box does not do its work) or ``wait``.
        fact: what the catalogue's text names, e.g. the reason in the words of the program that met it.
    """

    key: str
    level: str = "wait"
    fact: str = ""


@dataclass(frozen=True)
class LinkCard:
    """How the link to HQ stands.

    Attributes:
        state: as in UplinkStatus, or ``silent`` (its status is old) or ``absent`` (it never wrote one).
        reason: why not connected; empty otherwise.
        since_us: wall µs at which the state began; 0 where unknown.
        hq: catalogue key below ``link.``: ``hq_online``, ``hq_offline`` or ``hq_unknown``.
        backlog: (stream, count) of what waits, none of them 0; None where nobody can tell.
        last_ack_ms: box-monotonic ms of HQ's last acknowledgment; None for never.
    """

    state: str
    reason: str
    since_us: int
    hq: str
    backlog: tuple[tuple[str, int], ...] | None
    last_ack_ms: int | None


@dataclass(frozen=True)
class Tile:
    """One camera.

    Attributes:
        camera: camera id.
        name: what people call it.
        state: as in CameraStatus, or ``unknown`` while watch is silent.
        reason: why it is lost; empty otherwise.
        fps: frames judged per second; None while unknown.
        image_ms: box-monotonic ms of its newest frame; None before the first.
        preview: address of its newest picture, another with every picture; None before the first.
        ailments: what is wrong with its picture, the most serious first; catalogue keys below ``ailment.``.
    """

    camera: str
    name: str
    state: str
    reason: str
    fps: float | None
    image_ms: int | None
    preview: str | None
    ailments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pending:
    """Something whose dwell is running; never sent.

    Attributes:
        id: incident id that it will have.
        camera: name.
        zone: name.
        rule: rule id.
        label: class.
        begin_ms: box-monotonic ms from which the dwell counts.
        dwell_s: how long now.
        limit_s: when it opens; None where unknown.
        box: x, y, width, height in thousandths of the picture.
        preview: as in Tile.
    """

    id: str
    camera: str
    zone: str
    rule: str
    label: str
    begin_ms: int
    dwell_s: float
    limit_s: float | None
    box: tuple[int, int, int, int]
    preview: str | None


@dataclass(frozen=True)
class Shown:
    """An incident that opened.

    Attributes:
        id: incident id.
        camera: name.
        zone: name.
        rule: rule id.
        label: class.
        severity: severity id.
        phase: ``open`` or ``ended``.
        confidence: catalogue key below ``confidence.``.
        count: objects.
        begin_us: wall µs.
        alert_us: wall µs.
        end_us: wall µs; None while open.
        end_reason: None while open.
        dwell_s: how long it lasted, or has lasted when last told.
        begin_ms: box-monotonic ms of the begin, as far as the wall clock can be trusted.
        preexisting: already there when the camera began to see.
        quiet: repeated within the cool-down.
        shots: its pictures, of each kind the newest.
        evidence: why pictures are missing; None otherwise.
        delivered: whether HQ has its newest revision.
    """

    id: str
    camera: str
    zone: str
    rule: str
    label: str
    severity: str
    phase: str
    confidence: str
    count: int
    begin_us: int
    alert_us: int
    end_us: int | None
    end_reason: str | None
    dwell_s: float
    begin_ms: int
    preexisting: bool
    quiet: bool
    shots: tuple[ImageRef, ...]
    evidence: str | None
    delivered: bool

    @property
    def thumbnail(self) -> ImageRef | None:
        """The picture that tells most at a glance."""
        order = {"overview": 0, "closeup": 1, "after": 2}
        return min(self.shots, key=lambda shot: order.get(shot.kind, 3), default=None)


@dataclass(frozen=True)
class Step:
    """One revision in an incident's history.

    Attributes:
        kind: of the event.
        utc_us: when it happened, wall µs.
    """

    kind: str
    utc_us: int


@dataclass(frozen=True)
class Board:
    """The first page.

    Attributes:
        warnings: most pressing first.
        link: to HQ.
        tiles: in configured order.
        open: newest first.
        pending: longest first.
        recent: ended, newest first.
        readable: False where the incident store could not be read, so that an empty list means nothing.
    """

    warnings: tuple[Notice, ...]
    link: LinkCard
    tiles: tuple[Tile, ...]
    open: tuple[Shown, ...]
    pending: tuple[Pending, ...]
    recent: tuple[Shown, ...]
    readable: bool
