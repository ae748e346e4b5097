"""commune-hq: the receiving end as a command."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import threading
from pathlib import Path

from agent.clock import SystemClock
from agent.core.message import HqState, encode_hq_state
from agent.errors import AgentError, ConfigError
from hq.intake import Intake
from hq.lines import Lines, Voice
from hq.link import HqLink, LinkSettings
from hq.receiver import Receiver, ReceiverSettings
from hq.registry import load_registry
from hq.store import HqStore
from hq.words import LANGUAGES

_EPILOG = """\
example:
  commune-hq receive --host 127.0.0.1 --port 1883 --area demo --data ./hq-data

exit codes: 0 done, 2 wrong option or file, 6 data directory unusable, 7 broker unusable
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        receive(options, stop)
    except AgentError as error:
        print(f"commune-hq: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # whoever read our lines has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def receive(options: argparse.Namespace, stop: threading.Event) -> None:
    """Receive until ``stop`` is set or the options say it is enough.

    Raises:
        AgentError: the options, the registry or the data directory cannot be used.
    """
    registry = load_registry(options.registry)
    link = HqLink(_link_settings(options), encode_hq_state(HqState(online=False)))
    store = HqStore(options.data, options.area)
    settings = ReceiverSettings(
        area=options.area,
        once=options.once,
        seconds=options.seconds,
        bulk_budget_bps=options.bulk_budget_bps,
        reconnect_spread_s=options.reconnect_spread_s,
    )
    voice = Voice(Lines(LANGUAGES[options.lang], registry), _show, json=options.json)
    try:
        Receiver(settings, link, store, Intake(registry), voice, SystemClock()).run(stop)
    finally:
        store.close()


def _show(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def _link_settings(options: argparse.Namespace) -> LinkSettings:
    if bool(options.tls_cert) != bool(options.tls_key):
        raise ConfigError("--tls-cert, --tls-key", "one was given without the other; give both")
    if options.tls_cert and not options.tls_ca:
        raise ConfigError("--tls-ca", "is missing; give the CA that signed the broker's certificate")
    return LinkSettings(
        area=options.area,
        host=options.host,
        port=options.port,
        ca=options.tls_ca,
        cert=options.tls_cert,
        key=options.tls_key,
        username=options.username,
        password=_password(options.password_file),
        insecure=options.insecure,
    )


def _password(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"--password-file {path}", f"{why}; give a readable file with the password") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="commune-hq", description="The receiving end of commune-agent boxes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "receive",
        help="receive alerts and pictures, store them, print one line for each",
        description="Receive alerts and pictures from the boxes of one area, store them, print one line for each.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = command.add_argument_group("broker")
    where.add_argument("--host", default="127.0.0.1", help="MQTT broker (default %(default)s)")
    where.add_argument("--port", type=_port, default=1883, help="its port (default %(default)s)")
    where.add_argument("--tls-ca", type=Path, metavar="PEM", help="CA of the broker's certificate; turns TLS on")
    where.add_argument("--tls-cert", type=Path, metavar="PEM", help="own certificate, where the broker asks for one")
    where.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    where.add_argument("--username", default="", help="where the broker asks for one")
    where.add_argument("--password-file", type=Path, metavar="FILE", help="file that holds the password alone")
    where.add_argument("--insecure", action="store_true", help="allow plain MQTT to another machine (readable by all)")
    what = command.add_argument_group("area and data")
    what.add_argument("--area", required=True, type=_area, help="the unit this HQ is, as in the boxes' site.toml")
    what.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="database and pictures; one receiver each"
    )
    what.add_argument("--registry", type=Path, metavar="DIR", help="one JSON file a box: names and public keys")
    what.add_argument(
        "--bulk-budget-bps", type=int, metavar="N", help="bits/s a box may spend on pictures; 0 = none now"
    )
    what.add_argument("--reconnect-spread-s", type=float, default=0.0, metavar="S", help="for 100 boxes or more: 60")
    how = command.add_argument_group("output")
    how.add_argument(
        "--lang", choices=sorted(LANGUAGES), default="vi", help="language of the lines (default %(default)s)"
    )
    how.add_argument("--json", action="store_true", help="one JSON object a line for every event and picture")
    how.add_argument("--once", action="store_true", help="leave after the first alert")
    how.add_argument("--seconds", type=_seconds, default=0.0, metavar="N", help="leave after N seconds")
    how.add_argument("--verbose", action="store_true", help="say more on stderr")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; use a number of seconds, 0 for ever")
    return number


def _area(text: str) -> str:
    if not (1 <= len(text) <= 32 and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")):
        raise argparse.ArgumentTypeError(f"{text!r} is no area id; use 1 to 32 small letters a-z, digits and -")
    return text


if __name__ == "__main__":
    sys.exit(main())
