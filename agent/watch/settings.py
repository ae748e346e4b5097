"""What the watch program is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.backdrop.settings import BackdropSettings
from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.health.settings import HealthSettings
from agent.rules.settings import RulebookSettings
from agent.store.settings import StoreSettings
from agent.track.settings import TrackSettings
from agent.video.settings import CameraSettings


@dataclass(frozen=True)
class WatchSettings:
    """Everything the river needs, from camera to store.

    Attributes:
        cameras: in the order of the site.
        rulebooks: one a camera, same order.
        runtime_dir: for status and previews.
        config_hash: 16 hex digits of the site configuration, recorded at every start.
        version: of the agent, recorded at every start.
        max_rebuilds: after so many camera streams set up anew by the backend ``jetson`` the program starts afresh.
        backdrops: one a camera, same order; a camera without one has its defaults and no masks.
        detect, track, evidence, store, health: as the rooms say.
    """

    cameras: tuple[CameraSettings, ...]
    detect: DetectSettings
    track: TrackSettings
    rulebooks: tuple[RulebookSettings, ...]
    evidence: EvidenceSettings
    store: StoreSettings
    runtime_dir: Path
    config_hash: str = ""
    version: str = ""
    max_rebuilds: int = 100
    backdrops: tuple[BackdropSettings, ...] = ()
    health: HealthSettings = field(default_factory=HealthSettings)
