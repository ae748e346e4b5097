"""A broker that cannot be used: one line that names it and what to do, at the box and at HQ; and TLS that works."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.broker import Broker
from support.link_stand import Hq, Program, QuietBox, until
from support.slow_broker import SlowBroker

pytestmark = pytest.mark.broker


class Authority:
    """A certificate authority of one test, with a broker's and a box's certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {folder.name}")])
        self.ca = folder / "ca.pem"
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key).add_extension(constraint, critical=True)
        self.ca.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        certificate = self._builder(subject, key).add_extension(names, critical=False)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))
        encoding, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, encoding, no_password))
        return paths

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "hq.md"


def block(heading: str) -> list[str]:
    """The lines of the first code block after ``heading`` in the guide."""
    return GUIDE.read_text("utf-8").split(heading, 1)[1].split("```")[1].splitlines()


@pytest.fixture
def tls_broker(tmp_path: Path, authority: Authority):
    """A broker as the guide sets it up: its TLS lines and its access list."""
    acl = tmp_path / "acl"
    acl.write_text("\n".join(block("`/etc/commune/acl`")))
    cert, key = authority.issue("broker")
    files = {"cafile": authority.ca, "certfile": cert, "keyfile": key, "acl_file": acl}
    told = block("`/etc/mosquitto/conf.d/commune.conf`")
    told = told[told.index("listener 8883") + 1 :]
    lines = tuple(f"{word} {files.get(word, rest)}" for word, _, rest in (line.partition(" ") for line in told))
    with Broker(tmp_path / "tls", lines=lines) as broker:
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
        assert hq.program.said.count(line) == 1, "said at every attempt"


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


def test_tls_with_a_client_certificate_works_end_to_end(
    tls_broker: Broker, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("hq-demo")
    files = [str(authority.ca), *map(str, authority.issue("gate-01"))]
    options = ("--host", "localhost", "--tls-ca", str(authority.ca), "--tls-cert", str(cert), "--tls-key", str(key))
    with Hq(tmp_path / "hq" / "data", tls_broker.port, *options) as hq:
        hq.ready()
        with QuietBox(tmp_path / "box", tls_broker.port, host="localhost", tls=files) as box:
            box.start().connected()
            alerts = {box.alert(images=1, size_bytes=30_000) for _ in range(20)}
            box.delivered()
            assert hq.has(alerts)


def test_the_guides_access_list_keeps_a_box_off_another_ones_topics(
    tls_broker: Broker, authority: Authority, tmp_path: Path
) -> None:
    files = [str(authority.ca), *map(str, authority.issue("gate-02"))]
    with QuietBox(tmp_path / "box", tls_broker.port, host="localhost", tls=files) as box:
        box.alert()
        box.start()
        box_says(box, "refused", "topic …/e: the broker does not authorise this client")
        assert box.status().backlog["a"] == 1


def test_a_broker_whose_certificate_nobody_vouches_for(tls_broker: Broker, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    files = [str(stranger.ca), *map(str, stranger.issue("gate-01"))]
    line = "its certificate is not trusted"
    options = ("--host", "localhost", "--tls-ca", str(stranger.ca))
    with (
        Hq(tmp_path / "hq" / "data", tls_broker.port, *options) as hq,
        QuietBox(tmp_path / "box", tls_broker.port, host="localhost", tls=files) as box,
    ):
        box.start()
        hq_says(hq, line)
        box_says(box, "lost", line)


def test_tls_to_a_port_that_speaks_none(broker: Broker, authority: Authority, tmp_path: Path) -> None:
    options = ("--host", "localhost", "--tls-ca", str(authority.ca))
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
