"""The example inventory is what ``site new`` makes of its sheet, and Ansible understands it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import command

from agent.site_shape import shape

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "ansible/inventories/example"
ANSIBLE = Path(sys.executable).with_name("ansible-inventory")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of the example's sheet."""
    folder = tmp_path_factory.mktemp("example") / "work"
    run = command("site", "new", EXAMPLE / "survey.csv", "-o", folder)
    assert (run.returncode, run.stderr) == (0, "")
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.yml")}


def test_the_example_is_what_the_sheet_gives(made: Path) -> None:
    assert texts(EXAMPLE) == texts(made / "inventory"), "run: commune-agent site new, and copy inventory/ here"


def test_phase_one_has_30_boxes_with_56_cameras_that_all_have_the_right_shape(made: Path) -> None:
    sites = [shape(path) for path in sorted(made.glob("sites/*/site.toml"))]
    assert (len(sites), sum(len(site.camera) for site in sites)) == (30, 56)
    assert {site.box.area for site in sites} == {"vung-mau"}
    assert len({name for site in sites for name in site.page.hostnames}) == 30


@pytest.mark.skipif(not ANSIBLE.exists(), reason="no Ansible beside this Python")
def test_ansible_reads_what_the_roles_need(made: Path) -> None:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg"), "ANSIBLE_HOME": str(made / ".a")}
    line = [ANSIBLE, "-i", made / "inventory", "--list"]
    run = subprocess.run(line, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    inventory = json.loads(run.stdout)
    assert len(inventory["area_vung_mau"]["hosts"]) == 30
    assert inventory["boxes"]["children"] == ["area_vung_mau"]
    assert inventory["hq"]["hosts"] == ["hq-vung-mau"]
    variables = inventory["_meta"]["hostvars"]
    assert variables["bach-truc"]["ansible_host"] == "10.70.1.11"
    for name in ("bach-truc", "hq-vung-mau"):
        assert variables[name]["commune_area"] == "vung-mau"
        assert variables[name]["commune_hq_host"] == "hq.vung-mau.example"
        assert {"commune_records", "commune_sites"} <= set(variables[name])


@pytest.mark.skipif(not ANSIBLE.exists(), reason="no Ansible beside this Python")
def test_the_folders_lie_beside_the_inventory(made: Path) -> None:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible/ansible.cfg"), "ANSIBLE_HOME": str(made / ".a")}
    line = [ANSIBLE.with_name("ansible"), "bach-truc", "-i", made / "inventory", "-c", "local", "-m", "debug"]
    wanted = "{{ (commune_sites ~ '/bach-truc/site.toml') is file }} {{ commune_records | realpath }}"
    run = subprocess.run(
        [*line, "-a", f"msg={json.dumps(wanted)}"], capture_output=True, text=True, check=False, env=environment,
        timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert f"True {made.resolve() / 'records'}" in run.stdout
