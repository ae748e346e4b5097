"""Ask the broker whether it would take this box: name, port, certificates, MQTT, one step after the other.

It speaks just enough MQTT 5 (CONNECT, CONNACK, DISCONNECT) to learn the reason of a refusal, under a client id of its
own. A broker that takes client ids from certificates does not look at that: ask only where no uplink is connected.
"""

from __future__ import annotations

import socket
import ssl
import struct

from agent.uplink.settings import UplinkSettings

TIMEOUT_S = 10.0

_REASONS = {
    0x84: ("the broker does not speak MQTT 5", "use Mosquitto 2 or another broker with MQTT 5"),
    0x85: ("the broker refuses the client id", "let it accept box.id, or set use_username_as_clientid"),
    0x86: ("the broker refuses this user name and password", "compare uplink.username and its password_file with HQ's"),
    0x87: ("the broker does not authorise this box", "ask HQ to enrol it: its user, its certificate, its ACL"),
    0x88: ("the broker is not available now", "try again later"),
    0x89: ("the broker is busy", "try again later"),
    0x8A: ("the broker has banned this box", "ask HQ"),
}
"""CONNACK reason codes (MQTT 5, table 3-1) that a person can do something about: problem, remedy."""
_OLD_REFUSAL = 0x01  # MQTT 3.1.1's "unacceptable protocol version"


class Refused(Exception):
    """The broker cannot be reached or would not take this box.

    Attributes:
        problem: what happened, and at which step.
        remedy: what to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def probe(settings: UplinkSettings, timeout_s: float = TIMEOUT_S) -> str:
    """Connect and leave again.

    Returns:
        how it was connected, for a person.

    Raises:
        Refused: at the first step that failed.
    """
    try:
        with socket.create_connection((settings.host, settings.port), timeout_s) as link:
            link.settimeout(timeout_s)
            code = _greet(_secured(link, settings), settings)
    except socket.gaierror as error:
        raise Refused(f"the name {settings.host} is not known", "mend uplink.host or the name service") from error
    except ConnectionRefusedError as error:
        raise Refused(
            f"{settings.host} refuses connections at port {settings.port}", "is the broker running, and the port right?"
        ) from error
    except TimeoutError as error:
        raise Refused(
            f"no answer from {settings.host} port {settings.port} within {timeout_s:g} s",
            "is the network up, and does a firewall stand between?",
        ) from error
    except ssl.SSLError as error:
        raise Refused(
            f"the broker does not take this box's certificate ({error.reason or error})",
            "was it revoked, has it ended, is it of another authority, or has the broker's revocation list ended?",
        ) from error
    except OSError as error:
        raise Refused(
            f"{settings.host} port {settings.port}: {error.strerror or error}", "is the network up, and the port right?"
        ) from error
    if code:
        problem, remedy = _REASONS.get(code, (f"the broker refuses with reason code 0x{code:02X}", "see its log"))
        raise Refused(problem, remedy)
    return f"{settings.host}:{settings.port}, MQTT 5 {'over TLS' if settings.tls else 'without TLS'}"


def _secured(link: socket.socket, settings: UplinkSettings) -> socket.socket:
    if settings.tls is None:
        return link
    try:
        context = ssl.create_default_context(cafile=str(settings.tls.ca))
        context.load_cert_chain(settings.tls.cert, settings.tls.key)
    except (ssl.SSLError, OSError) as error:
        raise Refused(
            f"the certificate files cannot be used ({error})", "mend uplink.tls: PEM, and a matching key"
        ) from error
    try:
        return context.wrap_socket(link, server_hostname=settings.host)
    except ssl.SSLCertVerificationError as error:
        remedy = "compare uplink.tls.ca and uplink.host with the broker's certificate, and look at this box's clock"
        raise Refused(f"the broker's certificate is not trusted: {error.verify_message}", remedy) from error
    except ssl.SSLError as error:
        raise Refused(f"no TLS with the broker ({error.reason})", "is this its TLS port (usually 8883)?") from error


def _greet(link: socket.socket, settings: UplinkSettings) -> int:
    """Say CONNECT; give the CONNACK's reason code, 0 for welcome."""
    with link:
        link.sendall(_connect_packet(f"{settings.box}-check", settings.username, settings.password))
        body = _connack(link)
        if body[1] == 0:
            link.sendall(b"\xe0\x00")
    return 0x84 if body[1] == _OLD_REFUSAL else body[1]


def _connect_packet(client: str, user: str, password: str) -> bytes:
    flags = 0x02 | (0x80 if user else 0) | (0x40 if password else 0)
    words = [word for word in (client, user, password) if word]
    body = b"\x00\x04MQTT\x05" + struct.pack("!BHB", flags, 30, 0) + b"".join(_text(word) for word in words)
    return b"\x10" + _length(len(body)) + body


def _text(word: str) -> bytes:
    encoded = word.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _length(size: int) -> bytes:
    """Write a variable byte integer (MQTT 5, 1.5.5)."""
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)


def _connack(link: socket.socket) -> bytes:
    """Read CONNACK's flags and reason code; its properties are left unread."""
    if _exactly(link, 1) != b"\x20":
        raise Refused("what listens there does not speak MQTT", "is uplink.port the broker's MQTT port?")
    while _exactly(link, 1)[0] & 0x80:
        pass  # the rest of the packet's length
    return _exactly(link, 2)


def _exactly(link: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = link.recv(size - len(found))
        if not chunk:
            raise Refused(
                "the broker closes the connection without a word",
                "is this its MQTT port, and does it want TLS, or another certificate? See its log",
            )
        found += chunk
    return found
