"""The offline bundle as the office makes it: real wheels, real packages, checked by the programs of a machine."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bundles import ROOT, build, clone, debian_bundle, is_debian12, small_bundle
from support.commands import command

from agent.keys import load_signer, make_key
from provisioning.bundle.lock import read_lock
from provisioning.bundle.programs import BundleError
from provisioning.bundle.sums import SUMS
from provisioning.bundle.targets import TARGETS
from provisioning.bundle.wheels import fetch_wheels, prove

pytestmark = pytest.mark.registry

JETSONS = sorted(name for name in TARGETS if name.startswith("jetpack"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debian_bundle(tmp_path_factory.mktemp("stick"))


@pytest.fixture(scope="module")
def box(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked as the machine does it."""
    folder = tmp_path_factory.mktemp("box")
    subprocess.run(["tar", "-xf", bundle / "box.tar", "-C", folder], check=True)
    return folder


def test_a_bundle_is_whole_for_our_command_and_for_the_system_own(bundle: Path, box: Path) -> None:
    verified = command("bundle", "verify", bundle)
    assert (verified.returncode, "is whole" in verified.stdout) == (0, True), verified.stdout
    for folder in (bundle, box):
        words = ["sha256sum", "--quiet", "--strict", "-c", SUMS]
        assert subprocess.run(words, cwd=folder, check=False).returncode == 0


def test_it_carries_what_the_plays_reach_for(bundle: Path, box: Path) -> None:
    assert (bundle / "TARGET").read_text() == "debian12-x86_64\n"
    version = (bundle / "VERSION").read_text().strip()
    assert bundle.name == f"commune-agent-{version}-debian12-x86_64"
    assert {path.name for path in bundle.iterdir()} >= {"ansible", "systemd", "box.tar", SUMS}
    assert (bundle / "ansible/site.yml").read_bytes() == (ROOT / "ansible/site.yml").read_bytes()
    assert (bundle / "systemd/commune-watch.service").is_file()
    assert {path.name for path in box.iterdir() if path.suffix != ".whl"} == {"lock.txt", "wheels", "apt", SUMS}
    assert len(list(box.glob("pip-*.whl"))) == 1


def test_every_wheel_is_locked_and_every_lock_line_has_its_wheel(box: Path) -> None:
    pins = read_lock(box / "lock.txt")
    sums = subprocess.run(["sha256sum", *(box / "wheels").iterdir()], capture_output=True, text=True, check=True)
    digests = {line.split()[0] for line in sums.stdout.splitlines()}
    assert [pin.name for pin in pins if len(pin.hashes & digests) != 1] == []
    assert len(digests) == len(pins)
    assert pins[-1].name == "commune-agent"


def test_our_wheel_has_the_software_and_its_models_and_nothing_of_the_workshop(box: Path) -> None:
    (wheel,) = (box / "wheels").glob("commune_agent-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= {
        "agent/__main__.py",
        "hq/__main__.py",
        "provisioning/cli/bundle.py",
        "agent/models/demo.onnx",
        "agent/models/yolox-nano.toml",
        "agent/page/templates/base.html",
        "agent/core/schemas/event.schema.json",
        "agent/stage/scenes/demo_road.toml",
    }
    assert [
        name
        for name in names
        if name.endswith((".md", ".pyc")) or "/train/" in name or name.startswith(("tests", "docs"))
    ] == []


def test_apt_finds_all_that_the_packages_need_in_the_bundle_alone(box: Path, tmp_path: Path) -> None:
    """The real apt, as if nothing were installed, knowing no other source than the bundle."""
    if not is_debian12():
        pytest.skip("no Debian 12 on x86-64 here: its apt would ask for other packages")
    repository = shutil.copytree(box / "apt", tmp_path / "apt", copy_function=os.link)
    for folder in ("lists/partial", "cache/archives/partial", "state"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "status").write_text("")
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    settings = {
        "Dir::Etc::SourceList": tmp_path / "sources.list", "Dir::Etc::SourceParts": "-", "Dir::Etc::Parts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null", "Dir::State": tmp_path / "state", "Dir::Cache": tmp_path / "cache",
        "Dir::State::Lists": tmp_path / "lists", "Dir::State::Status": tmp_path / "status",
        "APT::Sandbox::User": "root", "APT::Install-Recommends": "false",
    }  # fmt: skip
    (tmp_path / "apt.conf").write_text("".join(f'{key} "{value}";\n' for key, value in settings.items()))

    def apt(*words: str) -> subprocess.CompletedProcess[str]:
        line = ["env", f"APT_CONFIG={tmp_path}/apt.conf", "LC_ALL=C.UTF-8", "apt-get", "-q", "-y", *words]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    assert apt("update").returncode == 0
    fetched = apt("--download-only", "install", *TARGETS["debian12-x86_64"].packages)
    assert fetched.returncode == 0, fetched.stderr  # has read every file, and held it against the index
    next(repository.glob("mosquitto_*.deb")).unlink()
    assert apt("--download-only", "install", "mosquitto").returncode != 0


