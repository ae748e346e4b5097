"""HQ's Mosquitto, set up by the commands alone, lets every machine do its own part and nothing else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import command
from support.identity import AREA, Office, OfficeBroker, done
from support.link_stand import Hq, QuietBox, until
from support.mqtt_client import Caller
from support.signing import DAY_US

from agent.cli.broker_probe import Refused, probe
from agent.clock import SimulatedClock, SystemClock
from agent.uplink.settings import TlsSettings, UplinkSettings
from provisioning.authority import held

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("mosquitto")]

TAKEN = {0x00: True, 0x10: True, 0x87: False}  # 0x10: taken, and nobody has asked for it
ROOT = f"commune/v1/{AREA}"
LEAVES = ("e", "i", "s", "h", "hello")
Machine = tuple[Path, Path]


@dataclass(frozen=True)
class Town:
    """Two registered boxes, HQ, a machine that is certified and not registered, and their broker."""

    office: Office
    broker: OfficeBroker
    one: Machine
    two: Machine
    stranger: Machine
    hq: Machine


def opened(office: Office, folder: Path) -> Iterator[Town]:
    one, two, stranger = (office.files(name) for name in ("gate-01", "gate-02", "gate-03"))
    with OfficeBroker(folder, office) as broker:
        yield Town(office, broker, one, two, stranger, office.files(f"hq-{AREA}", "hq"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = Office(tmp_path_factory.mktemp("identity") / "office")
    for name in ("gate-01", "gate-02", "gate-03"):
        office.machine(name)
    for box in ("gate-01", "gate-02"):
        office.register(box)
    office.machine(f"hq-{AREA}", "hq")
    office.machine("localhost", "broker", "--address", "localhost.lan", "10.0.0.5")
    return office


@pytest.fixture(scope="module")
def town(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town that the test leaves as it is."""
    yield from opened(office, tmp_path_factory.mktemp("town") / "hq")


@pytest.fixture
def own_town(office: Office, tmp_path: Path) -> Iterator[Town]:
    """A town that the test may change."""
    yield from opened(office.copy(tmp_path / "office"), tmp_path / "hq")


def connects(town: Town, machine: Machine) -> bool:
    with town.broker.call(machine) as caller:
        return caller.connected


