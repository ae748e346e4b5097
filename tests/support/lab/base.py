"""The base system under every machine of the lab: a bare Debian 12 with systemd, made once and kept."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from support.lab import places
from support.lab.shell import call, run

TECHNICIAN = "technician"
_SUITE = "bookworm"
_PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "openssh-server", "sudo")
_LIMIT_S = 1800.0
_MASKED = (
    "systemd-networkd.service",
    "systemd-pstore.service",
    "console-getty.service",
    "getty@tty1.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
)
"""Units that only take time in a machine that lives for minutes."""
_FILES = {
    f"etc/sudoers.d/{TECHNICIAN}": (0o440, f"{TECHNICIAN} ALL=(ALL) NOPASSWD: ALL\n"),
    # With UseDNS every login would wait for a name service that the site does not have.
    "etc/ssh/sshd_config.d/lab.conf": (0o644, "PasswordAuthentication no\nPermitRootLogin no\nUseDNS no\n"),
    "etc/machine-id": (0o444, ""),
    "etc/resolv.conf": (0o644, ""),
    "etc/apt/sources.list": (0o644, ""),
}
_REMOVED = ("etc/ssh/ssh_host_*", "var/lib/dbus/machine-id", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*")


def base_root(say: Callable[[str], object]) -> Path:
    """Give the base system's folder, making it where there is none of this recipe.

    Raises:
        LabError: it could not be made; the text has what debootstrap said.
    """
    with places.alone("base"):
        folder = places.cache() / f"base-{_recipe()}"
        if not folder.is_dir():
            say(f"making the base system (Debian 12, once; about a minute) in {folder}")
            _make(folder)
        return folder


def _recipe() -> str:
    """Name this recipe: another recipe makes another base."""
    parts = (_SUITE, _PACKAGES, _MASKED, sorted(_FILES.items()), _REMOVED, Path(__file__).read_text("utf-8"))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _make(folder: Path) -> None:
    fresh = folder.with_name(f"{folder.name}.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    debs = places.cache() / "debs"
    debs.mkdir(exist_ok=True)
    options = ["--variant=minbase", f"--include={','.join(_PACKAGES)}", f"--cache-dir={debs}"]
    call("env", *_proxies(), "debootstrap", *options, _SUITE, fresh, *_mirror(), limit_s=_LIMIT_S)
    _furnish(fresh)
    fresh.rename(folder)  # the name says that it is whole


def _furnish(root: Path) -> None:
    call("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", TECHNICIAN)
    for pattern in _REMOVED:
        for path in root.glob(pattern):
            path.unlink()
    for name, (mode, text) in _FILES.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)
    for unit in _MASKED:
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")


def _mirror() -> list[str]:
    """Give the archive from which this machine's own apt takes Debian 12; none leaves it to debootstrap."""
    if os.environ.get("COMMUNE_LAB_MIRROR"):
        return [os.environ["COMMUNE_LAB_MIRROR"]]
    targets = run("apt-get", "indextargets", "--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)")
    found = re.search(rf"^Packages {_SUITE} main (\S+)$", targets.stdout, re.MULTILINE)
    return [found[1]] if found else []


def _proxies() -> list[str]:
    """Give the proxies that this machine's apt uses, as environment variables."""
    found = []
    for scheme in ("http", "https"):
        done = run("apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy")
        value = re.search(r"^proxy='(.+)'$", done.stdout, re.MULTILINE)
        if value and value[1] != "DIRECT":
            found.append(f"{scheme}_proxy={value[1]}")
    return found