@pytest.mark.long
def test_a_second_build_fetches_nothing_and_gives_the_same_bytes(tmp_path: Path) -> None:
    if not is_debian12():
        pytest.skip("no Debian 12 on x86-64 here: its bundle cannot be built")
    first, second = build(["-o", tmp_path / "first"]), build(["-o", tmp_path / "second"])
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "fetching" not in second.stdout
    (one,), (other,) = (tmp_path / "first").iterdir(), (tmp_path / "second").iterdir()
    assert (one / SUMS).read_bytes() == (other / SUMS).read_bytes()


# --- for a Jetson -------------------------------------------------------------------------------------------------


def baked_model(folder: Path) -> Path:
    """Write a model with a card of its own beside it, as ``model bake`` does."""
    path = folder / "street-wide.onnx"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    path.with_suffix(".toml").write_text(f'id = "street-wide"\nfile = "{path.name}"\nsha256 = "{digest}"\n')
    return path


@pytest.fixture(scope="module")
def jetsons(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles for Jetsons by target, their archives unpacked: one that the seed picks, all of them under --long."""
    options = request.config.option
    made = {}
    for name in JETSONS if options.long else [random.Random(options.seed).choice(JETSONS)]:
        folder = tmp_path_factory.mktemp(name)
        make_key(folder / "release.key")
        baked = baked_model(folder)
        words = ["-o", folder / "stick", "--target", name, "--model", ROOT / "models/demo.onnx", "--model", baked]
        run = build([*words, "--sign-key", folder / "release.key"])
        assert run.returncode == 0, run.stderr
        (bundle,) = (folder / "stick").iterdir()
        verified = command("bundle", "verify", bundle, "--key", folder / "release.pub")
        assert verified.returncode == 0, verified.stdout
        assert (bundle / "models/demo.onnx").read_bytes() == (ROOT / "models/demo.onnx").read_bytes()
        for path in (baked, baked.with_suffix(".toml")):
            assert (bundle / "models" / path.name).read_bytes() == path.read_bytes()
        (folder / "box").mkdir()
        subprocess.run(["tar", "-xf", bundle / "box.tar", "-C", folder / "box"], check=True)
        made[name] = folder / "box"
    return made


def wheels_of(box: Path) -> list[Path]:
    return sorted((box / "wheels").iterdir())


def test_every_wheel_for_a_jetson_loads_on_its_processor(jetsons: dict[str, Path]) -> None:
    for box in jetsons.values():
        platforms = {wheel.stem.rsplit("-", 1)[-1] for wheel in wheels_of(box)}
        assert all(platform == "any" or platform.endswith("aarch64") for platform in platforms), platforms
        assert len(platforms) > 1
        assert not (box / "apt").exists()


def damaged(wheel: Path) -> None:
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)


def smuggled_into(wheel: Path) -> None:
    """A good archive still, with a file more that Python would run at every start."""
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("early.pth", "import os\n")


def for_another_processor(wheel: Path) -> None:
    wheel.rename(wheel.with_name(wheel.name.replace("aarch64", "x86_64")))


def left_out(wheel: Path) -> None:
    wheel.unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (damaged, "markupsafe"),
        (smuggled_into, "[Hh]ash mismatch for `?markupsafe"),
        (for_another_processor, "markupsafe"),
        (left_out, "markupsafe"),
    ],
)
def test_wheels_that_do_not_install_on_a_jetson_are_refused(
    spoil: Callable[[Path], None], told: str, jetsons: dict[str, Path], tmp_path: Path
) -> None:
    name, box = next(iter(jetsons.items()))
    (chosen,) = (box / "wheels").glob("markupsafe-*")
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    shutil.copy(chosen, spoilt)
    spoil(spoilt / chosen.name)
    wheels = [*(wheel for wheel in wheels_of(box) if wheel != chosen), *spoilt.iterdir()]
    with pytest.raises(BundleError, match=told):
        prove(TARGETS[name], box / "lock.txt", wheels, tmp_path)


def test_a_lock_older_than_the_software_gives_no_bundle(jetsons: dict[str, Path], tmp_path: Path) -> None:
    checkout = clone(tmp_path / "checkout")
    project = checkout / "pyproject.toml"
    project.write_text(
        project.read_text("utf-8").replace("dependencies = [\n", 'dependencies = [\n  "segno",\n', 1), "utf-8"
    )
    run = build(["-o", tmp_path / "stick", "--target", next(iter(jetsons))], checkout)
    assert run.returncode == 1
    assert "segno" in run.stderr
    assert "requirements/make.py" in run.stderr
    assert list((tmp_path / "stick").iterdir()) == []


def test_a_wheel_damaged_in_the_cache_is_fetched_again(jetsons: dict[str, Path], tmp_path: Path) -> None:
    name, box = next(iter(jetsons.items()))
    for wheel in wheels_of(box):
        os.link(wheel, tmp_path / wheel.name)
    (small,) = tmp_path.glob("mdurl-*.whl")
    small.unlink()
    small.write_bytes(b"PK\x03\x04 half a wheel")
    said: list[str] = []
    wheels = fetch_wheels(TARGETS[name], ROOT / "requirements" / TARGETS[name].lock, tmp_path, said.append)
    assert "fetching 1" in said[0]
    assert small in wheels
    assert zipfile.ZipFile(small).testzip() is None


# --- when it cannot be made ---------------------------------------------------------------------------------------


def test_without_a_network_there_is_one_clear_fault_and_no_half_bundle(tmp_path: Path) -> None:
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "PIP_RETRIES": "0"}
    words = ["-o", tmp_path / "stick", "--cache", tmp_path / "cache", "--target", "jetpack7-aarch64"]
    run = build(words, environment={**os.environ, **nowhere})
    assert run.returncode == 1
    assert "the wheels cannot be fetched from the package registry; check the network" in run.stderr
    assert list((tmp_path / "stick").iterdir()) == []
    assert list((tmp_path / "cache/wheels/jetpack7-aarch64").iterdir()) == []


def test_an_installed_agent_says_that_a_bundle_is_built_from_a_checkout(box: Path, tmp_path: Path) -> None:
    (wheel,) = (box / "wheels").glob("commune_agent-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    run = subprocess.run(
        [sys.executable, "-m", "agent", "bundle", "build", "-o", tmp_path / "stick"],
        cwd=tmp_path / "installed", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert "works only from a git checkout" in run.stderr
    assert not (tmp_path / "stick").exists()


def test_a_model_that_no_card_pins_is_not_carried(tmp_path: Path) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(b"weights")
    for text in (
        None,
        'file = "mine.onnx"',
        "[no card",
    ):  # beside it: nothing, a card that pins nothing, something else
        if text is not None:
            mine.with_suffix(".toml").write_text(text)
        run = command("bundle", "build", "-o", tmp_path / "stick", "--model", mine)
        assert run.returncode == 2
        assert "is not a file that a model card pins" in run.stderr


def test_a_bundle_is_signed_by_the_office_and_proved_by_its_public_key(tmp_path: Path) -> None:
    made = command("bundle", "key", tmp_path / "release.key")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "release.key").stat().st_mode & 0o777 == 0o600
    bundle = small_bundle(tmp_path / "bundle", load_signer(tmp_path / "release.key"))
    proved = command("bundle", "verify", bundle, "--key", tmp_path / "release.pub")
    assert (proved.returncode, "signed by the key given" in proved.stdout) == (0, True)
    (bundle / "TARGET").write_text("debian12-x86_65\n")
    refused = command("bundle", "verify", bundle, "--key", tmp_path / "release.pub")
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[0] == "TARGET is changed or damaged"
