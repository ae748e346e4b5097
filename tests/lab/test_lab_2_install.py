"""From empty machines to services, without a way to the internet; and once more, where nothing is left to do."""

from __future__ import annotations

import pytest
from support.lab.lab import Lab
from support.lab.office import Office
from support.lab.service import BOX_SERVICES, Service

pytestmark = pytest.mark.lab


def test_the_plays_bring_every_service_up(installed: Office, lab: Lab) -> None:
    services = [Service(box, f"commune-{name}") for box in lab.boxes for name in BOX_SERVICES]
    services += [Service(lab.hq, "mosquitto"), Service(lab.hq, "commune-hq")]
    for service in services:
        assert service.ready(), f"{service.unit}: {service.state()}\n{service.journal()}"


def test_a_second_run_of_the_plays_changes_nothing(settled: Office) -> None:
    pass  # the fixture runs them and looks


def test_no_machine_has_a_failed_unit(settled: Office, lab: Lab) -> None:
    for machine in lab.machines:
        assert machine.enter("systemctl", "--failed", "--no-legend").strip() == "", machine.place.name


def test_secrets_are_for_root_and_reach_only_who_needs_them(settled: Office, lab: Lab) -> None:
    box = lab.boxes[0]
    for path in ("/etc/commune-agent/pki/box.key", "/etc/commune-agent/secrets/page.passwords"):
        assert box.tried("cat", path, user="commune").returncode != 0
    held = box.enter("sh", "-c", "cd /run/credentials && ls -d */*").split()
    assert "commune-uplink.service/box.key" in held
    assert {path for path in held if path.endswith("box.key")} == {"commune-uplink.service/box.key"}
    assert {path for path in held if path.endswith("page.passwords")} == {"commune-page.service/page.passwords"}


def test_the_boxs_private_key_has_not_left_it(settled: Office, lab: Lab) -> None:
    for box in lab.boxes:
        secret = box.enter("sed", "-n", "2p", "/etc/commune-agent/pki/box.key").strip()
        assert len(secret) > 40
        files = [path for path in settled.folder.rglob("*") if path.is_file()]
        assert len(files) > 10
        assert not [path for path in files if secret.encode() in path.read_bytes()]
