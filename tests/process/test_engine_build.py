"""Engines are built in a process of their own: seen, stopped, killed, kept, renewed. TensorRT is the behaving fake."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.bakery import baked, shop
from support.nvidia import World, nvidia

from agent.detect.engine import PlanMissing, PlanRefused, open_engine
from agent.detect.settings import TensorRtSettings
from agent.detect.trt.builder import BuildCancelled
from agent.detect.trt.construction import BuildNews, Job, construct
from agent.detect.trt.memory import JetsonMemory
from agent.detect.trt.place import this_place
from agent.detect.trt.renewal import Renewal
from agent.detect.trt.workshop import Workshop
from agent.errors import BackendMissing, ModelError

pytest.importorskip("onnx", reason="the package onnx is not here: nothing can be baked")

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0


def until(true: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end_s, f"waited {WAIT_S:.0f} s in vain for: {what}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    shop(folder)
    return baked(folder).path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with nvidia(tmp_path) as there:
        yield there
        gc.collect()
        assert there.faults() == []
        assert there.gpu.live_bytes == 0


@pytest.fixture
def make(world: World, model: Path, tmp_path: Path) -> Callable[..., Workshop]:
    def workshop(**changed: object) -> Workshop:
        settings = TensorRtSettings(tmp_path / "engines", **changed)  # type: ignore[arg-type]
        place = this_place(world.trt, None)
        return Workshop(world.trt, model, settings, place, lambda: JetsonMemory(world.utils, str(model)))

    return workshop


def quiet(news: BuildNews) -> None:
    del news


def files(workshop: Workshop) -> list[str]:
    return sorted(path.name for path in workshop.shelf.folder.glob("*") if path.name != "build.lock")


def picture() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (1, 64, 96, 3), np.uint8)


def right(answers: tuple[np.ndarray, ...], model: Path) -> bool:
    return all(map(np.array_equal, answers, open_engine("onnx", model, 1).run(picture())))


def test_an_engine_is_built_told_of_noted_and_kept(make: Callable[..., Workshop], model: Path) -> None:
    told: list[BuildNews] = []
    workshop = make()
    with pytest.raises(PlanMissing, match=r"has no engine on this box yet.*model build"):
        workshop.open()
    engine = workshop.obtain(told.append, threading.Event())
    assert right(engine.run(picture()), model)
    engine.close()
    shares = [news.share for news in told if news.phase == "Building engine"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 5
    note = workshop.shelf.note(workshop.plan)
    assert note is not None
    assert note.key["model"] == workshop.key.model
    assert note.said == ["WARNING: Tactic Device request: 900MB Available: 800MB. Skipping tactic."]
    assert files(workshop) == sorted(
        [workshop.plan.name, f"{workshop.plan.name}.json", workshop.shelf.timing(workshop.key.place).name]
    )
    before = workshop.plan.stat()
    workshop.build(quiet, threading.Event())
    assert workshop.plan.stat() == before
    assert workshop.shelf.estimate_s() == note.build_s


def test_a_damaged_plan_is_built_again(make: Callable[..., Workshop], model: Path) -> None:
    workshop = make()
    workshop.build(quiet, threading.Event())
    content = workshop.plan.read_bytes()
    workshop.plan.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    engine = workshop.obtain(quiet, threading.Event())
    assert workshop.plan.read_bytes() == content
    engine.close()


def test_a_plan_that_does_not_load_is_built_again_once_and_then_told(
    make: Callable[..., Workshop], world: World
) -> None:
    workshop, told = make(), list[BuildNews]()
    workshop.build(quiet, threading.Event())
    world.turn(plans_load=False)
    with pytest.raises(PlanRefused, match=r"was built on this box and does not load: .*reboot.*--again"):
        workshop.obtain(told.append, threading.Event())
    assert told
    built = workshop.plan.stat().st_mtime_ns
    with pytest.raises(PlanRefused, match="was built on this box and does not load"):
        make().obtain(quiet, threading.Event())
    assert workshop.plan.stat().st_mtime_ns == built
    world.turn()
    workshop.obtain(quiet, threading.Event()).close()


@pytest.mark.parametrize(
    "said",
    [
        "Error Code 1: Cuda Runtime (out of memory)",
        "Requested amount of GPU memory (524288000 bytes) could not be allocated. There may not be enough free memory",
    ],
)
def test_a_plan_that_finds_no_memory_is_not_built_again(make: Callable[..., Workshop], world: World, said: str) -> None:
    """Beside a running watch on a small box: minutes of building would not make it load."""
    workshop, told = make(), list[BuildNews]()
    workshop.build(quiet, threading.Event())
    world.turn(load_fails=said)
    with pytest.raises(ModelError, match=r"no memory to load its engine: .*stop other programs or reboot") as caught:
        workshop.obtain(told.append, threading.Event())
    assert not isinstance(caught.value, PlanRefused)
    assert told == []
    world.turn()
    workshop.open().close()


def test_after_an_update_of_tensorrt_the_old_plan_goes(make: Callable[..., Workshop], world: World) -> None:
    old = make()
    old.obtain(quiet, threading.Event()).close()
    world.turn(version="10.16.2")
    world.trt.__version__ = "10.16.2"
    new = make()
    assert new.plan != old.plan
    assert new.open_older() is None
    new.obtain(quiet, threading.Event()).close()
    new.tidy()
    assert [name for name in files(new) if name.endswith(".plan")] == [new.plan.name]


def test_a_timing_cache_that_is_none_is_ignored_and_renewed(make: Callable[..., Workshop], world: World) -> None:
    workshop = make()
    timing = workshop.shelf.timing(workshop.key.place)
    for before in (b"rubbish", b"timings of 9.9"):
        workshop.shelf.folder.mkdir(exist_ok=True)
        timing.write_bytes(before)
        workshop.build(quiet, threading.Event(), again=True)
        assert timing.read_bytes() == b"timings of 10.3.0"


def builders(of: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(of).children() if any("trt.worker" in word for word in child.cmdline())]


def over(child: psutil.Process) -> bool:
    """Whether a process has ended; whose parent went first may wait for ever to be buried."""
    return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_build_is_stopped_at_any_step_and_leaves_nothing(
    make: Callable[..., Workshop], world: World, tmp_path: Path
) -> None:
    world.turn(hold=str(tmp_path / "never"))
    workshop, stop, seen = make(), threading.Event(), list[psutil.Process]()

    def told(news: BuildNews) -> None:
        if news.share >= 0.5:
            seen.extend(builders(os.getpid()))
            stop.set()

    with pytest.raises(BuildCancelled):
        workshop.build(told, stop)
    assert seen
    assert not any(each.is_running() for each in seen)
    assert files(workshop) == []


@pytest.mark.long
def test_a_build_that_hears_nothing_for_long_is_stopped_too(
    make: Callable[..., Workshop], world: World, tmp_path: Path
) -> None:
    world.turn(hold=str(tmp_path / "never"), deaf=True)
    workshop, stop = make(), threading.Event()
    with pytest.raises(BuildCancelled):
        workshop.build(lambda news: stop.set() if news.share >= 0.75 else None, stop)
    assert builders(os.getpid()) == []


class Later:
    """A stop that the service manager tells us of a moment after it has told the builder."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout: float) -> bool:
        del timeout
        return True


