"""Where engine plans lie: named by all that they depend on, each with a note of how it came to be.

    demo-1f3c….plan         the plan
    demo-1f3c….plan.json    its note: key, digest, build time, what TensorRT said
    timing-….cache          how fast tactics were, for the next build on this machine
    build.lock              held while one is built: memory is too short for two

A plan without its note, or of another digest than the note's, is none. Only the process that holds the lock writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.detect.modelfile import explained, sha256_of
from agent.detect.trt.place import Place
from agent.owner import as_owner

_KEPT = 4  # plans of other models: switching back shall not cost a build
_LOCK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Key:
    """All that a plan depends on.

    Attributes:
        model: hex SHA-256 of the ONNX file.
        place: the machine.
        batch: the most pictures a call.
        workspace_bytes: scratch memory a layer may take.
        level: builder optimization level.
        revision: of the builder here.
    """

    model: str
    place: Place
    batch: int
    workspace_bytes: int
    level: int
    revision: int

    @property
    def digest(self) -> str:
        """16 hex digits that stand for it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a plan.

    Attributes:
        model: file name of the model.
        key: what it was built for, as JSON.
        sha256: of the plan.
        build_s: how long it took.
        built_utc: when, ISO 8601.
        said: the last warnings and errors of TensorRT.
        refused: whether it was built here and did not load here, so that building it again is of no use.
    """

    model: str
    key: dict[str, object]
    sha256: str
    build_s: float
    built_utc: str
    said: list[str]
    refused: bool = False


class Shelf:
    """The folder of plans, as far as it concerns one model."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self._model = model

    def plan(self, key: Key) -> Path:
        """Give where the plan for ``key`` lies or would lie."""
        return self.folder / f"{self._model.stem}-{key.digest}.plan"

    def timing(self, place: Place) -> Path:
        """Give where the timing cache of this machine lies or would lie."""
        digest = hashlib.sha256(json.dumps(asdict(place), sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / f"timing-{digest}.cache"

    def read(self, plan: Path) -> bytes | None:
        """Read a plan that is whole; None where there is none."""
        note = self.note(plan)
        if note is None:
            return None
        try:
            content = plan.read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == note.sha256 else None

    def note(self, plan: Path) -> Note | None:
        """Read the note of a plan; None where there is none that can be read."""
        try:
            note = Note(**json.loads(_note_path(plan).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return note if _sound(note) else None

    def older(self, key: Key) -> list[Path]:
        """Give plans of the same model for other keys, newest first: they may still run here."""
        found = [
            path
            for path in self.folder.glob(f"{self._model.stem}-*.plan")
            if path != self.plan(key) and _of_model(self.note(path), key.model)
        ]
        return sorted(found, key=_age)

    def estimate_s(self) -> float | None:
        """Give how long the last build on this box took, of this model if possible; None before the first."""
        paths = sorted(self.folder.glob("*.plan"), key=_age)
        notes = [note for note in map(self.note, paths) if note is not None]
        same = [note for note in notes if note.model == self._model.name]
        return next((note.build_s for note in (*same, *notes)), None)

    def put(self, plan: Path, part: Path, note: Note) -> None:
        """Rename a written and synced plan into place, after its note: a power cut leaves no plan, or a whole one.

        Raises:
            OSError: the folder cannot be written.
        """
        self.remove(plan)
        self.write_note(plan, note)
        part.replace(plan)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def write_note(self, plan: Path, note: Note) -> None:
        """Write the note of a plan, or renew it."""
        path = _note_path(plan)
        text = path.with_name(path.name + ".part")
        with text.open("w", encoding="utf-8") as out:
            json.dump(asdict(note), out, indent=2)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        text.replace(path)

    def remove(self, plan: Path) -> None:
        """Take a plan off the shelf."""
        for path in (plan, _note_path(plan)):
            path.unlink(missing_ok=True)

    def tidy(self, key: Key) -> None:
        """Remove what the plan for ``key`` replaces, what builds left behind, and the oldest plans of other models."""
        for path in self.older(key):
            self.remove(path)
        others = sorted((path for path in self.folder.glob("*.plan") if path != self.plan(key)), key=_age)
        for path in others[_KEPT:]:
            self.remove(path)
        for path in (*self.folder.glob("*.part"), *self.folder.glob("*.plan.json")):
            if path.suffix == ".part" or not path.with_suffix("").exists():
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, pause: Callable[[float], None]) -> Iterator[None]:
        """Hold the lock of the folder, which is made if need be; a process that dies lets go of it.

        Args:
            pause: waits so many seconds while another has the lock; whatever it raises ends the wait.

        Raises:
            ModelError: the folder cannot be written.
        """
        with explained(self.folder), as_owner(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "build.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            while not _lock(handle):
                pause(_LOCK_EVERY_S)
            yield
        finally:
            os.close(handle)


def key_of(model: Path, place: Place, batch: int, workspace_bytes: int, level: int, revision: int) -> Key:
    """Give the key of a model's plan; reads the whole model."""
    return Key(sha256_of(model), place, batch, workspace_bytes, level, revision)


def _lock(handle: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _note_path(plan: Path) -> Path:
    return plan.with_name(plan.name + ".json")


def _sound(note: Note) -> bool:
    """Whether each word of a note is what it should be: anybody may have written the file."""
    texts = (note.model, note.sha256, note.built_utc)
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(note.key, dict)
        and isinstance(note.build_s, int | float)
        and isinstance(note.said, list)
    )


def _of_model(note: Note | None, sha256: str) -> bool:
    return note is not None and note.key.get("model") == sha256


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
