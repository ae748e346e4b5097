"""The units: sound by systemd's own judgement, shut as far as promised, and without a secret in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template

import pytest
from support.units import SERVICES, SYSTEMD, UNITS, Root, credentials, exposed, settings, values

from agent.cli.commands import parse
from hq.__main__ import _parser

EXPOSURE = {"migrate": 1.5, "watch": 2.0, "uplink": 1.5, "page": 1.5, "hq": 1.5}
"""Most that systemd-analyze security may say; watch needs the graphics processor."""

FILES = {
    "/etc/commune-agent/pki": {"box.key", "watch.key", "page.key", "uplink.key"},
    "/etc/commune-agent/secrets": {"page.passwords"},
    "/etc/commune-hq/pki": {"hq.key"},
}
"""Where installation puts secrets, readable by root alone."""

OF_PROGRAM = {
    "migrate": {"watch.key", "page.key", "uplink.key"},
    "watch": {"watch.key"},
    "uplink": {"uplink.key", "box.key"},
    "page": {"page.key", "page.passwords"},
    "hq": {"hq.key"},
}

KNOWN_OF_OLD = {
    "After", "AmbientCapabilities", "CPUWeight", "CapabilityBoundingSet", "Description", "DeviceAllow",
    "DevicePolicy", "Environment", "EnvironmentFile", "ExecStart", "Group", "IPAddressAllow", "IPAddressDeny",
    "LimitCORE", "LoadCredential", "LockPersonality", "MemoryDenyWriteExecute", "MemoryMax", "Nice",
    "NoNewPrivileges", "NotifyAccess", "OOMPolicy", "OOMScoreAdjust", "PartOf", "PrivateDevices", "PrivateIPC",
    "PrivateMounts", "PrivateNetwork", "PrivateTmp", "PrivateUsers", "ProtectControlGroups", "ProtectHome",
    "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc",
    "ProtectSystem", "RemoveIPC", "RequiresMountsFor", "Restart", "RestartSec", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "RuntimeDirectory", "RuntimeDirectoryMode",
    "RuntimeDirectoryPreserve", "SetCredential", "SocketBindDeny", "StartLimitIntervalSec", "StateDirectory",
    "StateDirectoryMode", "SupplementaryGroups", "SyslogIdentifier", "SystemCallArchitectures",
    "SystemCallErrorNumber", "SystemCallFilter", "TasksMax", "TimeoutAbortSec", "TimeoutStartSec",
    "TimeoutStopSec", "Type", "UMask", "User", "WantedBy", "Wants", "WatchdogSec",
}  # fmt: skip
"""Keys of which it was looked up that systemd 249 (Ubuntu 22.04, JetPack 6) knows them."""


def name_of(unit: Path) -> str:
    return unit.stem.removeprefix("commune-")


def test_all_units_are_there() -> None:
    services = {"commune-hq", "commune-migrate", "commune-page", "commune-uplink", "commune-watch"}
    assert {unit.name for unit in UNITS} == {"commune.target", *(f"{name}.service" for name in services)}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    assert Root(tmp_path).complaints(unit.name) == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("RestartSec=2", "RestrtSec=2", "Unknown key"),
        ("WatchdogSec=60", "WatchdogSec=sixty", "Failed to parse"),
        ("ExecStart=/opt", "ExecStart=/obt", "not executable"),
        ("Wants=commune-migrate.service", "Requires=commune-migrat.service", "not found"),
        ("ProtectSystem=strict", "ProtectSystem=strickt", "Failed to parse"),
    ],
)
def test_a_mistake_in_a_unit_is_found(tmp_path: Path, old: str, new: str, told: str) -> None:
    root = Root(tmp_path)
    root.change("commune-page.service", old, new)
    assert told in root.complaints("commune-page.service")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_exposed_no_more_than_promised(unit: Path) -> None:
    judged = exposed(unit, EXPOSURE[name_of(unit)])
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


def test_an_open_service_is_called_exposed(tmp_path: Path) -> None:
    open_one = tmp_path / "open.service"
    kept = ("Type", "ExecStart", "User", "Restart")
    body = [f"{key}={value}" for key, value in settings(SYSTEMD / "commune-page.service") if key in kept]
    open_one.write_text("\n".join(["[Service]", *body]) + "\n")
    assert exposed(open_one, 5.0).returncode != 0


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_credential_is_a_file_of_the_installation(unit: Path) -> None:
    handed = credentials(unit)
    assert set(handed) == OF_PROGRAM[name_of(unit)]
    for name, file in handed.items():
        assert Path(file).name == name  # the agent looks for the file's own name
        assert name in FILES[str(Path(file).parent)]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_missing_secret_stops_no_program_from_saying_so(unit: Path) -> None:
    stand_ins = [line.partition(":") for line in values(unit, "SetCredential")]
    assert [(name, content) for name, _, content in stand_ins] == [(name, "\\n") for name in credentials(unit)]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_secret_stands_in_a_command_line_or_environment(unit: Path) -> None:
    shown = " ".join(
        value for key, value in settings(unit) if key in ("ExecStart", "ExecStartPre", "Environment", "EnvironmentFile")
    )
    assert not re.search(r"passw|secret|token|--username", shown, re.IGNORECASE)
    for name, file in credentials(unit).items():
        assert file not in shown
        assert f"${{CREDENTIALS_DIRECTORY}}/{name}" in shown or name not in shown


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    (line,) = values(unit, "ExecStart")
    program, *words = line.split()
    assert program.startswith("/opt/commune-agent/current/venv/bin/")
    if program.endswith("commune-agent"):
        assert words == [name_of(unit), "/etc/commune-agent/site.toml"]
        assert parse(words).config == Path("/etc/commune-agent/site.toml")
    else:
        given = {"COMMUNE_HQ_AREA": "demo", "COMMUNE_HQ_HOST": "hq", "CREDENTIALS_DIRECTORY": "/run/x"}
        given |= dict(word.split("=") for line in values(unit, "Environment") for word in line.split())
        options = _parser().parse_args([Template(word).substitute(given) for word in words])
        assert (options.area, options.host, options.port, options.lang) == ("demo", "hq", 8883, "vi")
        assert options.tls_key == Path("/run/x/hq.key")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_oldest_systemd_of_a_box_knows_every_key(unit: Path) -> None:
    assert {key for key, _ in settings(unit)} - KNOWN_OF_OLD == set()


@pytest.mark.parametrize("name", ["watch", "uplink", "page"])
def test_a_program_never_gives_up_and_brings_migrate_along(name: str) -> None:
    unit = SYSTEMD / f"commune-{name}.service"
    said = dict(settings(unit))
    assert (said["Restart"], said["StartLimitIntervalSec"], said["PartOf"]) == ("always", "0", "commune.target")
    assert "commune-migrate.service" in said["Wants"].split()
    assert "commune-migrate.service" in said["After"].split()
    assert "Requires" not in said  # a start that failed by its dependency is never tried again
    assert float(said["WatchdogSec"]) >= 15  # the page feeds every 5 s
    migrate = dict(settings(SYSTEMD / "commune-migrate.service"))
    assert migrate["Type"] == "oneshot"
    assert "RemainAfterExit" not in migrate


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_clock_can_be_read_inside_the_sandbox(unit: Path) -> None:
    said = list(settings(unit))
    assert ("ProtectClock", "yes") not in said
    assert ("ProcSubset", "pid") not in said  # the boot id stands in /proc/sys
    assert [value for key, value in said if key == "SystemCallFilter"][-1] == "adjtimex clock_adjtime"
    assert ("CapabilityBoundingSet", "") in said


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_sysusers_and_tmpfiles_make_what_a_unit_uses(unit: Path) -> None:
    said = dict(settings(unit))
    account = f"commune-{'hq' if name_of(unit) == 'hq' else 'agent'}.conf"
    users, folders = ([*_rows(SYSTEMD / kind / account)] for kind in ("sysusers.d", "tmpfiles.d"))
    made = {row[1]: row[2:5] for row in folders}
    names = {row[1] for row in users} | {"video"}  # which Debian and Ubuntu always have
    assert {said["User"], said["Group"], *said.get("SupplementaryGroups", "").split()} <= names
    for kind, place in (("State", "/var/lib"), ("Runtime", "/run")):
        if f"{kind}Directory" in said:
            row = made[f"{place}/{said[f'{kind}Directory']}"]
            assert row == [said[f"{kind}DirectoryMode"], said["User"], said["Group"]]
    for file in credentials(unit).values():
        assert made[str(Path(file).parent)][1:] == ["root", "root"]


def _rows(path: Path) -> Iterator[list[str]]:
    return (line.split() for line in path.read_text("utf-8").splitlines() if not line.startswith("#"))


DEVICES = {
    "17000000.gpu", "17000000.ga10b", "nvhost", "host1x-fence", "nvidia", "nvidia-frontend", "nvidia-uvm", "drm",
    "video4linux", "media",
}  # fmt: skip
"""Names in /proc/devices of what CUDA, decoder and scaler of an Orin or Thor open: nvgpu's regions bear its device's
name (os/linux/ioctl.c), host1x-fence its own (drivers/gpu/host1x-fence), nvhost those of decoder and scaler. nvmap is
a "misc" device, whose name would let everything of that kind in: it is named by its path."""

OTHERS = {"mem", "misc", "vcs", "tty", "input", "i2c", "spidev", "rtc", "hidraw", "watchdog", "ttyACM", "gpiochip"}


def test_watch_may_open_the_devices_of_a_jetson_and_no_others() -> None:
    said = dict(settings(SYSTEMD / "commune-watch.service"))
    assert said["DevicePolicy"] == "closed"
    allowed = [line.split()[0] for line in values(SYSTEMD / "commune-watch.service", "DeviceAllow")]
    assert "/dev/nvmap" in allowed
    globs = [name.removeprefix("char-") for name in allowed if name.startswith("char-")]
    assert {name for name in DEVICES if not any(fnmatchcase(name, glob) for glob in globs)} == set()
    assert {name for name in OTHERS if any(fnmatchcase(name, glob) for glob in globs)} == set()


def test_the_exposure_table_names_every_service() -> None:
    assert set(EXPOSURE) == set(OF_PROGRAM) == {name_of(unit) for unit in SERVICES}
