"""What is wrong with a survey: the rules of site.toml, told by cell, and what only a sheet can get wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from agent.site_faults import Fault, Finding, tell
from agent.site_shape import findings
from agent.site_toml import Document, KeyPath
from agent.site_values import shows_password, veiled
from provisioning.site_text import password_file, values
from provisioning.survey import Box, Camera, Survey, id_from

_COLUMNS = {
    ("box", "id"): "box",
    ("box", "name"): "box_name",
    ("box", "area"): "area",
    ("uplink", "host"): "hq_host",
    ("uplink", "port"): "hq_port",
    ("page", "hostnames"): "address",
    ("camera", "id"): "camera",
    ("camera", "name"): "camera_name",
}
"""Which cell a key of site.toml comes from, where the two are not called the same."""

_TAKEN = ("all", "boxes", "localhost", "ungrouped")
"""Names that an inventory uses itself."""


def faults(survey: Survey) -> list[Fault]:
    """Give everything in the cells of a survey that keeps it from becoming boxes; empty cells were told already."""
    found: list[Fault] = []
    addresses: dict[str, Box] = {}
    for box in survey.boxes:
        found.extend(_shape(survey.file, box))
        found.extend(_box(survey.file, box))
        for position, camera in enumerate(box.cameras):
            found.extend(_camera(survey.file, box, camera, box.cameras[:position]))
        other = addresses.setdefault(box.address, box)
        if other is not box and box.address:
            problem = f"is the address of box {other.id} too (line {other.lines['address']})"
            found.append(_fault(survey.file, box, "address", problem, box.address, "write the box's own"))
    return list(dict.fromkeys(found))  # one cell can count for many boxes


def _fault(file: str, box: Box, column: str, problem: str, got: str, remedy: str) -> Fault:
    return Fault(file, box.lines.get(column, box.lines["box"]), column, problem, got, remedy)


def _shape(file: str, box: Box) -> Iterator[Fault]:
    """Let the rules of site.toml judge what the box would get, and name the cell it came from."""
    said = values(box)
    lines: dict[KeyPath, int] = {("camera", position): camera.line for position, camera in enumerate(box.cameras)}
    lines |= {path: box.lines[column] for path, column in _COLUMNS.items() if column in box.lines}
    for finding in findings(said, Path(), passwords=False):
        if finding.got == "" or _told_here(finding):
            continue
        fault = tell(_with_suggestion(finding), Document(said, lines), file)
        keys = [part for part in finding.path if isinstance(part, str)]
        yield dataclasses.replace(fault, key=_COLUMNS.get((keys[0], keys[-1]), keys[-1]))


def _told_here(finding: Finding) -> bool:
    """Say whether a sheet has better words for it, below."""
    of_camera = finding.path[0] == "camera" and finding.path[-1] == "id"
    of_hq = finding.path == ("box", "id") and "reserved" in finding.problem
    return finding.problem == "carries credentials" or of_hq or (of_camera and "twice" in finding.problem)


def _with_suggestion(finding: Finding) -> Finding:
    if finding.problem != "is no id":
        return finding
    near = id_from(str(finding.got))
    return finding._replace(remedy=f"{finding.remedy}, for example {near}") if near else finding


def _box(file: str, box: Box) -> Iterator[Fault]:
    if box.id in _TAKEN:
        problem = "is a word that Ansible uses itself"
        yield _fault(file, box, "box", problem, box.id, f"write for example {box.id}-1")
    elif box.id.startswith("hq"):  # certificates of HQ's own begin so
        yield _fault(file, box, "box", "is reserved for HQ", box.id, "write another id, for example gate-01")
    for column, word in (("box", box.id), ("area", box.area)):
        if word.startswith("-") or word.endswith("-"):
            remedy = f"write {id_from(word) or 'a letter there'}"
            yield _fault(file, box, column, "begins or ends with -", word, remedy)


def _camera(file: str, box: Box, camera: Camera, before: tuple[Camera, ...]) -> Iterator[Fault]:
    if "@" in camera.url and "://" in camera.url:
        remedy = (
            f"remove what stands before the @: the user goes into column user, the password into the file"
            f" {password_file(id_from(camera.id) or 'CAMERA')} that site new makes; an @ in the path is written %40"
        )
        yield Fault(file, camera.line, "url", "carries a user or password", veiled(camera.url), remedy)
    elif shows_password(camera.url):
        remedy = "leave it out here; if the camera takes it in no other way, write it into the box's site.toml"
        yield Fault(file, camera.line, "url", "carries a password", veiled(camera.url), remedy)
    if set(":/ ") & set(camera.user):
        remedy = "write the user name alone; the password goes into a file that site new makes"
        yield Fault(file, camera.line, "user", "seems to hold more than a user name", "", remedy)
    if camera.id.startswith("-"):
        problem, remedy = "begins with -, as options of commands do", f"write {id_from(camera.id) or 'a letter first'}"
        yield Fault(file, camera.line, "camera", problem, camera.id, remedy)
    for other in before:
        if other.id == camera.id and camera.id:
            problem = f"stands twice in box {box.id} (line {other.line})"
            yield Fault(file, camera.line, "camera", problem, camera.id, "give each camera of a box its own id")
            return
        if other.url == camera.url and "://" in camera.url:
            problem = f"is the address of camera {other.id} too (line {other.line})"
            yield Fault(file, camera.line, "url", problem, veiled(camera.url), "write the camera's own")
            return