def may(sender: Caller, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
    """Publish; once the broker has answered, it has handed the message to everyone who may have it."""
    return TAKEN[sender.publish(topic, payload, retain=retain)]


def heard_by(caller: Caller, topic: str) -> list[bytes]:
    """What ``caller`` was given of a topic; its own question and answer flush what is on the way to it."""
    caller.subscribe(f"{ROOT}/flush")
    return [payload for found, payload in caller.heard if found == topic]


def test_what_a_registered_box_sends_reaches_hq(town: Town) -> None:
    with town.broker.call(town.hq) as hq, town.broker.call(town.one) as box:
        for leaf in LEAVES:
            hq.subscribe(f"{ROOT}/+/{leaf}")
        for leaf in LEAVES:
            topic = f"{ROOT}/gate-01/{leaf}"
            assert may(box, topic, leaf.encode())
            assert hq.hears(topic, leaf.encode())


def test_what_hq_answers_reaches_its_box_and_no_other(town: Town) -> None:
    with (
        town.broker.call(town.hq) as hq,
        town.broker.call(town.one) as one,
        town.broker.call(town.two) as two,
        town.broker.call(town.stranger) as stranger,
    ):
        for caller in (one, two, stranger):
            for topic in ("#", f"{ROOT}/gate-01/ack", f"{ROOT}/gate-01/cmd/#", f"{ROOT}/+/e", f"{ROOT}/hq/s"):
                caller.subscribe(topic)
        private = [f"{ROOT}/gate-01/ack", f"{ROOT}/gate-01/cmd/replay"]
        for topic in private:
            assert may(hq, topic, b"for one")
        assert may(hq, f"{ROOT}/hq/s", b"for all")
        assert may(one, f"{ROOT}/gate-01/e", b"for hq")
        for topic in private:
            assert one.hears(topic, b"for one")
        assert two.hears(f"{ROOT}/hq/s", b"for all")
        for topic in (*private, f"{ROOT}/gate-01/e"):
            assert heard_by(two, topic) == []
        assert heard_by(stranger, f"{ROOT}/hq/s") == []
        assert stranger.heard == []


@pytest.mark.parametrize("leaf", [*LEAVES, "ack", "cmd/replay"])
def test_a_box_may_not_speak_in_anothers_name_nor_in_hqs(town: Town, leaf: str) -> None:
    with town.broker.call(town.two) as two:
        assert not may(two, f"{ROOT}/gate-01/{leaf}")
        assert not may(two, f"{ROOT}/hq/{leaf}")
        assert not may(two, f"commune/v1/other/gate-02/{leaf}")
        if leaf not in LEAVES:
            assert not may(two, f"{ROOT}/gate-02/{leaf}"), "a box answered itself"


def test_hq_may_not_speak_in_a_boxs_name(town: Town) -> None:
    with town.broker.call(town.hq) as hq:
        assert not any(may(hq, f"{ROOT}/gate-01/{leaf}") for leaf in LEAVES)


def test_a_certificate_without_its_box_in_the_registry_opens_nothing(own_town: Town) -> None:
    with own_town.broker.call(own_town.stranger) as stranger:
        for box in ("gate-03", "gate-01"):
            assert not any(may(stranger, f"{ROOT}/{box}/{leaf}") for leaf in LEAVES)
        own_town.office.register("gate-03")
        own_town.broker.reload()
        until(lambda: may(stranger, f"{ROOT}/gate-03/e"), "registered and reloaded, it may speak", 10)


def test_a_client_id_that_lies_throws_nobody_out(town: Town) -> None:
    with town.broker.call(town.one, "gate-01") as one, town.broker.call(town.two, "gate-01") as liar:
        assert liar.connected
        assert may(one, f"{ROOT}/gate-01/e")
        assert one.connected
        assert not may(liar, f"{ROOT}/gate-01/e")
        assert may(liar, f"{ROOT}/gate-02/e")


def test_a_revoked_certificate_is_refused_at_the_door_and_the_others_are_not(own_town: Town) -> None:
    assert connects(own_town, own_town.two)
    own_town.office.revoke("gate-02")
    own_town.broker.reload()
    until(lambda: not connects(own_town, own_town.two), "the broker has read the list", 10)
    with own_town.broker.call(own_town.one) as one:
        assert may(one, f"{ROOT}/gate-01/e")


def test_an_open_session_outlives_its_revocation_but_not_the_restart_that_the_guide_asks_for(own_town: Town) -> None:
    with own_town.broker.call(own_town.hq) as hq, own_town.broker.call(own_town.two) as thief:
        hq.subscribe(f"{ROOT}/+/e")
        own_town.office.revoke("gate-02")
        (own_town.office.registry / "gate-02.json").unlink()
        own_town.broker.reload()
        until(lambda: not may(thief, f"{ROOT}/gate-02/e", b"stolen"), "the access list counts at once", 10)
        assert thief.connected, "this broker ends sessions by itself: the guide may say so"
        own_town.broker.restart()
        assert thief.lost()
    assert not connects(own_town, own_town.two)


def test_an_expired_list_refuses_everybody_until_a_fresh_one_is_brought(own_town: Town) -> None:
    """Why the list is long-lived, why ``ca list`` warns, and why every change renews it in time."""
    month_ago = SimulatedClock(SystemClock().now().utc_us - 30 * DAY_US)
    with held(own_town.office.authority, month_ago) as authority:
        authority.write_list(days=1)
    assert "a broker that has it refuses every box" in command("ca", "list", own_town.office.authority).stderr
    own_town.broker.bring()
    own_town.broker.restart()
    for machine in (own_town.one, own_town.hq):
        with own_town.broker.call(machine) as caller:
            assert not caller.connected
    done("ca", "crl", own_town.office.authority)
    own_town.broker.reload()
    until(lambda: connects(own_town, own_town.one), "the fresh list counts", 10)


@pytest.mark.parametrize("who", ["the broker", "another authority's box"])
def test_a_certificate_that_is_no_clients_of_this_authority_is_refused(town: Town, who: str, tmp_path: Path) -> None:
    machine = town.office.files("localhost", "broker")
    if who != "the broker":
        machine = Office(tmp_path / "elsewhere").machine("gate-01")
    assert not connects(town, machine)


def test_who_shows_no_certificate_is_refused(town: Town) -> None:
    context = ssl.create_default_context(cafile=str(town.office.ca))
    with (
        socket.create_connection(("localhost", town.broker.port), 5) as link,
        context.wrap_socket(link, server_hostname="localhost") as secured,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate[ _]required"),
    ):
        secured.recv(1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions_of_today_are_spoken(town: Town, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(town.office.ca))
    context.load_cert_chain(*town.one)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("localhost", town.broker.port), 5) as link,
        context.wrap_socket(link, server_hostname="localhost") as secured,
    ):
        assert secured.version() == version.name.replace("_", ".")


