"""site.toml -> one frozen settings object per room; no room knows that file.

With ``site_model.py``, ``site_camera.py`` and ``site_table.py`` (its shape) and ``site_faults.py`` this is the only
importer of pydantic.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from agent import site_camera, site_checks, site_model, site_shape
from agent.backdrop.settings import BackdropSettings, CameraHealthSettings
from agent.core.incident import Severity
from agent.core.polygon import polygon
from agent.detect.settings import DetectSettings, TensorRtSettings
from agent.evidence.settings import EvidenceSettings
from agent.health.settings import HealthSettings
from agent.page.settings import PageSettings, ShownCamera
from agent.rules.settings import DEFAULTS, RulebookSettings, RuleSettings, ZoneSettings
from agent.site_faults import ConfigErrors, from_pydantic, tell
from agent.site_secrets import Secrets, Vault
from agent.site_values import is_loopback, parse_window
from agent.store.settings import SIGNERS, StoreSettings
from agent.track.settings import TrackSettings
from agent.uplink.settings import TlsSettings, UplinkSettings
from agent.video.settings import FFMPEG_ENVIRONMENT, CameraSettings
from agent.watch.settings import WatchSettings

_PLAIN_PORT, _TLS_PORT = 1883, 8883  # IANA: mqtt, secure-mqtt

# ONNX Runtime's own builds for Linux report to its maker, names and hashes of models among it, from the moment they are
# imported. Nothing leaves a box but what HQ is told, so this stands before any import of it: whatever opens a model has
# imported this module.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@dataclass(frozen=True)
class Site:
    """One box as configured, ready for its programs.

    Attributes:
        path: the file it came from.
        box: id.
        area: id of the unit HQ is.
        name: what people call the box.
        timezone: IANA name.
        state_dir: what must survive.
        runtime_dir: what must only be fresh.
        store, detect, track, evidence, health, uplink, page: as the rooms say; a password not asked for is empty.
        cameras: in the order of the file.
        rulebooks: one a camera, same order.
        backdrops: one a camera, same order.
        hash: 16 hex digits of the effective configuration, defaults included; comments and order do not count.
        warnings: what deserves a look, one line each; logged at every start.
        max_rebuilds: as WatchSettings says.
    """

    path: Path
    box: str
    area: str
    name: str
    timezone: str
    state_dir: Path
    runtime_dir: Path
    store: StoreSettings
    cameras: tuple[CameraSettings, ...]
    detect: DetectSettings
    track: TrackSettings
    rulebooks: tuple[RulebookSettings, ...]
    backdrops: tuple[BackdropSettings, ...]
    evidence: EvidenceSettings
    health: HealthSettings
    uplink: UplinkSettings
    page: PageSettings
    hash: str
    warnings: tuple[str, ...]
    max_rebuilds: int = WatchSettings.max_rebuilds

    @property
    def watch(self) -> WatchSettings:
        """What the watch program is told."""
        return WatchSettings(
            cameras=self.cameras,
            detect=self.detect,
            track=self.track,
            rulebooks=self.rulebooks,
            evidence=self.evidence,
            store=self.store,
            runtime_dir=self.runtime_dir,
            config_hash=self.hash,
            version=self.uplink.version,
            max_rebuilds=self.max_rebuilds,
            backdrops=self.backdrops,
            health=self.health,
        )


def version() -> str:
    """Give the version of this software; ``0+source`` where it runs from a folder that was never installed."""
    try:
        return importlib.metadata.version("commune-agent")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


def prepare_decoder() -> None:
    """Tell OpenCV's video reader what only the environment can tell it; what stands there already stays."""
    for name, value in FFMPEG_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def load(path: Path, secrets: Secrets = Secrets.ALL) -> Site:
    """Read and check a site.toml, and those secrets it names that are asked for.

    A service finds them among its credentials (systemd.exec(5)), each under its file name.

    Args:
        path: of the file.
        secrets: what the program needs; files of the others may be missing, or closed to it.

    Raises:
        ConfigErrors: it cannot be used; the error tells every fault found in one pass.
    """
    document = site_shape.read(path)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    vault = Vault(path.resolve().parent, secrets, Path(credentials) if credentials else None)
    try:
        shape = site_model.SiteFile.model_validate(document.values)
        findings = []
    except ValidationError as error:
        findings = from_pydantic(error)
    findings.extend(site_checks.faults(document.values, vault))
    if findings:
        faults = (tell(finding, document, str(path)) for finding in findings)
        raise ConfigErrors(tuple(sorted(faults, key=lambda fault: fault.line)))
    warnings = tuple(str(tell(found, document, str(path))) for found in site_checks.warnings(document.values))
    return _Build(shape, vault).site(path, warnings)


