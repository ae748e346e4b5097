"""What HQ promises when its registry is out of date, and when it is killed before it could speak."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.broker import Broker
from support.link_stand import ROOT, Hq, QuietBox, until

from agent.keys import load_signer, make_key

pytestmark = pytest.mark.broker


def register(folder: Path, watch_key: bytes) -> list[str]:
    """Write HQ's registry of box gate-01; gives the options that name it."""
    folder.mkdir(exist_ok=True)
    known = {"box": "gate-01", "area": "demo", "name": "Cổng", "keys": {"watch": watch_key.hex()}}
    (folder / "gate-01.json").write_text(json.dumps(known), "utf-8")
    return ["--registry", str(folder)]


def told(hq: Hq, kind: str) -> list[dict]:
    return [line for line in map(json.loads, hq.program.lines) if line["type"] == kind and not line["duplicate"]]


def alerts(hq: Hq) -> list[str]:
    return [event["id"] for event in told(hq, "event") if event["stream"] == "a"]


def test_a_box_with_renewed_keys_loses_nothing_until_it_is_registered_again(broker: Broker, tmp_path: Path) -> None:
    data, registry = tmp_path / "hq" / "data", tmp_path / "registry"
    old_key = make_key(tmp_path / "old.key").public
    with QuietBox(tmp_path / "box", broker.port) as box:
        with Hq(data, broker.port, "--json", *register(registry, old_key)) as hq:
            hq.ready()
            box.start().connected()
            for _ in range(3):
                box.alert(images=1)
            until(lambda: hq.ask("SELECT count(*) FROM dead_letters") == [(3,)], "all three are refused")
            until(lambda: hq.ask("SELECT count(*) FROM images") == [(3,)], "the pictures came")
            # Its lines come after what it commits.
            until(lambda: [image["verified"] for image in told(hq, "image")] == [False] * 3, "all three are told")
            box.uplink.stop()  # greets and sends everything again once it runs
            box.start().connected()
            until(lambda: sum(line.startswith('{"type": "dead') for line in hq.program.lines) >= 6, "sent once more")
            assert hq.ask("SELECT count(*) FROM dead_letters") == [(3,)], "kept once"
            assert hq.ask("SELECT count(*) FROM seen WHERE stream = 'a'") == [(0,)]
            assert box.status().backlog["a"] == 3
            complaints = [line for line in hq.program.said.splitlines() if "commune-agent register" in line]
            assert len(complaints) == 1, complaints
            assert "box gate-01" in complaints[0]
            assert "ERROR" in complaints[0]
            assert hq.program.stop() == 0
        new_key = load_signer(box.store_settings.keys_dir / "watch.key").public
        with Hq(data, broker.port, "--json", *register(registry, new_key)) as hq:
            until(lambda: hq.has(set(box.recorded)), "the refused alerts arrive")
            box.delivered()
            assert sorted(alerts(hq)) == sorted(box.recorded)
            box.alert(images=1)
            (image,) = until(lambda: told(hq, "image"), "a picture after its event")
            assert image["verified"] is True


def reader_gone(hq: subprocess.Popen[bytes], _committed: Callable[[], bool]) -> None:
    """The line finds nobody: HQ leaves by itself."""
    assert hq.wait(30) == 0


def killed_while_it_speaks(hq: subprocess.Popen[bytes], committed: Callable[[], bool]) -> None:
    """The line stands in a pipe that is full: HQ waits there, after its commit, and is killed."""
    until(committed, "the alert is committed")
    assert hq.poll() is None
    hq.kill()
    hq.wait()


@pytest.mark.parametrize("end", [reader_gone, killed_while_it_speaks])
def test_an_alert_that_was_committed_and_not_shown_is_shown_at_the_next_start(
    broker: Broker, tmp_path: Path, end: Callable[[subprocess.Popen[bytes], Callable[[], bool]], None]
) -> None:
    data = tmp_path / "hq" / "data"
    command = [sys.executable, "-m", "hq", "receive", "--port", str(broker.port), "--area", "demo", "--json"]
    with Hq(data, broker.port, "--json") as hq:
        hq.ready()
        assert hq.program.stop() == 0
    reader, writer = os.pipe()
    if end is reader_gone:
        os.close(reader)
    else:
        os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    deaf = subprocess.Popen([*command, "--data", str(data)], stdout=writer, cwd=ROOT)
    os.close(writer)
    with QuietBox(tmp_path / "box", broker.port) as box:
        alert = box.alert()
        box.start()
        end(deaf, lambda: hq.has({alert}))
        assert hq.has({alert}), "committed"
        box.uplink.stop()
        with Hq(data, broker.port, "--json") as again:
            again.ready()
            until(lambda: alerts(again) == [alert], "shown at the start")
            box.start()
            box.delivered()
            assert alerts(again) == [alert], "once"
            again.program.stop()
        with Hq(data, broker.port, "--json") as third:
            box.alert()
            until(lambda: alerts(third), "the next alert is shown")
            assert alerts(third) == box.recorded[1:], "and the first one not again"
