"""What must fit together across the keys of site.toml, and the files it names.

Every check works on the parsed document, not on a validated one, so that one pass tells all faults: it looks only at
what has the right type and leaves the rest to the types.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.detect.settings import DetectSettings
from agent.evidence.settings import EvidenceSettings
from agent.site_faults import Finding
from agent.site_secrets import Secrets, Vault
from agent.site_toml import KeyPath
from agent.site_values import choice, is_host, is_loopback, shows_password
from agent.track.settings import TrackSettings
from agent.video.address import launch_fault

Values = Mapping[str, Any]

DEMO_CARD = DetectSettings.card
"""The card in force where none is named; its model has never seen a photograph."""

ADD_A_MODEL = "commune-agent model add FILE --card yolox-nano"
USE_THE_MODEL = 'card = "yolox-nano"'

_SCHEMES = {"opencv": ("rtsp",), "jetson": ("rtsp", "csi", "v4l2"), "rendered": ()}
"""What an address may begin with, by backend; paths and devices carry no scheme."""


def faults(values: Values, vault: Vault) -> Iterator[Finding]:
    """Give everything that keeps the site from being used by who reads it.

    Args:
        values: the parsed document, unchecked.
        vault: where the files of secrets lie, and which of them are wanted.
    """
    yield from _twice(values, ("camera",), ("id",))
    for path, camera in _tables(values, "camera"):
        yield from _camera(path, camera, vault)
    yield from _namesakes(values, vault)
    yield from _scores(values)
    yield from _link(_table(values, "uplink"), vault)
    yield from _door(_table(values, "page"), vault)


def warnings(values: Values) -> Iterator[Finding]:
    """Give what can be used and still deserves a look, from a document that passed."""
    uplink = _table(values, "uplink")
    if uplink.get("insecure") is True and "tls" not in uplink and not is_loopback(_text(uplink, "host")):
        yield Finding(
            ("uplink", "insecure"),
            "alerts and pictures travel unencrypted, and anyone on the way can forge them",
            "give the link certificates in [uplink.tls]",
            uplink.get("host"),
        )
    yield from _demo_model(values)
    for path, camera in _tables(values, "camera"):
        if shows_password(_text(camera, "url")):
            yield Finding(
                (*path, "url"),
                "seems to carry a password in its path, where everyone who reads this file sees it",
                "give the camera user and password_file if it can take them, and this file mode 600",
                _text(camera, "url"),
            )
        if not camera.get("rule"):
            yield Finding(path, "has no rule: it is shown, and nothing is ever reported", "write a [[camera.rule]]")


def _demo_model(values: Values) -> Iterator[Finding]:
    """Tell of the demo model before a real camera: it runs there, finds nothing, and looks healthy."""
    real = [_text(camera, "id") for _, camera in _tables(values, "camera") if camera.get("backend") != "rendered"]
    detector = _table(values, "detector")
    if real and detector.get("card", DEMO_CARD) == DEMO_CARD:
        yield Finding(
            ("detector", "card") if "detector" in values else (),
            f"the model {DEMO_CARD} knows drawn scenes only and is of no use on camera {', '.join(real)}",
            f"{ADD_A_MODEL}, then write [detector] {USE_THE_MODEL}",
        )


def _camera(path: KeyPath, camera: Values, vault: Vault) -> Iterator[Finding]:
    yield from _twice(camera, (*path, "zone"), ("id",))
    yield from _twice(camera, (*path, "rule"), ("rule", "zone"))
    yield from _password((*path, "password_file"), camera, "user", vault if Secrets.CAMERAS in vault.asked else None)
    yield from _scheme(path, camera)
    zones = [_text(zone, "id") for _, zone in _tables(camera, "zone")]
    for inner, rule in _tables(camera, "rule"):
        zone = _text(rule, "zone")
        if zone and zone not in zones:
            remedy = choice(zone, zones) if zones else "write a [[camera.zone]] with that id under this camera"
            yield Finding((*path, *inner, "zone"), "names no zone of this camera", remedy, zone)


def _scheme(path: KeyPath, camera: Values) -> Iterator[Finding]:
    url = _text(camera, "url")
    backend = camera.get("backend", "opencv")
    known = _SCHEMES.get(backend) if isinstance(backend, str) else None
    scheme, slashes, _ = url.partition("://")
    if backend == "jetson":
        yield from _hardware(path, url, slashes)
    if slashes and known is not None and scheme not in known:
        places = ["/dev/videoN"] if backend == "jetson" else ["a file's path", "/dev/videoN"]
        use = " or ".join([*(f"{word}://" for word in known), *places])
        remedy = f"use {use}" if known else "name a scene that ships, or the path of one ending in .toml"
        yield Finding((*path, "url"), f"has a scheme that backend {backend} cannot open", remedy, url)


def _hardware(path: KeyPath, url: str, slashes: str) -> Iterator[Finding]:
    """Judge an address that GStreamer reads: it stands in a pipeline's text, and files cannot be played at a pace."""
    fault = launch_fault(url)
    if fault is not None:
        yield Finding((*path, "url"), fault, "percent-encode it", url)
    elif url and not slashes and not re.fullmatch(r"(/dev/video)?\d+", url):
        yield Finding((*path, "url"), "is a file, which backend jetson does not play", 'use backend = "opencv"', url)


