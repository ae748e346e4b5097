"""The machines a bundle can be made for, and what an installer must know of each."""

from __future__ import annotations

from dataclasses import dataclass

_OLDEST_GLIBC = 17  # manylinux_2_17 = manylinux2014: older wheels are no longer made

DEBIAN_PACKAGES = ("python3", "python3-systemd", "chrony", "mosquitto", "mosquitto-clients")
"""What the roles install from the bundle, on a box or at HQ; the closure of these is carried."""


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of machine.

    Attributes:
        name: as on the command line and in the bundle's TARGET file.
        python: the system's own Python, (major, minor); TensorRT and python3-systemd exist for no other.
        machine: processor architecture as wheels name it.
        glibc: minor version of the system's glibc 2.x; a wheel made for a newer one does not load.
        packages: Debian packages that the bundle carries with all they need; none where the system's image has them.
        limits: versions that the system's own bindings hold back, as requirement lines.
    """

    name: str
    python: tuple[int, int]
    machine: str
    glibc: int
    packages: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def python_version(self) -> str:
        """As programs take it on their command line, ``3.11``."""
        return ".".join(map(str, self.python))

    @property
    def python_tag(self) -> str:
        """As wheels and locks name it, ``311``."""
        return "".join(map(str, self.python))

    @property
    def lock(self) -> str:
        """File name of its lock in ``requirements/``."""
        return f"{self.name}-py{self.python_tag}.txt"

    @property
    def platform(self) -> str:
        """As the resolver names it; it takes wheels for older glibc by itself."""
        return f"{self.machine}-manylinux_2_{self.glibc}"

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Every platform tag that loads there, newest first; the downloader takes only those that it is given."""
        versions = range(self.glibc, _OLDEST_GLIBC - 1, -1)
        return (*(f"manylinux_2_{minor}_{self.machine}" for minor in versions), f"manylinux2014_{self.machine}")


TARGETS = {
    target.name: target
    for target in (
        Target("debian12-x86_64", (3, 11), "x86_64", 36, packages=DEBIAN_PACKAGES),
        # JetPack 6 builds jetson-utils against numpy 1.21; later opencv wheels than this refuse numpy 1.
        Target("jetpack6-aarch64", (3, 10), "aarch64", 35, limits=("numpy<2", "opencv-python-headless<=4.11.0.86")),
        Target("jetpack7-aarch64", (3, 12), "aarch64", 39),
    )
}