def test_our_uplink_and_receiver_work_end_to_end_over_it(town: Town, tmp_path: Path) -> None:
    cert, key = map(str, town.hq)
    options = ("--host", "localhost", "--tls-ca", str(town.office.ca), "--tls-cert", cert, "--tls-key", key)
    files = [str(town.office.ca), *map(str, town.one)]
    with Hq(tmp_path / "received" / "data", town.broker.port, *options) as hq:
        hq.ready()
        with QuietBox(tmp_path / "box", town.broker.port, host="localhost", tls=files) as box:
            box.start().connected()
            alerts = {box.alert(images=1, size_bytes=30_000) for _ in range(3)}
            box.delivered()
            assert hq.has(alerts)


def test_our_uplink_refuses_a_broker_of_another_name(office: Office, tmp_path: Path) -> None:
    office.machine("hq.example.vn", "broker")
    files = [str(office.ca), *map(str, office.files("gate-01"))]
    with (
        OfficeBroker(tmp_path / "hq", office, "hq.example.vn") as broker,
        QuietBox(tmp_path / "box", broker.port, host="localhost", tls=files) as box,
    ):
        box.alert()
        box.start()
        until(lambda: "its certificate is not trusted (Hostname mismatch" in box.said, "it says why", 20)
        status = box.status()
        assert status is not None
        assert (status.state, status.backlog["a"]) == ("lost", 1)


def test_whoever_is_refused_for_its_certificate_is_told_to_look_there(own_town: Town, tmp_path: Path) -> None:
    for name in ("gate-01", f"hq-{AREA}"):
        own_town.office.revoke(name)
    own_town.broker.bring()
    own_town.broker.restart()
    port, (cert, key) = own_town.broker.port, map(str, own_town.hq)
    line = f"broker localhost:{port}: hung up before it answered: is this client's certificate revoked"
    options = ("--host", "localhost", "--tls-ca", str(own_town.office.ca), "--tls-cert", cert, "--tls-key", key)
    files = [own_town.office.ca, *own_town.one]
    with (
        Hq(tmp_path / "received" / "data", port, *options) as hq,
        QuietBox(tmp_path / "box", port, host="localhost", tls=list(map(str, files))) as box,
    ):
        box.start()
        until(lambda: line in hq.program.said, "HQ says it", 20)
        until(lambda: line in box.said, "the box says it", 20)
    settings = UplinkSettings("gate-01", AREA, host="localhost", port=port, tls=TlsSettings(*files))
    with pytest.raises(Refused) as told:
        probe(settings)
    assert "certificate" in f"{told.value.problem} {told.value.remedy}"


def test_the_distributions_own_settings_do_not_win_over_ours(own_town: Town, tmp_path: Path) -> None:
    with own_town.broker.call(own_town.hq) as hq:
        assert may(hq, f"{ROOT}/hq/s", b"kept?", retain=True)
    own_town.broker.stop()
    assert list((tmp_path / "hq").glob("*.db")) == [], "the broker keeps messages on disk"
