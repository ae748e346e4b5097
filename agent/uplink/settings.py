"""What the uplink is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TlsSettings:
    """Files of a mutual TLS link, all PEM."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True)
class UplinkSettings:
    """The link to HQ.

    Attributes:
        box: box id = client id = user name by certificate.
        area: the unit HQ is; a topic level.
        host: broker.
        port: broker.
        tls: certificate files; None = plain MQTT.
        insecure: allow plain MQTT to an address that is not loopback; warns at every start and on the page.
        username: for brokers that ask one; empty otherwise.
        password: read from a file by the config.
        delivery: ``hq`` (an event is delivered when HQ says so) or ``broker`` (PUBACK is enough; weaker).
        heartbeat_s: interval of ``h``.
        config_hash: 16 hex digits of the site configuration.
        model_hash: 16 hex digits of the model file.
        version: of the agent.
    """

    box: str
    area: str
    host: str
    port: int
    tls: TlsSettings | None = None
    insecure: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    delivery: str = "hq"
    heartbeat_s: float = 60.0
    config_hash: str = ""
    model_hash: str = ""
    version: str = ""