class _Build:
    """Turns a checked file into settings; paths become absolute, defaults and secrets are filled in."""

    def __init__(self, shape: site_model.SiteFile, vault: Vault) -> None:
        self._shape = shape
        self._vault = vault
        canonical = json.dumps(shape.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        self._hash = hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def site(self, path: Path, warnings: tuple[str, ...]) -> Site:
        shape = self._shape
        state_dir = self._path(shape.box.state_dir)
        return Site(
            path=path.resolve(),
            box=shape.box.id,
            area=shape.box.area,
            name=shape.box.name,
            timezone=shape.box.timezone,
            state_dir=state_dir,
            runtime_dir=self._path(shape.box.runtime_dir),
            store=self._store(state_dir),
            cameras=tuple(map(self._camera, shape.camera)),
            detect=self._detect(state_dir),
            track=TrackSettings(**dict(shape.tracker)),
            rulebooks=tuple(map(self._rulebook, shape.camera)),
            backdrops=tuple(map(self._backdrop, shape.camera)),
            evidence=EvidenceSettings(**dict(shape.evidence)),
            health=HealthSettings(shape.health.throttle, self._path(shape.health.root)),
            uplink=self._uplink(),
            page=self._page(),
            hash=self._hash,
            warnings=warnings,
            max_rebuilds=shape.video.max_rebuilds,
        )

    def _path(self, name: str) -> Path:
        return self._vault.folder / name

    def _password(self, name: str | None, of: Secrets) -> str:
        return self._vault.password(name) if name and of in self._vault.asked else ""

    def _store(self, state_dir: Path) -> StoreSettings:
        keys = self._shape.box.keys_dir
        # Keys that migrate makes lie where the programs may read them: they are no credentials.
        places = {signer: self._vault.place(f"{keys}/{signer}.key") for signer in SIGNERS} if keys else {}
        return StoreSettings(
            box=self._shape.box.id,
            state_dir=state_dir,
            given_keys_dir=self._path(keys) if keys else None,
            key_files=places,
            **dict(self._shape.store),
        )

    def _detect(self, state_dir: Path) -> DetectSettings:
        keys = self._shape.detector
        accel = keys.tensorrt
        return DetectSettings(
            engine=keys.engine,
            card=keys.card,
            model=self._path(keys.model) if keys.model else None,
            models_dir=self._path(keys.models_dir) if keys.models_dir else state_dir / "models",
            threads=keys.threads,
            tensorrt=TensorRtSettings(
                engines_dir=self._path(accel.engines_dir) if accel.engines_dir else state_dir / "engines",
                batch=accel.batch,
                workspace_bytes=accel.workspace_bytes,
            ),
            min_score=keys.min_score,
            motion_gate=keys.motion_gate,
        )

    def _camera(self, keys: site_camera.Camera) -> CameraSettings:
        return CameraSettings(
            id=keys.id,
            name=keys.name,
            backend=keys.backend,
            url=self._address(keys),
            user=keys.user,
            password=self._password(keys.password_file, Secrets.CAMERAS),
            fps=keys.fps,
            pace=keys.pace,
            loop=keys.loop,
            open_timeout_s=keys.open_timeout_s,
            read_timeout_s=keys.read_timeout_s,
            scale=keys.scale,
            masks=tuple(polygon(mask.polygon) for mask in keys.mask),
        )

    def _address(self, keys: site_camera.Camera) -> str:
        """Make a file's path absolute; a device may be a bare number, and a scene that ships a name without .toml."""
        shipped = keys.backend == "rendered" and not keys.url.partition("?")[0].endswith(".toml")
        return keys.url if "://" in keys.url or keys.url.isdigit() or shipped else str(self._path(keys.url))

    def _rulebook(self, camera: site_camera.Camera) -> RulebookSettings:
        return RulebookSettings(
            camera=camera.id,
            zones=tuple(ZoneSettings(zone.id, zone.name, polygon(zone.polygon)) for zone in camera.zone),
            rules=tuple(map(_rule, camera.rule)),
            timezone=self._shape.box.timezone,
        )

    def _backdrop(self, camera: site_camera.Camera) -> BackdropSettings:
        keys = dict(camera.health)
        armed, states = keys.pop("armed"), frozenset(keys.pop("states"))
        return BackdropSettings(
            camera=camera.id,
            masks=tuple(polygon(mask.polygon) for mask in camera.mask),
            timezone=self._shape.box.timezone,
            health=CameraHealthSettings(states=states if armed else frozenset(), **keys),
        )

    def _uplink(self) -> UplinkSettings:
        keys = self._shape.uplink
        files = keys.tls
        # The certificates are read where they stand, so that renewed ones count at the next connection.
        tls = TlsSettings(self._path(files.ca), self._path(files.cert), self._vault.place(files.key)) if files else None
        return UplinkSettings(
            box=self._shape.box.id,
            area=self._shape.box.area,
            host=keys.host,
            port=keys.port or (_TLS_PORT if tls else _PLAIN_PORT),
            tls=tls,
            insecure=keys.insecure,
            username=keys.username,
            password=self._password(keys.password_file, Secrets.LINK),
            delivery=keys.delivery,
            heartbeat_s=keys.heartbeat_s,
            config_hash=self._hash,
            version=version(),
        )

    def _page(self) -> PageSettings:
        keys = self._shape.page
        uplink = self._shape.uplink
        insecure = uplink.insecure and uplink.tls is None and not is_loopback(uplink.host)
        return PageSettings(
            host=keys.host,
            port=keys.port,
            password_file=self._vault.place(keys.password_file) if keys.password_file else None,
            hostnames=tuple(keys.hostnames),
            language=keys.language,
            box=self._shape.box.id,
            box_name=self._shape.box.name,
            area=self._shape.box.area,
            cameras=tuple(map(_shown, self._shape.camera)),
            timezone=self._shape.box.timezone,
            warnings=("insecure_uplink",) if insecure else (),
            idle_s=keys.idle_s,
            session_s=keys.session_s,
        )


def _shown(camera: site_camera.Camera) -> ShownCamera:
    zones = {zone.id: zone.name for zone in camera.zone}
    rules = [_rule(keys) for keys in camera.rule]
    return ShownCamera(camera.id, camera.name, zones, {(rule.rule, rule.zone): rule.dwell_s for rule in rules})


def _rule(keys: site_camera.Rule) -> RuleSettings:
    usual = DEFAULTS[keys.rule]
    rule = RuleSettings(
        rule=keys.rule,
        zone=keys.zone,
        dwell_s=usual.dwell_s,
        end_confirm_s=usual.end_confirm_s,
        reopen_within_s=usual.reopen_within_s,
        cooldown_s=usual.cooldown_s,
        occlusion_grace_s=usual.occlusion_grace_s,
        backdrop_grace_s=usual.backdrop_grace_s,
        min_box_px=usual.min_box_px,
        min_score=usual.min_score,
        labels=usual.labels,
        schedule=tuple(map(parse_window, keys.schedule)),
        severity=usual.severity,
        armed=keys.armed,
    )
    written = keys.model_dump(exclude={"rule", "zone", "armed", "schedule"}, exclude_none=True)
    if "labels" in written:
        written["labels"] = frozenset(written["labels"])
    if "severity" in written:
        written["severity"] = Severity(written["severity"])
    return replace(rule, **written)
