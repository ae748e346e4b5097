"""The working folder on the technician's laptop: made from a survey, added to by the next; what is there stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.site_faults import ConfigErrors, Fault
from provisioning import inventory
from provisioning.differences import against
from provisioning.files import PRIVATE, PUBLIC, make_folder, write_whole
from provisioning.names import hq_name
from provisioning.site_text import password_file, site_text
from provisioning.survey import Box, Survey


@dataclass
class Laid:
    """What was done.

    Attributes:
        folder: the working folder.
        made: boxes that are new.
        kept: boxes that were there.
        passwords: files that a person has to fill.
        differences: where what was kept is not what the sheet says.
    """

    folder: Path
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    passwords: list[Path] = field(default_factory=list)
    differences: list[Fault] = field(default_factory=list)


def sites_of(folder: Path) -> list[Path]:
    """Give every site.toml of a working folder."""
    return sorted(folder.glob("sites/*/site.toml"))


def lay(survey: Survey, folder: Path, hq_address: str) -> Laid:
    """Make what the survey names and the folder does not have.

    Args:
        survey: without faults.
        folder: the working folder; made where it is missing.
        hq_address: where Ansible reaches HQ; empty leaves HQ out of a new inventory.

    Raises:
        ConfigErrors: the survey does not go with what the folder holds; nothing was written.
        ConfigError: a file cannot be written.
    """
    if clashes := tuple(_clashes(survey, folder)):
        raise ConfigErrors(clashes)
    laid = Laid(folder)
    for box in survey.boxes:
        _site(box, Path(survey.file), laid)
    _shared(survey, hq_address, laid)
    return laid


def _clashes(survey: Survey, folder: Path) -> Iterator[Fault]:
    shared = folder / "inventory/group_vars/all.yml"
    area = inventory.variable(_text(shared), "commune_area")
    if area and area != survey.area:
        problem = f"is another area than {shared} has ({area}); a folder holds one area, for it has one authority"
        yield Fault(survey.file, survey.boxes[0].lines["area"], "area", problem, survey.area, "name another folder")
    taken: dict[str, Path] = {}
    for path in sorted((folder / "inventory/host_vars").glob("*.yml")):
        taken[inventory.variable(_text(path), "ansible_host")] = path
    for box in survey.boxes:
        other = taken.get(box.address)
        if other is not None and other.stem != box.id:
            problem = f"is the address of {other.stem} already ({other})"
            yield Fault(survey.file, box.lines["address"], "address", problem, box.address, "write the box's own")


def _site(box: Box, sheet: Path, laid: Laid) -> None:
    site = laid.folder / "sites" / box.id
    host = laid.folder / "inventory/host_vars" / f"{box.id}.yml"
    if (site / "site.toml").exists():
        laid.kept.append(box.id)
        laid.differences += against(box, site / "site.toml")
    else:
        laid.made.append(box.id)
        make_folder(site, 0o755)
        make_folder(site / "secrets", 0o700)
        laid.passwords += _passwords(box, site)
        _new(site / "site.toml", site_text(box, sheet))
    kept = inventory.variable(_text(host), "ansible_host")
    if kept and kept != box.address:
        laid.differences.append(_other(host, "ansible_host", box.address, kept))
    _new(host, inventory.host_text(box.name, box.address))


def _passwords(box: Box, site: Path) -> Iterator[Path]:
    for camera in box.cameras:
        if camera.user:
            path = site / password_file(camera.id)
            _new(path, "", PRIVATE)
            if not path.stat().st_size:
                yield path


def _shared(survey: Survey, hq_address: str, laid: Laid) -> None:
    place = laid.folder / "inventory"
    hq = place / "host_vars" / f"{hq_name(survey.area)}.yml"
    if hq_address:
        kept = inventory.variable(_text(hq), "ansible_host")
        if kept and kept != hq_address:
            laid.differences.append(_other(hq, "ansible_host", hq_address, kept))
        _new(hq, inventory.host_text("HQ", hq_address))
    shared = place / "group_vars/all.yml"
    kept = inventory.variable(_text(shared), "commune_hq_host")
    if kept and kept not in survey.hq_hosts:
        laid.differences.append(_other(shared, "commune_hq_host", survey.hq_hosts[0], kept))
    _new(shared, inventory.all_text(survey, hq_address))
    _hosts(place / "hosts.yml", survey.area, hq.exists(), laid)


def _hosts(path: Path, area: str, with_hq: bool, laid: Laid) -> None:
    """Write hosts.yml anew from what the folder now holds, unless a person has changed it."""
    wanted = inventory.hosts_text(area, (site.parent.name for site in sites_of(laid.folder)), with_hq=with_hq)
    text = _text(path)
    if not text or inventory.untouched(text):
        write_whole(path, wanted.encode())
    elif text != wanted:
        there = set(text.split())
        for line in wanted.splitlines():
            if line.startswith(" ") and line.strip() not in there:
                problem = f"was changed by hand and lacks {line.strip().rstrip(':')}"
                laid.differences.append(Fault(str(path), 0, "", problem, "", "write it in, or remove the file"))


def _other(path: Path, name: str, said: str, kept: str) -> Fault:
    return Fault(str(path), 0, name, f"the sheet says {said}", kept, "change the one that is wrong")


def _new(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Write a file unless there is one."""
    if not path.exists():
        make_folder(path.parent, 0o755)
        write_whole(path, text.encode(), mode)


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
