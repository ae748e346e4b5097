"""The locks of the machines: complete for pyproject.toml on each of them, and within what its own bindings allow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from provisioning.bundle.lock import read_lock
from provisioning.bundle.targets import TARGETS, Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def versions(target: Target) -> dict[str, Version]:
    return {pin.name: Version(pin.version) for pin in read_lock(ROOT / "requirements" / target.lock)}


def markers(target: Target) -> dict[str, str]:
    return {"python_version": target.python_version, "platform_machine": target.machine, "sys_platform": "linux"}


def wanted(target: Target) -> list[Requirement]:
    needs = [Requirement(line) for line in PROJECT["dependencies"]]
    return [need for need in needs if need.marker is None or need.marker.evaluate(markers(target))]


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_everything_that_the_software_needs_is_locked(target: Target) -> None:
    locked = versions(target)
    assert [str(need) for need in wanted(target) if locked[canonicalize_name(need.name)] not in need.specifier] == []


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_what_the_system_holds_back_is_held_back(target: Target) -> None:
    locked = versions(target)
    assert [line for line in target.limits if locked[Requirement(line).name] not in Requirement(line).specifier] == []


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_what_comes_from_the_system_is_not_locked_and_the_installer_is(target: Target) -> None:
    locked = versions(target)
    assert locked.keys() & {"systemd-python", "tensorrt", "jetson-utils", "commune-agent"} == set()
    assert "pip" in locked


def test_older_python_is_seen_in_its_lock() -> None:
    """Shows that the markers above are those of the target, not of this machine."""
    assert "tomli" in versions(TARGETS["jetpack6-aarch64"])
    assert "tomli" not in versions(TARGETS["jetpack7-aarch64"])
