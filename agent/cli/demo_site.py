"""What the demo stands on: a folder, a broker of its own, a site of two rendered cameras."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.errors import BackendMissing, ConfigError
from agent.stage.scene import Scene, Zone
from agent.store.settings import StoreSettings

BOX = "demo-01"
AREA = "demo"
STOP_LIMIT_S = 15
"""The demo's limit for a stopped vehicle; a street uses 60 s, which no visitor wants to wait for."""

_ZONE_NAMES = {"kerb": "lề đường cấm dừng", "yard": "sân kho"}

_SITE = """\
# Written by the demo: two rendered cameras, a local HQ.
[box]
id = "{box}"
name = "Hộp thử nghiệm"
area = "{area}"
timezone = "Asia/Ho_Chi_Minh"
state_dir = "state"
runtime_dir = "runtime"

[detector]
engine = "onnx"
card = "demo"
{model}

[uplink]
host = "127.0.0.1"
port = {port}

[page]
host = "127.0.0.1"
port = {page_port}

[[camera]]
id = "road"
name = "Đường chính"
backend = "rendered"
url = "{road}?start_mono_us={start}"
loop = true
fps = 5

{road_zones}

[[camera.rule]]
rule = "stopped_vehicle"
zone = "kerb"
dwell_s = {limit}

[[camera]]
id = "yard"
name = "Sân kho"
backend = "rendered"
url = "{yard}?start_mono_us={start}"
loop = true
fps = 5

{yard_zones}

[[camera.rule]]
rule = "intrusion"
zone = "yard"
"""

_ZONE = """\
[[camera.zone]]
id = "{id}"
name = "{name}"
polygon = [{corners}]
"""

_BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 65536
{user}
"""


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep ``folder`` to this demo, which empties it, until the block is left.

    Raises:
        ConfigError: another demo is using it, or this user may not.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f"{folder.name}.lock").open("w")
    except OSError as error:
        raise _unusable(folder, error) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                "--dir", f"another demo is running in {folder}; stop it or name another folder"
            ) from error
        yield


def clear(folder: Path) -> None:
    """Empty the demo's folder.

    Raises:
        ConfigError: there is something in it that no demo wrote, or this user may not empty it.
    """
    try:
        if folder.exists():
            site = folder / "site.toml"
            ours = site.is_file() and site.read_text("utf-8", errors="replace").startswith(_SITE.splitlines()[0])
            if not ours and any(folder.iterdir()):
                raise ConfigError("--dir", f"{folder} holds what no demo wrote; name an empty or a new folder")
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError("--dir", f"{folder} cannot be used ({error.strerror}); name a folder that this user may write")


class DemoSite:
    """The site of the demo, its ports, and the command lines that run on it.

    Args:
        folder: where everything lies.
        names: scene name or path by camera.
        scenes: the same, read.
        model: a model file in place of the shipped one, or None.
    """

    def __init__(self, folder: Path, names: dict[str, str], scenes: dict[str, Scene], model: Path | None) -> None:
        self.folder = folder
        self.scenes = scenes
        self.broker_port, self.page_port = _free_port(), _free_port()
        self._names = names
        self._model = model
        self._file = folder / "site.toml"

    def write(self, start_us: int) -> None:
        """Write site.toml, its scenes beginning at ``start_us`` (monotonic µs)."""
        zones = {camera: "\n".join(map(_zone, scene.zones)) for camera, scene in self.scenes.items()}
        text = _SITE.format(
            box=BOX,
            area=AREA,
            limit=STOP_LIMIT_S,
            model="" if self._model is None else f"model = {json.dumps(str(self._model.resolve()))}",
            port=self.broker_port,
            page_port=self.page_port,
            start=start_us,
            road=self._names["road"],
            yard=self._names["yard"],
            road_zones=zones["road"],
            yard_zones=zones["yard"],
        )
        self._file.write_text(text, "utf-8")

    def agent(self, command: str, *more: str) -> list[str]:
        """Give the command line of an agent's command on this site."""
        return [sys.executable, "-m", "agent", command, str(self._file), *more]

    @property
    def store(self) -> StoreSettings:
        """Where the box keeps what it has recorded."""
        return StoreSettings(BOX, self.folder / "state")

    def registry_file(self) -> Path:
        """Where HQ's registry has this box; makes the folder."""
        registry = self.folder / "registry"
        registry.mkdir(exist_ok=True)
        return registry / f"{BOX}.json"

    def receiver_command(self) -> list[str]:
        """Give the command line of HQ's receiver."""
        link = ["--host", "127.0.0.1", "--port", str(self.broker_port), "--area", AREA]
        store = ["--data", str(self.folder / "hq"), "--registry", str(self.registry_file().parent)]
        return [sys.executable, "-m", "hq", "receive", *link, *store, "--json"]

    def broker_command(self) -> list[str]:
        """Write the broker's configuration and give the command that runs it.

        Raises:
            BackendMissing: there is no Mosquitto here.
        """
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise BackendMissing("mosquitto", "not installed; run: apt-get install mosquitto")
        config = self.folder / "mosquitto.conf"
        user = "user root" if os.geteuid() == 0 else ""
        config.write_text(_BROKER.format(port=self.broker_port, user=user), "utf-8")
        return [program, "-c", str(config)]


def _zone(zone: Zone) -> str:
    corners = ", ".join(f"[{x:.4f}, {y:.4f}]" for x, y in zone.polygon)
    return _ZONE.format(id=zone.id, name=_ZONE_NAMES.get(zone.id, zone.name), corners=corners)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
