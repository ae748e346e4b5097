"""A phone in the box's network, and what its browser is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass

from support.lab.lab import Lab
from support.lab.shell import call, run

_BROWSE = """
import http.cookiejar, json, sys, urllib.error, urllib.parse, urllib.request
base, form = sys.argv[1], json.loads(sys.argv[2])
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
def visit(path, fields=None):
    body = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(base + path, body, {"Origin": base} if body else {})
    try:
        with browser.open(request, timeout=20) as answer:
            return [answer.status, answer.geturl().removeprefix(base), answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.geturl().removeprefix(base), error.read().decode()]
seen = [visit("/")]
if form:
    seen += [visit("/login", form), visit("/")]
print(json.dumps(seen))
"""
_CONNECT = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 4, (sys.argv[3], 0)).close()
"""
PAGE_PORT = 8080


@dataclass(frozen=True)
class Shown:
    """One page as the browser got it.

    Attributes:
        status: HTTP status.
        path: where it ended after redirections.
        text: the page.
    """

    status: int
    path: str
    text: str


def browse(lab: Lab, where: str, address: str, user: str = "", password: str = "") -> list[Shown]:
    """Open a box's page from the ``phone``, or another namespace, and log in where a user is given.

    Returns:
        the first page; with a user also the answer to the login, and the first page once more.
    """
    form = {"user": user, "password": password} if user else None
    words = ("python3", "-c", _BROWSE, f"http://{address}:{PAGE_PORT}", json.dumps(form))
    said = call("ip", "netns", "exec", lab.network.name(where), *words)
    return [Shown(*shown) for shown in json.loads(said)]


def connects(lab: Lab, address: str, port: int, own_address: str) -> bool:
    """Tell whether the phone gets a TCP connection while it has ``own_address``."""
    words = ("python3", "-c", _CONNECT, address, str(port), own_address)
    return run("ip", "netns", "exec", lab.network.name("phone"), *words).returncode == 0
