"""A broker that cannot be used: one line that names it and what to do, at the box and at HQ."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.broker import Broker
from support.identity import Office, OfficeBroker
from support.link_stand import Hq, Program, QuietBox, until
from support.slow_broker import SlowBroker

pytestmark = pytest.mark.broker


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An authority that has signed HQ, its broker and two boxes, of which only the first is registered."""
    office = Office(tmp_path / "office")
    office.machine("localhost", "broker")
    office.machine("hq-demo", "hq")
    for box in ("gate-01", "gate-02"):
        office.machine(box)
    office.register("gate-01")
    return office


@pytest.fixture
def tls_broker(tmp_path: Path, office: Office):
    """A broker as the commands set it up."""
    with OfficeBroker(tmp_path / "tls", office) as broker:
        yield broker


@pytest.fixture
def strict_broker(tmp_path: Path):
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("no mosquitto_passwd here")
    passwords = tmp_path / "passwords"
    subprocess.run([tool, "-c", "-b", str(passwords), "hq", "right"], check=True)
    with Broker(tmp_path / "strict", lines=(f"password_file {passwords}",), anonymous=False) as broker:
        yield broker


def hq_says(hq: Hq, line: str) -> None:
    until(lambda: line in hq.program.said, f"HQ says: {line}", 20)
    assert hq.program.running
    assert "Traceback" not in hq.program.said


def box_says(box: QuietBox, state: str, line: str) -> None:
    until(lambda: (status := box.status()) and status.state == state and line in status.reason, f"{state}: {line}", 20)
    assert box.uplink.running
    assert "Traceback" not in box.said


def test_nothing_listens(free_port: int, tmp_path: Path) -> None:
    line = (
        f"broker 127.0.0.1:{free_port}: refused: nothing listens there; is the broker running, and is the port right?"
    )
    with Hq(tmp_path / "hq" / "data", free_port) as hq, QuietBox(tmp_path / "box", free_port) as box:
        box.start()
        hq_says(hq, line)
        box_says(box, "lost", line)
        with Broker(tmp_path / "late", free_port):
            hq.ready()
            assert hq.program.said.count(line) == 1, "said at every attempt"  # and again once this broker has gone


def test_a_wrong_password(strict_broker: Broker, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    line = "the broker does not authorise this client: check user name, password or certificate, and its access list"
    options = ("--username", "hq", "--password-file", str(wrong))
    with (
        Hq(tmp_path / "hq" / "data", strict_broker.port, *options) as hq,
        QuietBox(tmp_path / "box", strict_broker.port, username="hq", password="wrong") as box,
    ):
        box.start()
        hq_says(hq, line)
        box_says(box, "refused", line)


def test_the_access_list_keeps_a_box_that_is_not_registered_off_every_topic(
    tls_broker: Broker, office: Office, tmp_path: Path
) -> None:
    files = [str(office.ca), *map(str, office.files("gate-02"))]
    with QuietBox(tmp_path / "box", tls_broker.port, box="gate-02", host="localhost", tls=files) as box:
        box.alert()
        box.start()
        box_says(box, "refused", "topic …/e: the broker does not authorise this client")
        assert box.status().backlog["a"] == 1


def test_a_broker_whose_certificate_nobody_vouches_for(tls_broker: Broker, tmp_path: Path) -> None:
    stranger = Office(tmp_path / "stranger")
    files = [str(stranger.ca), *map(str, stranger.machine("gate-01"))]
    line = "its certificate is not trusted"
    options = ("--host", "localhost", "--tls-ca", str(stranger.ca))
    with (
        Hq(tmp_path / "hq" / "data", tls_broker.port, *options) as hq,
        QuietBox(tmp_path / "box", tls_broker.port, host="localhost", tls=files) as box,
    ):
        box.start()
        hq_says(hq, line)
        box_says(box, "lost", line)


def test_tls_to_a_port_that_speaks_none(broker: Broker, office: Office, tmp_path: Path) -> None:
    options = ("--host", "localhost", "--tls-ca", str(office.ca))
    with Hq(tmp_path / "hq" / "data", broker.port, *options) as hq:
        said = rf"broker localhost:{broker.port}: (hung up at once: does only one side speak TLS|no TLS )"
        assert until(lambda: re.search(said, hq.program.said), "HQ says that the port speaks no TLS", 20)
        assert "Traceback" not in hq.program.said


def test_plain_mqtt_to_another_machine_is_refused_unless_told(tmp_path: Path) -> None:
    arguments = ["-m", "hq", "receive", "--host", "192.0.2.1", "--area", "demo", "--data", str(tmp_path / "d")]
    hq = Program([*arguments, "--seconds", "1"], tmp_path / "hq.log")
    assert hq.process.wait(20) == 2
    hq.stop()
    assert "--host 192.0.2.1: plain MQTT to another machine shows everything to the network" in hq.said
    with QuietBox(tmp_path / "box", 1883, host="192.0.2.1") as box:
        box.start()
        assert box.uplink.process.wait(20) == 2
        assert "uplink.tls: plain MQTT to 192.0.2.1 shows everything to the network" in box.said
    with QuietBox(tmp_path / "told", 1883, host="192.0.2.1", insecure=True) as box:
        box.start()
        until(lambda: "uplink.insecure: everything sent to 192.0.2.1 can be read" in box.said, "it warns")


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--area", "Đông"], 2, "is no area id; use 1 to 32 small letters"),
        (["--area", "demo", "--registry", "/nowhere"], 2, "/nowhere: is no directory"),
        (["--area", "demo", "--password-file", "/nowhere"], 2, "--password-file /nowhere"),
        (["--area", "demo", "--tls-cert", "x.pem"], 2, "one was given without the other"),
        (["--area", "demo", "--tls-ca", "/nowhere.pem"], 2, "/nowhere.pem"),
        (["--area", "demo", "--port", "99999"], 2, "'99999' is no port; use 1 to 65535"),
        (["--area", "demo", "--seconds", "-1"], 2, "'-1' is no time; use a number of seconds"),
        (["--area", "demo", "--data", "/proc/no"], 6, "/proc/no: "),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], code: int, line: str, tmp_path: Path) -> None:
    hq = Program(["-m", "hq", "receive", "--data", str(tmp_path / "d"), *options], tmp_path / "hq.log")
    assert hq.process.wait(20) == code
    hq.stop()
    assert line in hq.said
    assert "Traceback" not in hq.said


@pytest.mark.parametrize("receive_maximum", [1, 3])
def test_a_broker_that_takes_few_messages_at_once_is_never_overrun(tmp_path: Path, receive_maximum: int) -> None:
    """State and greeting count too: one message too many, and a broker may hang up."""
    broker = SlowBroker(receive_maximum)
    broker.start()
    with QuietBox(tmp_path / "box", broker.port, delivery="broker") as box:
        for _ in range(30):
            box.alert()
        box.start().connected()
        for _ in range(5):
            box.alert()
        until(lambda: not any(box.status().backlog.values()), "all of it is taken")
        assert box.uplink.stop() == 0
    broker.join(5)
    assert broker.most == receive_maximum
    assert broker.taken >= 5