@pytest.mark.parametrize("stop", [Later(), threading.Event()], ids=["stopped", "builder alone"])
def test_a_builder_that_hears_of_the_stop_first_is_no_fault(
    make: Callable[..., Workshop], world: World, tmp_path: Path, stop: Later | threading.Event
) -> None:
    """``systemctl stop`` sends SIGTERM to every process of the unit at once."""
    world.turn(hold=str(tmp_path / "never"))

    seen: list[psutil.Process] = []

    def told(news: BuildNews) -> None:
        if news.share >= 0.5 and not seen:
            seen.extend(builders(os.getpid()))
            seen[0].terminate()

    fault = pytest.raises(ModelError, match="was told to stop") if isinstance(stop, threading.Event) else None
    with fault or pytest.raises(BuildCancelled):
        make().build(told, stop)


def test_a_stop_while_another_build_is_waited_for_is_no_fault(
    make: Callable[..., Workshop], world: World, tmp_path: Path
) -> None:
    with make(batch=2).shelf.locked(lambda seconds: None):
        stop = threading.Event()
        with pytest.raises(BuildCancelled):
            make().build(lambda news: stop.set(), stop)


def test_a_builder_that_crashes_at_its_end_has_built(make: Callable[..., Workshop], world: World, model: Path) -> None:
    """Libraries of the GPU are taken down in no sound order with the interpreter; the plan is written by then."""
    world.turn(crash_at_exit=True)
    engine = make().obtain(quiet, threading.Event())
    assert right(engine.run(picture()), model)
    engine.close()