def _twice(table: Values, path: KeyPath, keys: tuple[str, ...]) -> Iterator[Finding]:
    seen = set()
    for inner, item in _tables(table, str(path[-1])):
        name = tuple(_text(item, key) for key in keys)
        if not all(name):
            continue
        if name in seen:
            what = " and ".join(keys)
            yield Finding(
                (*path[:-1], *inner, keys[0]),
                f"the {what} stand twice",
                "change or remove one",
                name[0],
            )
        seen.add(name)


def _password(here: KeyPath, table: Values, user: str, vault: Vault | None) -> Iterator[Finding]:
    """Judge a password file; without a ``vault`` only what stands beside it."""
    name = _text(table, "password_file")
    if not name:
        return
    if not _text(table, user):
        yield Finding(here, f"is a password without {user}", f"write {user} = beside it", name)
    trouble = vault.password_trouble(name) if vault is not None else None
    if trouble and vault is not None and not vault.is_there(name) and not {"/", "."} & set(name):
        # It may be the password itself: it is not repeated.
        yield Finding(here, "names a file that is not there", "write the password into a file and name that file")
    elif trouble:
        yield Finding(here, *trouble, name)


def _namesakes(values: Values, vault: Vault) -> Iterator[Finding]:
    """Find two files of one name: as credentials of one service they would be one file."""
    if vault.credentials is None and not _text(_table(values, "box"), "keys_dir"):
        return
    known: dict[str, Path] = {}
    for path, camera in _tables(values, "camera"):
        name = _text(camera, "password_file")
        place = vault.folder / name
        if name and known.setdefault(place.name, place) != place:
            problem = f"has the file name of {known[place.name]}, so that a service could not tell the two apart"
            yield Finding((*path, "password_file"), problem, "give it a name of its own", name)


def _scores(values: Values) -> Iterator[Finding]:
    lowest = _number(_table(values, "detector"), "min_score", DetectSettings.min_score)
    person = _number(_table(values, "evidence"), "person_score", EvidenceSettings.person_score)
    if lowest > person:
        yield Finding(
            ("detector", "min_score"),
            f"is above evidence.person_score ({person}): persons in between would not be pixelated",
            f"write min_score = {person} or less",
            lowest,
        )
    low = _number(_table(values, "tracker"), "low_score", TrackSettings.low_score)
    high = _number(_table(values, "tracker"), "high_score", TrackSettings.high_score)
    if low > high:
        yield Finding(("tracker", "low_score"), f"is above high_score ({high})", f"write {high} or less", low)


def _link(uplink: Values, vault: Vault) -> Iterator[Finding]:
    host = _text(uplink, "host")
    if is_host(host) and "tls" not in uplink and uplink.get("insecure") is not True and not is_loopback(host):
        yield Finding(
            ("uplink", "host"),
            "plain MQTT to another machine is refused",
            "add [uplink.tls] with ca, cert and key (or accept that anyone on the way can read and forge:"
            " insecure = true)",
            host,
        )
    wanted = vault if Secrets.LINK in vault.asked else None
    yield from _password(("uplink", "password_file"), uplink, "username", wanted)
    yield from _certificates(_table(uplink, "tls"), wanted)


def _certificates(tls: Values, vault: Vault | None) -> Iterator[Finding]:
    for key in ("ca", "cert"):
        name = _text(tls, key)
        if vault is not None and name and not os.access(vault.folder / name, os.R_OK):
            yield Finding(("uplink", "tls", key), "names a file that cannot be read", "put it there", name)
    name = _text(tls, "key")
    trouble = vault.key_trouble(name) if vault is not None and name else None
    if trouble:
        yield Finding(("uplink", "tls", "key"), *trouble, name)


def _door(page: Values, vault: Vault) -> Iterator[Finding]:
    host = _text(page, "host")
    name = _text(page, "password_file")
    if is_host(host) and not is_loopback(host) and not name:
        yield Finding(
            ("page", "host"),
            "the page would be open to the network without a login",
            'write password_file = "page.passwords" and make an account with: commune-agent password',
            host,
        )
    trouble = vault.open_trouble(name) if name and Secrets.PAGE in vault.asked else None
    if trouble:
        yield Finding(("page", "password_file"), *trouble, name)


def _table(values: Values, key: str) -> Values:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _tables(values: Values, key: str) -> Iterator[tuple[tuple[str, int], Values]]:
    found = values.get(key)
    for position, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield (key, position), item


def _text(values: Values, key: str) -> str:
    found = values.get(key)
    return found if isinstance(found, str) else ""


def _number(values: Values, key: str, default: float) -> float:
    found = values.get(key)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else default
