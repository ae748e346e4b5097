"""Whether this machine can run the lab, and the exact reason where it cannot."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from support.lab import cgroups, places
from support.lab.shell import LabError, call, with_sbin

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "tc": "iproute2",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}


def reason_against() -> str:
    """Say why no lab can run here, in one sentence; empty where one can. Leaves nothing behind."""
    if os.geteuid():
        return "the lab needs root: run it with sudo"
    with_sbin()
    missing = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        return f"the lab needs programs that are not here: apt-get install {' '.join(missing)}"
    attempts = {
        "start systems of their own in namespaces": _namespaces,
        "make network namespaces with a slow link": _shaped_link,
        "mount overlays in its folder": _overlay,
        "make control groups": _groups,
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except (LabError, OSError) as error:
            return f"this machine does not let the lab {what}: {' '.join(str(error).split())}"
    return ""


def _namespaces() -> None:
    call("unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--mount-proc", "true")


def _shaped_link() -> None:
    name = f"lab-probe-{os.getpid()}"
    call("ip", "netns", "add", name)
    try:
        call("ip", "-n", name, "link", "add", "one0", "type", "veth", "peer", "name", "two0")
        call("ip", "-n", name, "link", "add", "br0", "type", "bridge")
        shape = "qdisc add dev one0 root tbf rate 512kbit burst 4kb latency 800ms"
        call("tc", "-n", name, *shape.split())
    finally:
        call("ip", "netns", "del", name)


def _overlay() -> None:
    with tempfile.TemporaryDirectory(dir=places.cache()) as name:
        folders = {each: Path(name, each) for each in ("lower", "upper", "work", "root")}
        for folder in folders.values():
            folder.mkdir()
        options = f"lowerdir={folders['lower']},upperdir={folders['upper']},workdir={folders['work']}"
        call("mount", "-t", "overlay", "overlay", "-o", options, folders["root"])
        try:
            Path(folders["root"], "file").write_text("")
        finally:
            call("umount", folders["root"])


def _groups() -> None:
    name = f"lab-probe-{os.getpid()}"
    if not cgroups.hierarchies():
        raise LabError("no control groups are mounted")
    try:
        cgroups.make(name)
    finally:
        for path in cgroups.groups(name):
            cgroups.remove(path)