def test_tidying_leaves_a_build_alone_that_is_on_its_way(
    make: Callable[..., Workshop], world: World, tmp_path: Path
) -> None:
    there, other = make(batch=2), make()
    there.build(quiet, threading.Event())
    world.turn(hold=str(tmp_path / "go"))

    def told(news: BuildNews) -> None:
        if news.share >= 0.5:
            there.tidy()
            (tmp_path / "go").touch()

    other.build(told, threading.Event())
    assert other.plan.is_file()
    other.open().close()


def test_what_cannot_be_tidied_away_stays(make: Callable[..., Workshop], caplog: pytest.LogCaptureFixture) -> None:
    workshop = make()
    workshop.obtain(quiet, threading.Event()).close()
    (workshop.shelf.folder / "folder.part").mkdir()
    workshop.tidy()
    assert "folder.part" in caplog.text
    workshop.open().close()


def test_the_builder_is_last_in_line_and_first_to_go(
    make: Callable[..., Workshop], world: World, tmp_path: Path
) -> None:
    world.turn(hold=str(tmp_path / "go"))
    found: list[tuple[object, ...]] = []

    def told(news: BuildNews) -> None:
        if news.share >= 0.5 and not found:
            (child,) = builders(os.getpid())
            score = Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip()
            found.append((child.nice(), child.ionice().ioclass, os.getsid(child.pid) == child.pid, score))
            (tmp_path / "go").touch()

    make().build(told, threading.Event())
    assert found == [(19, psutil.IOPRIO_CLASS_IDLE, True, "800")]


PARENT = """
import sys, threading
from pathlib import Path
from agent.detect.modelfile import sha256_of
from agent.detect.trt.construction import Job, construct
model, folder = map(Path, sys.argv[1:])
folder.mkdir()
job = Job(model, sha256_of(model), 4, 1 << 26, folder / "street.plan.part", folder / "t.part", folder / "none")
construct(job, lambda news: print(news.share, flush=True), threading.Event(), None)
"""


def test_a_builder_does_not_outlive_who_wanted_it(
    make: Callable[..., Workshop], world: World, model: Path, tmp_path: Path
) -> None:
    world.turn(hold=str(tmp_path / "never"))
    line = [sys.executable, "-c", PARENT, str(model), str(tmp_path / "engines")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        assert any(float(share) >= 0.5 for share in iter(parent.stdout.readline, ""))
        (child,) = builders(parent.pid)
        parent.kill()
    until(lambda: over(child), "the builder to end")
    world.turn()
    workshop = make()
    assert files(workshop) == ["street.plan.part", "t.part"]
    workshop.obtain(quiet, threading.Event()).close()
    workshop.tidy()
    assert not any(name.endswith(".part") for name in files(workshop))


def test_a_builder_that_was_left_behind_writes_into_nobody_elses_plan(
    make: Callable[..., Workshop], world: World
) -> None:
    """Whoever wanted it was killed, and started again: for some seconds there are two."""
    workshop = make()
    workshop.shelf.folder.mkdir()
    with workshop.plan.with_name(workshop.plan.name + ".part").open("wb", buffering=0) as left_behind:
        workshop.build(lambda news: left_behind.write(b"its plan" * 100_000) and None, threading.Event())
    assert b"its plan" not in workshop.plan.read_bytes()
    workshop.open().close()


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"die": "SIGKILL"}, r"was killed.*memory ran out.*swap"),
        ({"die": "SIGSEGV"}, r"ended by SIGSEGV"),
        (
            {"build_fails": "Error Code 2: OutOfMemory (Requested size 900 bytes)"},
            r"short of memory: stop commune-watch",
        ),
        ({"build_fails": "Could not find any implementation for node conv0"}, r"no engine: Could not find any"),
    ],
)
def test_a_failed_build_says_why_and_leaves_nothing(
    make: Callable[..., Workshop], world: World, knobs: dict[str, str], told: str
) -> None:
    world.turn(**knobs)
    workshop = make()
    with pytest.raises(ModelError, match=told):
        workshop.build(quiet, threading.Event())
    assert files(workshop) == []


def test_too_little_scratch_memory_names_the_key(make: Callable[..., Workshop]) -> None:
    with pytest.raises(ModelError, match=r"workspace limit; .*detector\.tensorrt\.workspace_bytes"):
        make(workspace_bytes=1024).build(quiet, threading.Event())


