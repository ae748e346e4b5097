"""Why a broker cannot be used, in words that say what to do; the same words at the box and at HQ."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl

NO_SUBSCRIBER = 0x10
NOT_AUTHORIZED = 0x87
PACKET_TOO_LARGE = 0x95
FORMAT_INVALID = 0x99
TAKEN_OVER = 0x8E

# Reason codes of MQTT 5 (specification, table 2-6) that a person can do something about.
_REFUSALS = {
    0x84: "the broker does not speak MQTT 5: use one that does, such as Mosquitto 2",
    0x85: "the broker does not accept this client id: check its access list",
    0x86: "the broker does not accept the user name or password: check them, or make them with mosquitto_passwd",
    NOT_AUTHORIZED: "the broker does not authorise this client: check user name, password or certificate, and its "
    "access list",
    0x88: "the broker is not available: look at its log",
    0x89: "the broker is busy: look at its log and its connection limit",
    0x8A: "the broker has banned this client: look at its log",
    0x8B: "the broker is shutting down",
    TAKEN_OVER: "another client has taken this client's name: stop the other one or give each its own",
    PACKET_TOO_LARGE: "a message was larger than the broker takes: set max_packet_size 65536 there",
    0x97: "the broker's quota for this client is used up: look at its limits",
    0x9F: "the broker limits the rate of connections: look at its limits",
}
_MENDABLE = {0x84, 0x85, 0x86, NOT_AUTHORIZED, 0x8A}


def refusal(code: int) -> str:
    """Say what a reason code means for whoever runs the broker."""
    return _REFUSALS.get(code, f"the broker answered with reason 0x{code:02x}: look at its log")


def needs_a_person(code: int) -> bool:
    """Tell whether trying again alone will not help."""
    return code in _MENDABLE


def dial_problem(error: Exception, host: str, port: int) -> str:
    """Say why no connection to a broker came about, and what to look at."""
    where = f"broker {host}:{port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where}: its certificate is not trusted ({error.verify_message}): check the CA file and the host name"
    if isinstance(error, ssl.SSLError):
        return f"{where}: no TLS ({error.reason or error}): check that this port speaks TLS and takes this certificate"
    if isinstance(error, socket.gaierror):
        return f"{where}: no such host name: check the name and the name server"
    if isinstance(error, TimeoutError):
        return f"{where}: no answer in time: check the address, the network and the firewall"
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return f"{where}: refused: nothing listens there; is the broker running, and is the port right?"
    if isinstance(error, OSError) and error.errno == errno.ECONNRESET:
        return f"{where}: hung up at once: does only one side speak TLS? compare the port with the TLS settings"
    return f"{where}: {error}"


def hung_up(host: str, port: int) -> str:
    """Say why a broker may have ended a TLS connection before its first answer.

    That is how it refuses a certificate (TLS 1.3); its alert often gets lost on the way, so nothing is made of it here.
    """
    why = "is this client's certificate revoked, ended or of another authority, or has its revocation list ended?"
    return f"broker {host}:{port}: hung up before it answered: {why} The broker's log says which"


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is this machine itself, where plain MQTT shows nothing to anybody."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
