"""A stranger's MQTT client on a box, and what the broker says to its certificate, its client id and its topics."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from support.lab.machine import Machine
from support.lab.office import AREA, HQ_HOST

PYTHON = "/opt/commune-agent/current/venv/bin/python"
PKI = "/etc/commune-agent/pki"
_CALL = """
import json, ssl, sys, threading, time
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties

wanted = json.loads(sys.argv[1])
told = {"connected": None, "published": {}, "heard": []}
done, names = threading.Event(), {}

def connected(client, _data, _flags, reason, properties):
    told["connected"] = reason.value
    if reason.value:
        return done.set()
    if wanted["subscribe"]:
        client.subscribe([(topic, 0) for topic in wanted["subscribe"]])
    for topic in wanted["publish"]:
        names[client.publish(topic, b"stolen", qos=1).mid] = topic
    if not names:
        done.set()

def answered(_client, _data, mid, reason, _properties):
    told["published"][names.pop(mid)] = reason.value
    if not names:
        done.set()

def closed(_client, _data, _flags, reason, _properties):
    if not done.is_set():
        told["error"] = f"closed: {reason}"
        done.set()

client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=wanted["client_id"], protocol=mqtt.MQTTv5)
client.on_connect = connected
client.on_disconnect = closed
client.on_publish = answered
client.on_message = lambda _client, _data, message: told["heard"].append(message.topic)
context = ssl.create_default_context(cafile=wanted["ca"])
if wanted["cert"]:
    context.load_cert_chain(wanted["cert"], wanted["key"])
client.tls_set_context(context)
try:
    client.connect(wanted["host"], 8883, keepalive=10)
    client.loop_start()
    if not done.wait(20):
        told["error"] = "no answer within 20 s"
    time.sleep(wanted["listen_s"])
    client.disconnect()
    client.loop_stop()
except OSError as error:
    told["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Call:
    """What a stranger tries.

    Attributes:
        cert: its certificate on the box, and ``key`` the key of that; empty where it has none.
        client_id: by which it calls itself.
        publish: topics it tries to publish on, below the area.
        subscribe: filters it tries to listen to, below the area.
        listen_s: for how long it listens.
    """

    cert: str = f"{PKI}/box.pem"
    key: str = f"{PKI}/box.key"
    client_id: str = ""
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    listen_s: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What the broker said.

    Attributes:
        connected: reason code of its CONNACK; None where there was none.
        published: reason code by topic below the area.
        heard: topics of which it delivered a message.
        error: what went wrong before all that; empty otherwise.
    """

    connected: int | None
    published: dict[str, int] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    error: str = ""


def call(box: Machine, what: Call) -> Answer:
    """Let a stranger on ``box``, who has become root there, call HQ's broker."""
    wanted = {
        "host": HQ_HOST,
        "ca": f"{PKI}/ca.pem",
        "cert": what.cert,
        "key": what.key,
        "client_id": what.client_id,
        "publish": [_topic(name) for name in what.publish],
        "subscribe": [_topic(name) for name in what.subscribe],
        "listen_s": what.listen_s,
    }
    told = json.loads(box.enter(PYTHON, "-c", _CALL, json.dumps(wanted)))
    return Answer(
        connected=told["connected"],
        published={_bare(topic): code for topic, code in told["published"].items()},
        heard=set(map(_bare, told["heard"])),
        error=told.get("error", ""),
    )


_GREET = """
import socket, ssl, sys
link = socket.create_connection((sys.argv[1], 8883), 10)
if len(sys.argv) > 2:
    context = ssl.create_default_context(cafile=sys.argv[2])
    if sys.argv[3]:
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    link = context.wrap_socket(link, server_hostname=sys.argv[1])
link.settimeout(3)
try:
    link.recv(1)  # a refusal comes unasked: TLS 1.3 judges a certificate after the handshake
except TimeoutError:
    link.settimeout(10)
    link.sendall(bytes.fromhex("101000044d5154540502003c000003626f78"))
    print(link.recv(1).hex())
"""


def greet(box: Machine, *identity: str) -> str:
    """Say hello to HQ's broker and give what came of it, in hexadecimal digits or in the words of OpenSSL.

    Args:
        box: where the stranger sits.
        identity: certificate and key, or two empty texts; nothing at all leaves TLS out.
    """
    ca = (f"{PKI}/ca.pem", *identity) if identity else ()
    done = box.tried("python3", "-c", _GREET, HQ_HOST, *ca)
    return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]


def _topic(name: str) -> str:
    return f"commune/v1/{AREA}/{name}"


def _bare(topic: str) -> str:
    return topic.removeprefix(_topic(""))