def test_no_gpu_and_no_library_are_told_by_the_builder_too(make: Callable[..., Workshop], world: World) -> None:
    workshop = make()
    world.turn(arch="")
    with pytest.raises(BackendMissing, match="no usable GPU"):
        workshop.build(quiet, threading.Event())
    world.turn(import_error="libnvdla_compiler.so: cannot open shared object file")
    with pytest.raises(BackendMissing, match=r"installed and does not load: libnvdla_compiler\.so"):
        workshop.build(quiet, threading.Event())
    world.turn(version="8.6.2")
    with pytest.raises(BackendMissing, match=r"TensorRT 8\.6\.2 is too old.*JetPack 6\.1"):
        workshop.build(quiet, threading.Event())


def test_a_full_disk_is_told(world: World, model: Path, tmp_path: Path) -> None:
    from agent.detect.modelfile import sha256_of

    job = Job(model, sha256_of(model), 4, 1 << 26, Path("/dev/full"), tmp_path / "t.part", tmp_path / "none")
    with pytest.raises(ModelError, match="cannot be written: No space left on device; free some space"):
        construct(job, quiet, threading.Event(), None)


def test_a_folder_that_cannot_be_made_is_told(make: Callable[..., Workshop], tmp_path: Path) -> None:
    (tmp_path / "engines").write_text("a file")
    with pytest.raises(ModelError, match=r"cannot be written: .*check its owner"):
        make().build(quiet, threading.Event())


def test_a_model_that_changes_meanwhile_is_not_built(world: World, model: Path, tmp_path: Path) -> None:
    job = Job(model, "0" * 64, 4, 1 << 26, tmp_path / "p.part", tmp_path / "t.part", tmp_path / "none")
    with pytest.raises(ModelError, match="changed while its engine was to be built"):
        construct(job, quiet, threading.Event(), None)


def test_what_is_no_baked_model_is_refused_by_the_builder(world: World, model: Path, tmp_path: Path) -> None:
    from agent.detect.modelfile import sha256_of

    cases = {
        b"": "empty network",
        b"<html>no</html>": "empty network",
        model.read_bytes()[:300]: "cannot read it: .*Failed to parse",
        (model.parent / "published.onnx").read_bytes(): r"takes 'images' .*FLOAT.*model bake",
    }
    file = tmp_path / "other.onnx"
    for content, told in cases.items():
        file.write_bytes(content)
        job = Job(file, sha256_of(file), 4, 1 << 26, tmp_path / "p.part", tmp_path / "t.part", tmp_path / "none")
        with pytest.raises(ModelError, match=told):
            construct(job, quiet, threading.Event(), None)


def test_two_builds_at_once_are_one(make: Callable[..., Workshop], world: World, tmp_path: Path) -> None:
    world.turn(hold=str(tmp_path / "go"))
    first, second = make(), make()
    halfway, waited = threading.Event(), threading.Event()
    one = threading.Thread(
        target=first.build, args=(lambda news: halfway.set() if news.share >= 0.5 else None, threading.Event())
    )
    one.start()
    assert halfway.wait(WAIT_S)
    phases: list[str] = []

    def told(news: BuildNews) -> None:
        phases.append(news.phase)
        waited.set()

    two = threading.Thread(target=second.build, args=(told, threading.Event()))
    two.start()
    assert waited.wait(WAIT_S)
    (tmp_path / "go").touch()
    one.join(WAIT_S)
    two.join(WAIT_S)
    assert set(phases) == {"waiting for another build"}
    second.open().close()


