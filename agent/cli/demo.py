"""``commune-agent demo``: the whole river on a rendered street, and a verdict by the street's own truth."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.cli.arguments import Parser, seconds
from agent.cli.demo_glimpse import Glimpse
from agent.cli.demo_site import STOP_LIMIT_S, DemoSite, clear, only_one
from agent.cli.demo_troupe import Troupe
from agent.cli.demo_verdict import Inbox, Played, judge
from agent.clock import monotonic_us
from agent.errors import AgentError, ConfigError
from agent.runtime import read_watch
from agent.stage.judge import Verdict
from agent.stage.script import load_scene

_WITHOUT_TERMINAL_S = 90.0
_SET_UP_US = 3_000_000
"""The scenes begin this much after the start of the box, and twice as long as its check took on this machine: nothing
shall happen before anybody looks."""
_WANTED = {"stopped_vehicle", "intrusion"}
_FAILED = 1


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        description="Run the whole product on a rendered street: cameras, detector, rules, store, broker, HQ, page."
        " Stops on Ctrl-C, or after --seconds with a verdict.",
        example="commune-agent demo --seconds 90",
    )
    parser.add_argument("--seconds", type=seconds, help="stop after this long and judge what arrived at HQ")
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="working folder, emptied first (%(default)s)")
    parser.add_argument("--model", type=Path, help="another model file of the demo card (negative control)")
    parser.add_argument("--road", default="demo_road", help="scene of the road camera (%(default)s)")
    parser.add_argument("--yard", default="demo_yard", help="scene of the yard camera (%(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo.

    Returns:
        0 when the verdict is good, or when Ctrl-C ended a demo that was to run until then; 1 otherwise.
    """
    watched = sys.stdin.isatty() and sys.stdout.isatty()
    length_s = arguments.seconds or (None if watched else _WITHOUT_TERMINAL_S)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    folder: Path = arguments.dir.resolve()
    if arguments.model is not None and not arguments.model.is_file():
        raise ConfigError("--model", f"{arguments.model} is no file; name an .onnx file that fits the demo card")
    scenes = {"road": load_scene(arguments.road), "yard": load_scene(arguments.yard)}
    site = DemoSite(folder, {"road": arguments.road, "yard": arguments.yard}, scenes, arguments.model)
    with only_one(folder):
        clear(folder)
        return Show(site, Inbox(), stop, length_s).run()


@dataclass
class Show:
    """One demo.

    Attributes:
        site: what it plays on.
        inbox: what HQ says.
        stop: set when somebody wants it to end.
        seconds: how long it plays; None until ``stop``.
    """

    site: DemoSite
    inbox: Inbox
    stop: threading.Event
    seconds: float | None

    def run(self) -> int:
        """Set up, play, conclude; the last line of a demo of given length is always a verdict."""
        try:
            with Troupe(self.site.folder) as troupe:
                played = self._play(troupe)
        except AgentError as error:
            print(f"demo: VERDICT: failed; {error}")
            return _FAILED
        if self.seconds is None:
            print("demo: stopped")
            return 0
        if self.stop.is_set():
            print("demo: VERDICT: failed; interrupted before its end")
            return _FAILED
        return _conclude(judge(self.site.scenes, self.inbox, played))

    def _play(self, troupe: Troupe) -> Played:
        print("demo: setting up: broker, store, keys, HQ, and a check of it all", flush=True)
        site = self.site
        troupe.start("mosquitto", site.broker_command())
        site.write(monotonic_us())
        troupe.call("migrate", site.agent("migrate"))
        troupe.call("register", site.agent("register", "-o", str(site.registry_file())))
        troupe.start("hq", site.receiver_command(), self.inbox.hear)
        checked_us = troupe.call("check", site.agent("check"))
        played = Played(monotonic_us() + _SET_UP_US + 2 * checked_us, self.seconds or 0.0)
        if not self.stop.is_set():
            site.write(played.start_us)
            troupe.start("agent", site.agent("run"))
            self._announce(played)
            self._wait(troupe, played)
        return played

    def _announce(self, played: Played) -> None:
        length = "until Ctrl-C" if self.seconds is None else f"for {self.seconds:.0f} s"
        print(f"demo: two rendered cameras; a vehicle may stop for {STOP_LIMIT_S} s here (a street uses 60 s)")
        print(f"demo: the box's page is at http://127.0.0.1:{self.site.page_port}/")
        print(f"demo: logs, HQ's database and thumbnails are in {self.site.folder}")
        print(f"demo: running {length}", flush=True)
        due_s = [one.alert_s for scene in self.site.scenes.values() for one in scene.expected]
        if due_s:
            wait_s = min(due_s) - played.scene_s(monotonic_us())
            print(f"demo: the first alert is due in about {wait_s:.0f} s", flush=True)

    def _wait(self, troupe: Troupe, played: Played) -> None:
        """Wait for the end, noting when each camera began to be watched."""
        end_us = None if self.seconds is None else played.start_us + round(self.seconds * 1e6)
        with contextlib.closing(Glimpse(self.site.store)) as glimpse:
            while not self.stop.wait(0.5) and (end_us is None or monotonic_us() < end_us):
                self._look(troupe, played, glimpse)

    def _look(self, troupe: Troupe, played: Played, glimpse: Glimpse) -> None:
        fallen = troupe.fallen()
        if fallen is not None:
            raise AgentError(fallen)
        status = read_watch(self.site.folder / "runtime")
        for camera in status.cameras if status else ():
            if camera.frame_mono_us:
                played.watched_us.setdefault(camera.id, camera.frame_mono_us)
                glimpse.watched(camera.id)
        glimpse.followed()


def _conclude(verdicts: list[Verdict]) -> int:
    for verdict in verdicts:
        print(f"demo: {'ok  ' if verdict.passed else 'FAIL'} {verdict.reason}")
    missing = _WANTED - {verdict.expected.rule for verdict in verdicts if verdict.passed and verdict.expected}
    if missing or not all(verdict.passed for verdict in verdicts):
        lacking = f"; no true {' and no true '.join(sorted(missing))} at HQ" if missing else ""
        print(f"demo: VERDICT: failed{lacking}")
        return _FAILED
    print(f"demo: VERDICT: passed; {len(verdicts)} incidents at HQ, with their pictures, as the street had them")
    return 0
