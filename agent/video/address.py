"""Addresses of cameras: fit to be shown, with credentials, and safe to stand in a GStreamer pipeline's text."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from agent.errors import ConfigError


def shown(url: str) -> str:
    """Give an address fit for logs: without user name and password, should somebody have put them in."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else url


def with_credentials(url: str, user: str, password: str) -> str:
    """Put user name and password into an address, percent-encoded; never show or log what this gives."""
    if not user:
        return url
    parts = urlsplit(url)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    return urlunsplit(parts._replace(netloc=login + parts.netloc))


def launch_fault(url: str) -> str | None:
    """Say what keeps an address from standing unquoted in the text of a GStreamer pipeline; None when nothing does.

    There white space ends it, and what follows would become properties and elements of the pipeline; quotes and
    backslashes change how the rest is read (GStreamer's gst_parse_launch).
    """
    bad = re.search(r"[^!#-&(-\[\]-~]", url)  # printable ASCII without blank, quotes and backslash
    if bad is None:
        return None
    return f"has {bad[0]!r} in it, which a video pipeline would take for its own; write it as {quote(bad[0], safe='')}"


def launchable(camera: str, url: str) -> str:
    """Give an address back if it may stand in a pipeline's text.

    Raises:
        ConfigError: it may not.
    """
    fault = launch_fault(url)
    if fault is not None:
        raise ConfigError(f"cameras.{camera}.url", fault)
    return url
