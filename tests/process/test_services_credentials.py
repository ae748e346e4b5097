"""The programs as their units run them: each with its own credentials, and closed out from every secret's own file."""

from __future__ import annotations

import http.client
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from support.clips import make_clip
from support.commands import command
from support.identity import AREA, Office, OfficeBroker
from support.powers import Service, as_nobody_special
from support.rtsp import RtspServer
from support.stand import until
from support.units import SYSTEMD, credentials

from agent.keys import verify
from agent.site_toml import written

pytestmark = pytest.mark.broker

BOX, USER, PASSWORD, CAMERA_PASSWORD = "gate-01", "congan", "nang-vang-tren-doi-2026", "xem-duoc@1"

SITE = """\
[box]
id = "gate-01"
name = "Cổng chợ"
area = {area}
state_dir = "state"
runtime_dir = "run"
keys_dir = "pki"

[uplink]
host = "localhost"
port = {port}
tls = {{ca = "pki/ca.pem", cert = "pki/box.pem", key = "pki/box.key"}}

[page]
host = "0.0.0.0"
port = 0
password_file = "secrets/page.passwords"

[[camera]]
id = "gate"
name = "Cổng"
url = {url}
user = "viewer"
password_file = "secrets/gate.password"

[[camera.rule]]
rule = "stopped_vehicle"
zone = "kerb"

[[camera.zone]]
id = "kerb"
name = "Lề"
polygon = [[0.2, 0.6], [0.6, 0.6], [0.6, 0.9], [0.2, 0.9]]
"""


def install(folder: Path, office: Office, broker_port: int, camera_url: str) -> None:
    """Lay into ``folder``, in place of /etc/commune-agent, what an installation lays there."""
    cert, _ = office.machine(BOX)
    shutil.copytree(cert.parent, folder / "pki")
    shutil.copy(office.ca, folder / "pki/ca.pem")
    (folder / "secrets").mkdir()
    (folder / "secrets/gate.password").write_text(CAMERA_PASSWORD + "\n")
    (folder / "secrets/gate.password").chmod(0o600)
    text = SITE.format(area=written(AREA), port=broker_port, url=written(camera_url))
    (folder / "site.toml").write_text(text, "utf-8")
    made = command("password", folder / "site.toml", USER, "--stdin", given=PASSWORD + "\n")
    assert made.returncode == 0, made.stderr


class Box:
    """A box as installed; its secrets are closed to its programs."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.folder = folder
        self.site = folder / "site.toml"
        shutil.copytree(installed, folder)
        self._copies = folder / "copies"  # from where the service manager, who is root, takes them
        self._copies.mkdir()
        for secret in [*folder.glob("pki/*.key"), *folder.glob("secrets/*")]:
            shutil.copy(secret, self._copies)
            secret.chmod(0)
        (folder / "secrets").chmod(0)

    def program(self, name: str, *, without: str = "") -> Service:
        """Start a program with the credentials that its unit, and for watch the box's drop-in, names."""
        handed = self.folder / f"credentials-{name}"
        shutil.rmtree(handed, ignore_errors=True)
        handed.mkdir(mode=0o700)
        names = set(credentials(SYSTEMD / f"commune-{name}.service")) | (
            {"gate.password"} if name == "watch" else set()
        )
        assert not without or without in names
        for each in names:
            # A file that is missing is handed on as its stand-in, an empty line.
            (handed / each).write_bytes(b"\n" if each == without else (self._copies / each).read_bytes())
            (handed / each).chmod(0o400)
        told = {"CREDENTIALS_DIRECTORY": str(handed)}
        return Service(self.folder / f"{name}.log", as_nobody_special(), told, name, self.site)

    def status(self, name: str) -> dict[str, object]:
        path = self.folder / "run" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installation, beside a camera that asks for its password and a broker that asks for its certificate."""
    folder = tmp_path_factory.mktemp("installed")
    make_clip(folder / "clip.mp4", seconds=3)
    office = Office(folder / "office")
    office.machine("localhost", "broker")
    camera = RtspServer(folder / "clip.mp4", password=f"viewer:{CAMERA_PASSWORD}")
    (folder / "etc").mkdir()
    with camera, OfficeBroker(folder / "hq", office) as broker:
        install(folder / "etc", office, broker.port, camera.url)
        yield folder / "etc"


@pytest.fixture
def box(tmp_path: Path, installed: Path) -> Iterator[Box]:
    made = Box(tmp_path / "box", installed)
    yield made
    (made.folder / "secrets").chmod(0o700)  # so that the folder can be deleted


def test_each_program_lives_on_the_credentials_of_its_own_unit(box: Box) -> None:
    with box.program("migrate") as migrate:
        assert migrate.ended() == 0, migrate.text
        assert "box key" not in migrate.text
    with box.program("watch") as watch, box.program("uplink") as uplink, box.program("page") as page:
        until(lambda: [c for c in box.status("watch").get("cameras", []) if c["state"] == "running"], 60, watch.text)
        until(lambda: box.status("uplink").get("state") == "connected", 60, "the link with the box's certificate")
        until(lambda: box.status("page"), 60, "the page listens")
        assert log_in(str(box.status("page")["url"])) == 303
        for program in (watch, uplink, page):
            assert program.stop() == 0, program.text
    with sqlite3.connect(f"file:{box.folder / 'state/watch.db'}?mode=ro", uri=True) as store:
        (body, signature), *_ = store.execute("SELECT body, signature FROM log_w").fetchall()
    assert verify(bytes.fromhex((box.folder / "pki/watch.pub").read_text()), body, signature)


@pytest.mark.parametrize(
    ("name", "without", "told"),
    [
        ("watch", "watch.key", "box key gate-01 --dir {pki} (a service takes it when it next starts)"),
        ("watch", "gate.password", "is {secrets}/gate.password there, and LoadCredential=gate.password:{secrets}/"),
        ("uplink", "uplink.key", "make one with: sudo commune-agent box key gate-01 --dir {pki}"),
        ("uplink", "box.key", "uplink.tls.key: has not been handed to this service as a credential"),
        ("page", "page.passwords", "{secrets}/page.passwords: no usable password file"),
    ],
)  # fmt: skip
def test_a_credential_that_is_missing_is_one_clear_line(box: Box, name: str, without: str, told: str) -> None:
    with box.program("migrate") as migrate:
        assert migrate.ended() == 0
    with box.program(name, without=without) as program:
        assert program.ended() == 2, program.text
    lines = [line for line in program.text.splitlines() if line.startswith("commune-agent: ")]
    assert told.format(pki=box.folder / "pki", secrets=box.folder / "secrets") in lines[0]
    assert "Traceback" not in program.text


def test_migrate_tells_of_a_missing_key_and_does_the_rest(box: Box) -> None:
    with box.program("migrate", without="page.key") as migrate:
        assert migrate.ended() == 0
    assert "page.key: no usable signing key" in migrate.text
    assert (box.folder / "state/desk.db").exists()


def log_in(url: str) -> int:
    place = urlsplit(url).netloc
    connection = http.client.HTTPConnection(place, timeout=20)
    form = urlencode({"user": USER, "password": PASSWORD})
    headers = {"Origin": f"http://{place}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", form, headers)
    status = connection.getresponse().status
    connection.close()
    return status
