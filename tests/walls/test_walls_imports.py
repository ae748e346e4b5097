"""Who may import whom: the house's walls, read from the source and from running interpreters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ROOMS = ("video", "detect", "backdrop", "track", "rules", "evidence", "store", "stage", "health")
PROCESSES = ("watch", "uplink", "page")
BOTTOM = ("errors", "clock", "journal", "keys", "owner", "runtime")
HQ_MAY_USE = {
    "agent.core.message", "agent.core.event", "agent.core.image", "agent.core.incident", "agent.core.box",
    "agent.errors", "agent.clock", "agent.keys", "agent.journal",
}  # fmt: skip

PROVISIONING_MAY_USE = (
    "agent.core", "agent.errors", "agent.clock", "agent.keys", "agent.config", "agent.site_", "agent.video",
    "agent.cli.arguments", "agent.page.auth", "hq.registry",
)  # fmt: skip
"""``agent.site_*`` are the modules of ``agent.config``; decision 0110 says why ``hq.registry``."""

OWNERS = {
    "paho": ("agent/uplink/session.py", "hq/"),
    "pydantic": ("agent/config.py", "agent/site_"),
    "cryptography": ("agent/keys.py", "provisioning/certificates.py", "provisioning/revocations.py"),
    "systemd": ("agent/journal.py",),
    "sqlite3": ("agent/store/", "hq/"),
    "sqlite_utils": ("agent/store/", "hq/"),
    "onnx": ("agent/detect/baking/library.py",),
    "onnxruntime": ("agent/detect/onnx.py", "agent/detect/baking/half.py"),
    "tensorrt": ("agent/detect/tensorrt.py",),
    "jetson_utils_python": ("agent/video/jetson.py", "agent/detect/tensorrt.py"),
    "argon2": ("agent/page/auth.py", "agent/page/passwords.py"),
}
"""The only places that may import a package (a trailing slash means the whole folder)."""

NEVER = (
    "face_recognition", "dlib", "insightface", "deepface", "facenet_pytorch", "mediapipe", "easyocr", "pytesseract",
    "paddleocr", "openalpr", "fast_alpr", "torchreid", "ultralytics",
)  # fmt: skip
"""Face, plate, text and re-identification packages (and one whose licence forbids its use here)."""


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if (node.module or "").startswith("agent"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rank(module: str) -> tuple[int, str]:
    """Give the floor of an agent module (0 lowest) and its room."""
    room = module.split(".")[1] if "." in module else ""
    if room in BOTTOM:
        return 0, room
    if room == "core":
        return 1, room
    if room in ROOMS:
        return 2, room
    if room in PROCESSES:
        return 3, room
    return 4, room


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def breaches() -> Iterator[str]:
    for path in sources("agent"):
        here, room = rank(module_of(path))
        for name in imports(path):
            if not name.startswith("agent.") or name == "agent":
                continue
            there, other = rank(name)
            settings_only = name.endswith(".settings") or ".settings." in name
            if there > here or (there == here and other != room and here in (2, 3) and not settings_only):
                yield f"{path.relative_to(ROOT)} imports {name}"


def test_rooms_import_only_downwards() -> None:
    assert list(breaches()) == []


def test_hq_uses_only_what_travels() -> None:
    used = {name for path in sources("hq") for name in imports(path) if name.startswith("agent.") and _is_module(name)}
    beyond = {name for name in used if not name.startswith("agent.core.message")}
    assert beyond - HQ_MAY_USE - {"agent.core"} == set()


def test_provisioning_uses_only_what_it_may() -> None:
    used = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("provisioning")
        for name in imports(path)
        if name.split(".")[0] in ("agent", "hq")
        and _is_module(name)
        and name not in ("agent", "agent.cli", "agent.page")
        if not name.startswith(PROVISIONING_MAY_USE)
    }
    assert used == set()


def test_nothing_that_runs_on_a_box_or_at_hq_knows_provisioning() -> None:
    """Its commands are found by name, when they are called (``agent.cli.commands``)."""
    assert [
        str(path) for path in sources("agent", "hq") for name in imports(path) if name.startswith("provisioning")
    ] == []


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_a_package_is_imported_only_by_its_owner(package: str) -> None:
    strays = [
        str(path.relative_to(ROOT))
        for path in sources("agent", "hq", "provisioning")
        if any(name.split(".")[0] == package for name in imports(path))
        and not str(path.relative_to(ROOT)).startswith(OWNERS[package])
    ]
    assert strays == []


def test_nothing_knows_faces_plates_or_identities() -> None:
    met = {name.split(".")[0] for path in sources("agent", "hq", "provisioning", "models") for name in imports(path)}
    assert met & set(NEVER) == set()


def test_no_python_where_it_would_shadow_a_package() -> None:
    assert [path for folder in ("systemd", "ansible") for path in (ROOT / folder).rglob("*.py")] == []


@pytest.mark.parametrize("module", ["agent.uplink.process", "agent.page.process", "hq.__main__", "agent.core.message"])
def test_pixels_are_out_of_reach(module: str) -> None:
    program = f"import sys, {module}; print(sorted({{'numpy', 'cv2', 'onnxruntime'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.stdout.strip() == "[]", run.stderr


@pytest.mark.parametrize("module", ["agent.watch.process", "agent.detect.detector", "agent.detect.install"])
def test_what_finds_objects_can_neither_fetch_nor_bake(module: str) -> None:
    program = (
        f"import sys, {module}; print([m for m in sys.modules if m == 'onnx' or m.startswith('agent.detect.fetch')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_environment_is_read_only_where_it_is_told() -> None:
    allowed = {"agent/journal.py", "agent/config.py", "agent/supervisor.py"}
    allowed |= {"provisioning/cli/bundle.py", "provisioning/bundle/programs.py"}  # the laptop's cache and its programs
    readers = {
        str(path.relative_to(ROOT))
        for path in sources("agent", "hq", "provisioning")
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        )
    }
    assert readers <= allowed, readers - allowed
