"""Who reads which secrets of a site, and from where: at their own place, or among a service's credentials."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent import config
from agent.errors import ConfigError
from agent.keys import make_key
from agent.site_faults import ConfigErrors, Fault
from agent.site_secrets import Secrets, Vault
from agent.store.migrations import migrate
from agent.store.signing import signer_of

SITE = """\
[box]
id = "gate-01"
name = "Cổng"
area = "a"
state_dir = "state"
runtime_dir = "run"
keys_dir = "pki"

[uplink]
host = "hq.example.org"
username = "gate-01"
password_file = "secrets/broker.password"
tls = {ca = "pki/ca.pem", cert = "pki/box.pem", key = "pki/box.key"}

[page]
host = "0.0.0.0"
password_file = "secrets/page.passwords"

[detector]
card = "yolox-nano"

[[camera]]
id = "gate"
name = "Cổng"
url = "rtsp://192.0.2.7/sub"
user = "viewer"
password_file = "secrets/gate.password"
"""

SECRETS = ("secrets/gate.password", "secrets/broker.password", "pki/box.key")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose public files are there, and none of its secrets."""
    (tmp_path / "pki").mkdir()
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name in ("ca.pem", "box.pem"):
        (tmp_path / "pki" / name).write_text("public\n")
    path = tmp_path / "site.toml"
    path.write_text(SITE, "utf-8")
    return path


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of credentials, as a service has it."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def lay(path: Path, content: str = "s3cret\n") -> None:
    path.write_text(content)
    path.chmod(0o600)


def faults(site: Path, secrets: Secrets) -> dict[str, Fault]:
    with pytest.raises(ConfigErrors) as caught:
        config.load(site, secrets)
    return {fault.key: fault for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("asked", "missed"),
    [
        (Secrets.CAMERAS, {"cameras.gate.password_file"}),
        (Secrets.LINK, {"uplink.password_file", "uplink.tls.key"}),
        (Secrets.ALL, {"cameras.gate.password_file", "uplink.password_file", "uplink.tls.key"}),
    ],
)
def test_a_program_misses_its_own_secrets_alone(site: Path, asked: Secrets, missed: set[str]) -> None:
    assert set(faults(site, asked)) == missed


@pytest.mark.parametrize("asked", [Secrets.PAGE, Secrets.NONE])
def test_who_needs_no_secret_reads_none(site: Path, asked: Secrets) -> None:
    for name in SECRETS:
        lay(site.parent / name, "not one line\nbut two\n")
    loaded = config.load(site, asked)
    assert (loaded.cameras[0].password, loaded.uplink.password) == ("", "")


def test_a_link_that_is_not_asked_for_may_lack_its_certificates(site: Path) -> None:
    (site.parent / "pki/ca.pem").unlink()
    assert config.load(site, Secrets.PAGE).uplink.tls is not None
    assert "uplink.tls.ca" in faults(site, Secrets.LINK)


def test_a_service_reads_its_credentials(site: Path, credentials: Path) -> None:
    for name in SECRETS:
        lay(credentials / Path(name).name, f"{Path(name).stem} credential\n")
    for name in ("page.passwords", "watch.key"):
        lay(credentials / name)
    loaded = config.load(site)
    assert (loaded.cameras[0].password, loaded.uplink.password) == ("gate credential", "broker credential")
    assert loaded.uplink.tls is not None
    assert loaded.uplink.tls.key == credentials / "box.key"
    assert loaded.uplink.tls.cert == site.parent / "pki/box.pem"  # read anew for every connection
    assert loaded.page.password_file == credentials / "page.passwords"
    assert loaded.store.key_file("watch") == credentials / "watch.key"
    assert loaded.store.key_file("page") == site.parent / "pki/page.key"
    assert loaded.store.keys_dir == site.parent / "pki"


def test_what_is_no_credential_is_read_at_its_own_place(site: Path, credentials: Path) -> None:
    for name in SECRETS:
        lay(site.parent / name, "of the file\n")
    lay(credentials / "gate.password", "\n")  # stands for a file that was not there when the service started
    assert config.load(site).cameras[0].password == "of the file"


def test_a_credential_that_is_missing_is_told_with_the_line_of_the_unit(site: Path, credentials: Path) -> None:
    told = faults(site, Secrets.CAMERAS)["cameras.gate.password_file"]
    path = site.parent / "secrets/gate.password"
    assert "not been handed to this service as a credential" in told.problem
    assert f"LoadCredential=gate.password:{path}" in told.remedy
    assert "when it next starts" in told.remedy
    assert "box.key" in faults(site, Secrets.LINK)["uplink.tls.key"].remedy


@pytest.mark.parametrize("service", [True, False])
def test_two_password_files_of_one_name_are_refused(site: Path, credentials: Path, service: bool) -> None:
    second = SITE[SITE.index("[[camera]]") :].replace('"gate"', '"yard"').replace("secrets/", "other/")
    site.write_text(SITE.replace('keys_dir = "pki"\n', "") + second, "utf-8")
    (site.parent / "other").mkdir()
    lay(site.parent / "secrets/gate.password")
    lay(site.parent / "other/gate.password")
    if service:
        assert "could not tell the two apart" in faults(site, Secrets.CAMERAS)["cameras.yard.password_file"].problem
    else:
        del os.environ["CREDENTIALS_DIRECTORY"]
        assert [camera.password for camera in config.load(site, Secrets.CAMERAS).cameras] == ["s3cret", "s3cret"]


def test_one_password_file_may_serve_two_cameras(site: Path, credentials: Path) -> None:
    lay(credentials / "gate.password")
    site.write_text(SITE + SITE[SITE.index("[[camera]]") :].replace('id = "gate"', 'id = "yard"'), "utf-8")
    assert len(config.load(site, Secrets.CAMERAS).cameras) == 2


def test_a_place_that_cannot_be_looked_at_is_no_crash(site: Path) -> None:
    vault = Vault(site.parent / ("x" * 300))
    assert vault.password_trouble("a.password") is not None
    assert not vault.is_there("a.password")


def test_keys_that_are_given_are_made_by_nobody_else(site: Path) -> None:
    store = config.load(site, Secrets.NONE).store
    lines = migrate(store)
    for signer in ("watch", "page", "uplink"):
        (line,) = [line for line in lines if line.startswith(str(site.parent / f"pki/{signer}.key"))]
        assert f"sudo commune-agent box key gate-01 --dir {site.parent / 'pki'}" in line
        assert "when it next starts" in line
    assert not (store.state_dir / "keys").exists()
    assert sorted(path.name for path in (site.parent / "pki").iterdir()) == ["box.pem", "ca.pem"]
    for signer in ("watch", "page", "uplink"):
        make_key(site.parent / f"pki/{signer}.key")
    assert [line for line in migrate(store) if ".key" in line] == []
    assert signer_of(store, "page").public.hex() == (site.parent / "pki/page.pub").read_text().strip()


def test_keys_that_migrate_makes_are_no_credentials(site: Path, credentials: Path) -> None:
    site.write_text(SITE.replace('keys_dir = "pki"\n', ""), "utf-8")
    lay(credentials / "watch.key", "of another installation\n")
    store = config.load(site, Secrets.NONE).store
    assert store.key_file("watch") == site.parent / "state/keys/watch.key"
    with pytest.raises(ConfigError, match="make one with: commune-agent migrate"):
        signer_of(store, "watch")
    migrate(store)
    assert signer_of(store, "watch").public