class TestRenewal:
    """While a new engine is built, the old one of the same model serves."""

    def test_the_old_engine_serves_until_the_new_one_is_there(
        self, make: Callable[..., Workshop], world: World, model: Path, tmp_path: Path
    ) -> None:
        make().obtain(quiet, threading.Event()).close()
        world.turn(hold=str(tmp_path / "go"))
        workshop = make(batch=2)
        old = workshop.open_older()
        assert old is not None
        engine = Renewal(old, workshop)
        assert engine.max_batch == 4
        until(lambda: "Building engine 75%" in engine.news, "news of the build")
        assert right(engine.run(picture()), model)
        (tmp_path / "go").touch()
        until(workshop.plan.exists, "the new plan")

        def served() -> bool:
            assert right(engine.run(picture()), model)
            return engine.max_batch == 2

        until(served, "the new engine to serve")
        assert engine.news == ""
        assert [name for name in files(workshop) if name.endswith(".plan")] == [workshop.plan.name]
        engine.close()

    def test_where_none_can_be_built_the_old_one_goes_on_and_says_so(
        self, make: Callable[..., Workshop], world: World, model: Path
    ) -> None:
        make().obtain(quiet, threading.Event()).close()
        world.turn(build_fails="Could not find any implementation for node conv0")
        workshop = make(batch=2)
        old = workshop.open_older()
        assert old is not None
        engine = Renewal(old, workshop)
        until(lambda: "cannot be built" in engine.news, "the failure to be told")
        assert right(engine.run(picture()), model)
        engine.close()

    def test_a_plan_that_does_not_load_is_built_again_while_the_old_one_serves(
        self, make: Callable[..., Workshop], model: Path
    ) -> None:
        make().obtain(quiet, threading.Event()).close()
        workshop = make(batch=2)
        workshop.build(quiet, threading.Event())
        foreign = workshop.plan.read_bytes().replace(b"10.3.0", b"10.3.1", 1)
        note = workshop.shelf.note(workshop.plan)
        assert note is not None
        workshop.plan.write_bytes(foreign)
        workshop.shelf.write_note(workshop.plan, replace(note, sha256=hashlib.sha256(foreign).hexdigest()))
        with pytest.raises(PlanRefused):
            workshop.open()
        old = workshop.open_older()
        assert old is not None
        engine = Renewal(old, workshop, again=True)
        until(lambda: right(engine.run(picture()), model) and engine.max_batch == 2, "the new engine to serve")
        engine.close()

    def test_where_the_new_one_does_not_open_the_old_one_goes_on(
        self, make: Callable[..., Workshop], world: World, model: Path
    ) -> None:
        make().obtain(quiet, threading.Event()).close()
        workshop = make(batch=2)
        old = workshop.open_older()
        assert old is not None
        engine = Renewal(old, workshop)
        until(workshop.plan.exists, "the new plan")
        engine._builder.join(WAIT_S)
        world.turn(arch="")  # what a runtime says that finds too little memory: no usable GPU
        assert right(engine.run(picture()), model)
        assert "does not load" in engine.news
        assert right(engine.run(picture()), model)
        engine.close()

    def test_a_new_one_that_was_built_and_does_not_load_is_not_built_at_every_start(
        self, make: Callable[..., Workshop], world: World, model: Path
    ) -> None:
        make().obtain(quiet, threading.Event()).close()
        workshop, built = make(batch=2), set[int]()
        for again in (False, True):
            world.turn()
            old = workshop.open_older()
            assert old is not None
            engine = Renewal(old, workshop, again=again)
            engine._builder.join(WAIT_S)
            world.turn(plans_load=False)
            assert right(engine.run(picture()), model)
            assert "does not load" in engine.news
            engine.close()
            note = workshop.shelf.note(workshop.plan)
            assert note is not None
            assert note.refused
            built.add(workshop.plan.stat().st_mtime_ns)
        assert len(built) == 1

    def test_an_older_engine_that_finds_no_memory_is_none(self, make: Callable[..., Workshop], world: World) -> None:
        make().obtain(quiet, threading.Event()).close()
        world.turn(refuse=["create_execution_context"])
        assert make(batch=2).open_older() is None

    def test_closing_stops_the_build(self, make: Callable[..., Workshop], world: World, tmp_path: Path) -> None:
        make().obtain(quiet, threading.Event()).close()
        world.turn(hold=str(tmp_path / "never"))
        workshop = make(batch=2)
        old = workshop.open_older()
        assert old is not None
        engine = Renewal(old, workshop)
        until(lambda: "Building engine" in engine.news, "the build to begin")
        engine.close()
        assert builders(os.getpid()) == []
        assert not workshop.plan.exists()


def test_ctrl_c_stops_the_command_and_the_build(world: World, model: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        '[box]\nid = "gate"\nname = "Cổng"\narea = "commune-a"\nstate_dir = "state"\nruntime_dir = "run"\n'
        '[uplink]\nhost = "127.0.0.1"\n'
        f'[detector]\nengine = "tensorrt"\ncard = "street-baked"\nmodels_dir = {json.dumps(str(model.parent))}\n'
        '[[camera]]\nid = "gate"\nname = "Cổng"\nbackend = "rendered"\nurl = "calm"\n',
        "utf-8",
    )
    world.turn(hold=str(tmp_path / "never"))
    line = [sys.executable, "-m", "agent", "model", "build", str(site)]

    def heard() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # where the tests run in the background, it is ignored

    with subprocess.Popen(line, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True, preexec_fn=heard) as run:
        until(lambda: builders(run.pid), "the builder to start")
        (child,) = builders(run.pid)
        run.send_signal(signal.SIGINT)
        assert run.wait(WAIT_S) == 130
    until(lambda: over(child), "the builder to end")
    assert list((tmp_path / "state" / "engines").glob("*.p*")) == []
