"""Everything that a laptop can know to be wrong with a working folder, before anybody drives out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.site_faults import ConfigErrors, Fault, tell
from agent.site_shape import findings, read
from provisioning import inventory
from provisioning.site_folder import sites_of


@dataclass(frozen=True)
class Checked:
    """A working folder without faults.

    Attributes:
        boxes: how many there are.
        cameras: how many they have.
        idle: cameras without a rule, as BOX/CAMERA: they are shown, and nothing is ever reported.
    """

    boxes: int
    cameras: int
    idle: tuple[str, ...]


def check(folder: Path) -> Checked:
    """Check every site of a working folder.

    Raises:
        ConfigErrors: something would keep a box from working; all of it is told.
    """
    paths = sites_of(folder)
    if not paths:
        raise ConfigErrors((Fault(str(folder), 0, "", "has no sites/BOX/site.toml", "", _MAKE),))
    faults: list[Fault] = []
    sites: dict[Path, Mapping[str, Any]] = {}
    for path in paths:
        try:
            document = read(path)
        except ConfigErrors as error:
            faults.extend(error.faults)
            continue
        sites[path] = document.values
        found = [
            tell(finding, document, str(path)) for finding in findings(document.values, path.parent, passwords=True)
        ]
        faults.extend(sorted(found, key=lambda fault: fault.line))
        faults.extend(_secrets(path.parent / "secrets"))
    faults.extend(_together(sites))
    faults.extend(_inventory(folder, paths))
    if faults:
        raise ConfigErrors(tuple(faults))
    cameras = [(path.parent.name, camera) for path, site in sites.items() for camera in site["camera"]]
    return Checked(len(sites), len(cameras), tuple(f"{box}/{c['id']}" for box, c in cameras if not c.get("rule")))


_MAKE = "make them with: commune-agent site new SURVEY.csv -o FOLDER"


def _secrets(folder: Path) -> Iterator[Fault]:
    """Passwords are for their owner alone; those that everybody can read were told with the camera."""
    for path in sorted(folder.glob("*.password")):
        if path.stat().st_mode & 0o077 and not path.stat().st_mode & 0o007:
            yield Fault(str(path), 0, "", "can be read by others than its owner", "", f"chmod 600 {path}")


def _together(sites: Mapping[Path, Mapping[str, Any]]) -> Iterator[Fault]:
    boxes: dict[object, Path] = {}
    areas: dict[object, Path] = {}
    for path, site in sites.items():
        box = site.get("box")
        box = box if isinstance(box, Mapping) else {}
        name, area = box.get("id"), box.get("area")
        if name != path.parent.name:
            remedy = "call the folder like the box: its certificate is made out to the folder's name"
            yield Fault(str(path), 0, "box.id", "is not the name of its folder", str(name), remedy)
        if boxes.setdefault(name, path) != path:
            yield Fault(str(path), 0, "box.id", f"is the id of {boxes[name]} too", str(name), "change one of them")
        if next(iter(areas), area) != area:
            first = next(iter(areas.values()))
            yield Fault(
                str(path), 0, "box.area", f"is another area than in {first}", str(area), "use one folder an area"
            )
        areas.setdefault(area, path)


def _inventory(folder: Path, paths: list[Path]) -> Iterator[Fault]:
    hosts = folder / "inventory/hosts.yml"
    if not hosts.exists():
        yield Fault(str(hosts), 0, "", "is not there", "", _MAKE)
        return
    listed = {word.strip("\"':") for word in hosts.read_text("utf-8").split()}
    for name in inventory.models(_text(hosts.parent / "group_vars/all.yml")):
        if not (folder / name).exists():
            remedy = "commune-agent model list says where it is to be had"
            yield Fault(str(folder / name), 0, "", "is not there, and the boxes need this model", "", remedy)
    addresses: dict[str, str] = {}
    for path in paths:
        box = path.parent.name
        if box not in listed:
            yield Fault(str(hosts), 0, "", f"lacks box {box}", "", "write it in, or run site new with the sheet again")
        place = hosts.parent / "host_vars" / f"{box}.yml"
        address = inventory.variable(_text(place), "ansible_host")
        if address and addresses.setdefault(address, box) != box:
            problem = f"is the address of {addresses[address]} too"
            yield Fault(str(place), 0, "ansible_host", problem, address, "write the box's own")


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
