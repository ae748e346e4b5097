"""The Debian packages a bundle carries: with everything they need, whatever is installed where it is unpacked."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from agent.errors import BackendMissing
from provisioning.bundle.programs import BundleError, run
from provisioning.bundle.sums import sum_of_file

Say = Callable[[str], None]

_STALE_S = 86_400.0
_URI = re.compile(r"^'[^']+' (\S+\.deb) (\d+) SHA256:([0-9a-f]{64})$", re.MULTILINE)
_GOT = re.compile(r"Get:\d+ \S+ \S+ \S+ (.+)")
_NETWORK = "check the network, then run it again"

# The builder's own sources and their keys are used, but of them only what Debian has released for bookworm.
_PREFERENCES = """\
Package: *
Pin: release o=Debian, n=bookworm*
Pin-Priority: 900

Package: *
Pin: release o=*
Pin-Priority: -1
"""


@dataclass(frozen=True, slots=True)
class Deb:
    """One package file.

    Attributes:
        path: where it lies.
        sha256: its digest, as Debian's signed index has it.
    """

    path: Path
    sha256: str

    @property
    def carried_as(self) -> str:
        """Its name in the bundle: without the epoch, whose ``%3a`` apt would take for a colon."""
        name, version, rest = self.path.name.split("_", 2)
        return f"{name}_{version.rsplit('%3a', 1)[-1]}_{rest}"


def fetch_debs(packages: Sequence[str], cache: Path, say: Say) -> list[Deb]:
    """Give the packages and all that they need, fetching what the cache does not have.

    Nothing of this machine's apt is changed, and root is not needed. What they need is computed as for a machine that
    has nothing: what a real one has already, its apt leaves alone.

    Raises:
        BackendMissing: this machine is no Debian 12 on x86-64.
        BundleError: the mirror does not give them.
    """
    _check_builder()
    apt = _Apt(cache)
    renewed = apt.renew(say) if apt.lists_age_s() > _STALE_S else False
    debs = apt.needed(packages)
    if not all(_whole(deb) for deb in debs) and not renewed:
        apt.renew(say)  # an old list may name a file that the mirror no longer has
        debs = apt.needed(packages)
    missing = [deb for deb in debs if not _whole(deb)]
    if not missing:
        say(f"all {len(debs)} Debian packages are in the cache")
        return debs
    say(f"{len(debs) - len(missing)} of {len(debs)} Debian packages are in the cache; fetching {len(missing)}")
    for deb in missing:
        deb.path.unlink(missing_ok=True)
    apt.download(packages, say)
    broken = [deb.path.name for deb in debs if not _whole(deb)]
    if broken:
        raise BundleError(f"{broken[0]} did not arrive whole; {_NETWORK}")
    return debs


def index(debs: Sequence[Deb]) -> str:
    """Write the ``Packages`` index of a flat repository that holds these files.

    Raises:
        BundleError: one of them is no package.
    """
    return "\n".join(_paragraph(deb) for deb in sorted(debs, key=lambda deb: deb.carried_as))


def _paragraph(deb: Deb) -> str:
    control = run(["dpkg-deb", "--field", deb.path], f"{deb.path} is no Debian package; delete it and run it again")
    size = deb.path.stat().st_size
    return f"{control.rstrip()}\nFilename: ./{deb.carried_as}\nSize: {size}\nSHA256: {deb.sha256}\n"


def _whole(deb: Deb) -> bool:
    return deb.path.is_file() and sum_of_file(deb.path) == deb.sha256


def _check_builder() -> None:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if (release.get("ID"), release.get("VERSION_ID"), platform.machine()) != ("debian", "12", "x86_64"):
        here = f"{release.get('PRETTY_NAME', platform.system())} on {platform.machine()}"
        raise BackendMissing(
            "debian12-x86_64",
            f"its packages are fetched by the apt of a Debian 12 on x86-64, and this is {here}; build it there"
            " (a container will do)",
        )


class _Apt:
    """apt over a state of its own in the cache, as if nothing were installed."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache.resolve()
        self._archives = self._cache / "archives"
        self._lists = self._cache / "lists"
        self._stamp = self._cache / "lists-renewed"
        for folder in ("state", "lists/partial", "archives/partial", "nothing/partial"):
            (self._cache / folder).mkdir(parents=True, exist_ok=True)
        (self._cache / "status").write_text("")
        (self._cache / "preferences").write_text(_PREFERENCES)
        (self._cache / "apt.conf").write_text(self._settings())

    def lists_age_s(self) -> float:
        """Tell how long ago the lists were renewed; endless when never."""
        if not self._stamp.exists():
            return float("inf")
        return abs(SystemClock().now().utc_us / 1e6 - self._stamp.stat().st_mtime)

    def renew(self, say: Say) -> bool:
        """Fetch the mirror's lists anew."""
        say("reading Debian's package lists")
        self._run("apt-get", "update", "--error-on=any", problem=f"Debian's package lists cannot be read; {_NETWORK}")
        self._stamp.touch()
        return True

    def needed(self, packages: Sequence[str]) -> list[Deb]:
        """Say which files the packages are, with all that they need."""
        nowhere = f"Dir::Cache::archives={self._cache}/nothing"
        words = ("apt-get", "--print-uris", "--yes", "--quiet", "-o", nowhere, "install", *packages)
        printed = self._run(*words, problem=f"apt cannot work out what {', '.join(packages)} need")
        debs = [Deb(self._archives / name, digest) for name, _, digest in _URI.findall(printed)]
        if len(debs) != sum(line.startswith("'") for line in printed.splitlines()):
            raise BundleError("apt names a package without a SHA-256; use a mirror of Debian itself")
        return debs

    def download(self, packages: Sequence[str], say: Say) -> None:
        """Fetch all that is needed into the archives, each file held against Debian's signed index."""

        def tell(line: str) -> None:
            got = _GOT.match(line)
            if got is not None:
                say(f"  {got[1]}")

        words = ("apt-get", "--download-only", "--yes", "--quiet", "install", *packages)
        self._run(*words, problem=f"the Debian packages cannot be fetched; {_NETWORK}", hear=tell)

    def _run(self, *words: str, problem: str, hear: Say | None = None) -> str:
        return run(words, problem, setting={"APT_CONFIG": str(self._cache / "apt.conf")}, hear=hear)

    def _settings(self) -> str:
        """Keep how this machine reaches its mirror (proxies), and none of its hooks or state."""
        network = run(["apt-config", "dump", "Acquire"], "apt-config cannot tell how this machine reaches its mirror")
        return network + "".join(
            f'{key} "{value}";\n'
            for key, value in (
                ("Dir::Etc::main", "/dev/null"),
                ("Dir::Etc::parts", "/dev/null"),
                ("Dir::Etc::preferences", self._cache / "preferences"),
                ("Dir::Etc::preferencesparts", "/dev/null"),
                ("Dir::State", self._cache / "state"),
                ("Dir::State::lists", self._lists),
                ("Dir::State::status", self._cache / "status"),
                ("Dir::Cache", self._cache),
                ("Dir::Cache::archives", self._archives),
                ("Acquire::Languages", "none"),
                ("Acquire::ForceHash", "sha256"),
                ("Acquire::IndexTargets::deb-src::Sources::DefaultEnabled", "false"),
                ("APT::Architecture", "amd64"),
                ("APT::Install-Recommends", "false"),
                ("APT::Install-Suggests", "false"),
                ("APT::Sandbox::User", "root"),
            )
        )
