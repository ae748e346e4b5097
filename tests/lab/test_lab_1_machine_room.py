"""The lab itself: what it isolates, what it limits, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.lab import cgroups, places
from support.lab.lab import Lab
from support.lab.network import HQ_ADDRESS, HQ_FAST_ADDRESS, LAPTOP_ADDRESS, RATE_KBIT
from support.lab.record import Record, clear_dead_runs, every_run, started
from support.lab.shell import run, until

pytestmark = pytest.mark.lab

_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 22), 3)"
_SINK = """
import socket
with socket.create_server(("", 9)) as door:
    while True:
        caller, _ = door.accept()
        while caller.recv(65536):
            pass
        caller.sendall(b"all")
"""
_SEND = """
import socket, sys, time
sent = b"x" * int(sys.argv[2])
with socket.create_connection((sys.argv[1], 9), 5) as link:
    link.settimeout(60)
    began = time.monotonic()
    link.sendall(sent)
    link.shutdown(socket.SHUT_WR)
    assert link.recv(3) == b"all"
    print(time.monotonic() - began)
"""
_LONELY = """
import sys, time
from support.lab.lab import Lab
lab = Lab.start(1, lambda text: print(text, file=sys.stderr))
print(lab.record.folder, flush=True)
time.sleep(600)
"""


def reaches(machine, address: str) -> bool:
    return machine.tried("python3", "-c", _CONNECT, address).returncode == 0


def test_every_machine_is_a_booted_system_of_its_own(lab: Lab) -> None:
    ids = {machine.enter("cat", "/etc/machine-id").strip() for machine in lab.machines}
    assert len(ids) == len(lab.machines)
    for machine in lab.machines:
        assert machine.enter("systemctl", "is-system-running").strip() == "running", machine.place.name
        assert machine.enter("ps", "-p", "1", "-o", "comm=").strip() == "systemd"
        assert lab.ssh(machine, "sudo hostname").strip() == machine.place.name


def test_nothing_in_the_lab_has_a_way_to_the_internet(lab: Lab) -> None:
    for where in ("router", "hq"):  # every other one's way out is the router
        assert not lab.network.reaches(where, "1.1.1.1")
    for machine in lab.machines:
        assert "Network is unreachable" in machine.tried("python3", "-c", _CONNECT, "1.1.1.1").stderr
    assert "Network is unreachable" in run(lab.laptop, sys.executable, "-c", _CONNECT, "1.1.1.1").stderr


def test_a_box_finds_hq_over_the_slow_link_alone(lab: Lab) -> None:
    (box, *_), hq = lab.boxes, lab.hq
    assert reaches(box, HQ_ADDRESS)
    assert not reaches(box, HQ_FAST_ADDRESS)
    assert not reaches(hq, LAPTOP_ADDRESS) and not reaches(box, LAPTOP_ADDRESS)  # noqa: PT018
    lab.network.cut()
    try:
        assert not reaches(box, HQ_ADDRESS)
        assert lab.lets_in(hq) and lab.lets_in(box)  # noqa: PT018 -- the technician's own way is not cut
    finally:
        lab.network.mend()
    until(lambda: reaches(box, HQ_ADDRESS), 10, "the box finds HQ again")


def test_the_link_lets_through_what_its_rate_says(lab: Lab, long_run: bool, transcript) -> None:
    rates = ((RATE_KBIT, 256_000), (128, 64_000)) if long_run else ((RATE_KBIT, 128_000),)
    lab.hq.enter("systemd-run", "--quiet", "--unit=sink", "python3", "-c", _SINK)
    try:
        until(lambda: lab.hq.tried("python3", "-c", _SEND, HQ_ADDRESS, "1").returncode == 0, 10, "HQ listens")
        for kbit, size in rates:
            lab.network.rate(kbit)
            took_s = float(lab.boxes[0].enter("python3", "-c", _SEND, HQ_ADDRESS, str(size)))
            measured = size * 8 / took_s / 1000
            transcript.say(f"link at {kbit} kbit/s: {measured:.0f} kbit/s measured over {size // 1000} kB")
            assert 0.5 * kbit < measured < 1.1 * kbit
    finally:
        lab.network.rate(RATE_KBIT)
        lab.hq.enter("systemctl", "stop", "sink")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("IPAddressDeny=any", ("python3", "-c", _CONNECT, HQ_ADDRESS)),
        ("DevicePolicy=strict", ("head", "-c1", "/dev/urandom")),
        ("PrivateNetwork=yes", ("python3", "-c", _CONNECT, HQ_ADDRESS)),
        ("ProtectSystem=strict", ("touch", "/usr/written")),
    ],
)
def test_systemd_enforces_here_what_it_enforces_on_a_box(lab: Lab, setting: str, words: tuple[str, ...]) -> None:
    service = ("systemd-run", "--quiet", "--collect", "--pipe", "--wait")
    assert lab.boxes[0].tried(*service, *words).returncode == 0
    assert lab.boxes[0].tried(*service, "-p", setting, *words).returncode != 0


def test_a_stranger_with_a_boxs_address_is_noticed(lab: Lab) -> None:
    box = lab.boxes[0]
    known = lab.known_hosts.read_text()
    other = next(line for line in known.splitlines() if line.startswith("hq,")).split()[1:]
    lab.known_hosts.write_text(f"{box.place.name},{box.place.address} {' '.join(other)}\n")
    try:
        assert "Host key verification failed" in run(*lab.ssh_words(box, "true")).stderr
    finally:
        lab.known_hosts.write_text(known)
    assert lab.lets_in(box)


def test_what_a_killed_lab_leaves_is_cleared_away_by_the_next(machine_room: None) -> None:
    folder, child = start_lonely_lab()
    record = Record(folder)
    lines = [json.loads(line) for line in (folder / "record.jsonl").read_text().splitlines()]
    on_laptop = [str(folder / "on-laptop"), "sleep", "600"]
    with subprocess.Popen(on_laptop) as laptop:
        child.send_signal(signal.SIGKILL)
        child.wait()
        machines = {line["pid"]: line["started"] for line in lines if line["kind"] == "process"}
        assert machines and all(started(pid) == since for pid, since in machines.items())  # noqa: PT018
        assert not record.owner_lives()

        clear_dead_runs(print)

        assert laptop.wait(10) == -signal.SIGKILL
    assert all(started(pid) != since for pid, since in machines.items())
    assert not folder.exists()
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    left = [path for path in Path("/run/netns").iterdir() if path.name.startswith(record.name)]
    left += [
        path for line in lines if line["kind"] == "group" for path in cgroups.groups(line["name"]) if path.exists()
    ]
    left += [Path(line["path"]) for line in lines if line["kind"] == "leftover" and Path(line["path"]).exists()]
    assert not [path for path in left if path.exists()]


def test_a_lab_whose_owner_lives_is_left_alone(lab: Lab) -> None:
    clear_dead_runs(print)
    assert all(machine.running() for machine in lab.machines)
    assert lab.record.folder in [record.folder for record in every_run()]


def start_lonely_lab() -> tuple[Path, subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    child = subprocess.Popen(
        [sys.executable, "-c", _LONELY], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert child.stdout is not None
    line = child.stdout.readline().strip()
    assert line.startswith(str(places.runs())), "the second lab did not start"
    child.stdout.close()
    return Path(line), child
