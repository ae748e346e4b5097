"""The uplink alone, as a program of its own: python uplink_program.py SETTINGS.json."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from agent.clock import SystemClock
from agent.errors import AgentError
from agent.journal import start_logging
from agent.store.settings import StoreSettings
from agent.uplink.process import run
from agent.uplink.settings import TlsSettings, UplinkSettings


def main() -> int:
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    start_logging("DEBUG" if told.get("debug") else "INFO")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    uplink = dict(told["uplink"])
    if uplink.get("tls"):
        uplink["tls"] = TlsSettings(*(Path(path) for path in uplink["tls"]))
    settings = UplinkSettings(**uplink)
    store = StoreSettings(settings.box, Path(told["state_dir"]))
    try:
        return run(settings, store, Path(told["runtime_dir"]), SystemClock(), stop)
    except AgentError as error:
        print(f"commune-agent: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
