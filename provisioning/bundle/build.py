"""``bundle build``: everything a machine needs, in one folder that a technician carries to it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError
from agent.keys import Signer
from provisioning.bundle import checkout, debs, wheels
from provisioning.bundle.boxtar import Content, write_tar
from provisioning.bundle.lock import pinned
from provisioning.bundle.place import appearing, write
from provisioning.bundle.sums import SIGNATURE, SUMS, files_of, sum_of_file, written
from provisioning.bundle.targets import Target

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built.

    Attributes:
        target: for which kind of machine.
        output: folder in which the bundle's own folder is made.
        cache: what was fetched, kept from build to build.
        models: model files to carry.
        signer: signs the sums; None leaves the bundle unsigned.
    """

    target: Target
    output: Path
    cache: Path
    models: Sequence[Path] = ()
    signer: Signer | None = None


def build(order: Order, say: Say) -> Path:
    """Make a bundle and give its folder; it appears whole, in one step, or not at all.

    A bundle of the same version and target that is there already is replaced.

    Raises:
        ConfigError: this is no checkout, or a file cannot be used or written.
        BackendMissing: a program that this needs is not here.
        BundleError: something cannot be fetched, or does not install.
    """
    root = checkout.find_checkout()
    models = _models(root, order.models)
    carried = {name: root / name for name in checkout.carried_files(root)}
    if checkout.is_changed(root):
        say("note: this checkout has changes that are in no commit; they go into the bundle")
    with _scratch(order.cache, say) as scratch:
        own = checkout.build_wheel(root, scratch)
        folder = order.output / f"commune-agent-{own.version}-{order.target.name}"
        with appearing(folder) as part:
            box = _box_files(order, root, own, scratch, say)
            say("writing the bundle")
            write_tar(part / "box.tar", box)
            for name, path in (carried | models).items():
                write(part / name, path.read_bytes(), executable=os.access(path, os.X_OK))
            write(part / "VERSION", f"{own.version}\n".encode())
            write(part / "TARGET", f"{order.target.name}\n".encode())
            sums = written({name: sum_of_file(part / name) for name in files_of(part)}).encode()
            write(part / SUMS, sums)
            if order.signer is not None:
                write(part / SIGNATURE, f"{order.signer(sums).hex()}\n".encode())
    return folder


def _box_files(order: Order, root: Path, own: checkout.Wheel, scratch: Path, say: Say) -> dict[str, Content]:
    """Collect what goes into the archive: the lock with our own wheel in it, the wheels, pip, the Debian packages."""
    target = order.target
    lock = root / "requirements" / target.lock
    chosen = [*wheels.fetch_wheels(target, lock, order.cache / "wheels" / target.name, say), own.path]
    text = lock.read_text("utf-8") + pinned("commune-agent", own.version, sum_of_file(own.path))
    full_lock = scratch / "lock.txt"
    full_lock.write_text(text, "utf-8")
    say(f"proving that {len(chosen)} wheels install on {target.name} without a network")
    wheels.prove(target, full_lock, chosen, scratch)
    files: dict[str, Content] = {"lock.txt": text.encode()}
    files |= {f"wheels/{path.name}": path for path in chosen}
    (installer,) = [path for path in chosen if path.name.startswith("pip-")]
    files[installer.name] = installer
    if target.packages:
        packages = debs.fetch_debs(target.packages, order.cache / "apt", say)
        files |= {f"apt/{deb.carried_as}": deb.path for deb in packages}
        files["apt/Packages"] = debs.index(packages).encode()
    return files


def _models(root: Path, given: Sequence[Path]) -> dict[str, Path]:
    """Name the models in the bundle as their cards do; only a file that a card pins by its hash is carried.

    That is a shipped card, or the one beside a baked model, which is then carried too.
    """
    models = {}
    for path in given:
        own = path.with_suffix(".toml")
        try:
            digest = sum_of_file(path)
            name = checkout.card_file_name(root / "models", digest)
            own_name = None if name or not own.is_file() else checkout.card_file_name(own.parent, digest, own.name)
        except OSError as error:
            raise ConfigError("--model", f"{path} cannot be read: {error.strerror}") from error
        if not (name or own_name):
            raise ConfigError(
                "--model", f"{path} is not a file that a model card pins by its sha256; see: commune-agent model list"
            )
        models[f"models/{name or own_name}"] = path
        if own_name:
            models[f"models/{own.name}"] = own
    return models


@contextmanager
def _scratch(cache: Path, say: Say) -> Iterator[Path]:
    """Give a folder for this build beside the cache, which no other build uses meanwhile."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise ConfigError("--cache", f"{cache} cannot be written: {error.strerror}; name another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build uses the cache; waiting for it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob("build-*"):  # of a build that was killed: whoever held the lock is gone
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
            yield Path(folder)
