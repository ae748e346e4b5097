"""The inventory that the plays read, as text: who there is, where each is reached, what all share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from provisioning.names import hq_name, is_ip
from provisioning.site_text import REAL_CARD
from provisioning.survey import Survey

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9-]*")
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

_HOSTS_HEAD = """\
---
# Who there is. commune-agent site new writes this anew from the folders in sites/, as long as nobody has changed it:
# what is said of one box goes into host_vars/BOX.yml, what is said of all into group_vars/all.yml.
"""
_MARK = "# sha256 of the rest: "

_HOST = """\
---
# {name}. Made by commune-agent site new, which does not change it again.
ansible_host: {address}
"""

_ALL = """\
---
# What every box and HQ share. Made by commune-agent site new, which does not change it again.
commune_area: {area}
commune_hq_host: {hq_host}
{more}
# Both folders lie beside the inventory; in records/ are the authority's keys: never put it into a repository.
commune_records: "{beside}/records"
commune_sites: "{beside}/sites"

# The user that may log in everywhere and become root:
# ansible_user: technician
# Where there is no name server, the boxes are told HQ's address:
# commune_hosts: {{{hq_host}: {hq_address}}}
# Time servers within reach of the boxes:
# commune_ntp_servers: [{hq_address}]
"""


_BESIDE = "{{ inventory_dir }}/.."
_MODEL_HINT = "# Models to put onto every box; commune-agent model list says where they are to be had."


def group_name(area: str) -> str:
    """Name the group of an area's boxes; Ansible takes no ``-`` there."""
    return f"area_{area.replace('-', '_')}"


def hosts_text(area: str, boxes: Iterable[str], *, with_hq: bool) -> str:
    """Write hosts.yml, marked so that a change by hand is seen."""
    lines = ["all:", "  children:", "    boxes:", "      children:", f"        {group_name(area)}:", "          hosts:"]
    lines += [f"            {_key(box)}:" for box in sorted(boxes)]
    if with_hq:
        lines += ["    hq:", "      hosts:", f"        {hq_name(area)}:"]
    body = "".join(f"{line}\n" for line in lines)
    return f"{_HOSTS_HEAD}{_MARK}{_digest(body)}\n{body}"


def untouched(text: str) -> bool:
    """Tell whether a hosts.yml is as ``hosts_text`` once wrote it."""
    before, mark, rest = text.partition(_MARK)
    digest, _, body = rest.partition("\n")
    return before == _HOSTS_HEAD and bool(mark) and digest == _digest(body)


def host_text(name: str, address: str) -> str:
    """Write host_vars/NAME.yml."""
    return _HOST.format(name=name, address=json.dumps(address))


def all_text(survey: Survey, hq_address: str) -> str:
    """Write group_vars/all.yml.

    Args:
        survey: of the first boxes.
        hq_address: where Ansible reaches HQ, for the examples; empty where it is not known.
    """
    host, *others = survey.hq_hosts
    names = others
    more = []
    if is_ip(host):
        more.append(f"hq_broker_name: {json.dumps(f'broker.{survey.area}')}")
        names = [host, *others]
    if names:
        more.append(f"hq_broker_addresses: {json.dumps(names)}")
    if (port := survey.boxes[0].hq_port) is not None:
        more += [f"hq_broker_port: {port}", f"hq_receiver_port: {port}"]
    if any(camera.backend != "rendered" for box in survey.boxes for camera in box.cameras):
        more += [_MODEL_HINT, "commune_models:", f'  {REAL_CARD}: "{_BESIDE}/{model_file(REAL_CARD)}"']
    return _ALL.format(
        area=json.dumps(survey.area),
        hq_host=json.dumps(host),
        more="".join(f"{line}\n" for line in more),
        beside=_BESIDE,
        hq_address=hq_address or "10.0.0.5",
    )


def model_file(card: str) -> str:
    """Name the file of a detector model, from the working folder."""
    return f"models/{card}.onnx"


def models(text: str) -> list[str]:
    """Read from a group_vars/all.yml which files of the working folder it wants to put onto the boxes."""
    return re.findall(rf'^ +[a-z0-9-]+: "{re.escape(_BESIDE)}/(models/[^"]+)"', text, re.MULTILINE)


def variable(text: str, name: str) -> str:
    """Read one plain variable of a file that stands here; empty where it has none."""
    found = re.search(rf"^{name}:\s*[\"']?([^\"'\s#]+)", text, re.MULTILINE)
    return found[1] if found else ""


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) and name not in _YAML_WORDS else json.dumps(name)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
