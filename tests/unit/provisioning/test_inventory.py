"""The inventory is YAML that says what was meant, whatever boxes are called and however HQ is reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.sheets import GATE, SCHOOL, write_sheet

from provisioning import inventory
from provisioning.names import check_host
from provisioning.survey import Survey, read_survey

yaml = pytest.importorskip("yaml", reason="no Ansible beside this Python")


def survey(folder: Path, *rows: dict[str, str]) -> Survey:
    found, faults = read_survey(write_sheet(folder / "sheet.csv", *rows))
    assert faults == []
    return found


def test_ids_stay_text() -> None:
    ids = ["no", "on", "null", "true", "7", "1e3", "cho-gom", "y", "0x1f"]
    hosts = yaml.safe_load(inventory.hosts_text("a", ids, with_hq=False))
    assert set(hosts["all"]["children"]["boxes"]["children"]["area_a"]["hosts"]) == set(ids)


def test_groups_have_names_that_ansible_takes() -> None:
    hosts = yaml.safe_load(inventory.hosts_text("vung-mau-2", ["x"], with_hq=True))
    children = hosts["all"]["children"]
    assert list(children["boxes"]["children"]) == ["area_vung_mau_2"]
    assert children["hq"]["hosts"] == {"hq-vung-mau-2": None}


def test_a_change_by_hand_is_seen() -> None:
    text = inventory.hosts_text("a", ["x", "y"], with_hq=False)
    assert inventory.untouched(text)
    assert not inventory.untouched(text.replace("x:", "z:"))
    assert not inventory.untouched(text.replace("Who there is", "Who is there"))
    assert not inventory.untouched("all:\n")


def test_a_broker_that_is_reached_by_address_gets_a_certificate_for_it(tmp_path: Path) -> None:
    rows = ({**GATE, "hq_host": "10.70.0.5", "hq_port": "9883"}, {**SCHOOL, "hq_host": "hq.example"})
    said = yaml.safe_load(inventory.all_text(survey(tmp_path, *rows), ""))
    assert said["commune_hq_host"] == "10.70.0.5"
    assert check_host(said["hq_broker_name"]) == "broker.vung-mau"
    assert said["hq_broker_addresses"] == ["10.70.0.5", "hq.example"]
    assert said["hq_broker_port"] == said["hq_receiver_port"] == 9883


def test_a_broker_with_a_name_needs_nothing_more(tmp_path: Path) -> None:
    said = yaml.safe_load(inventory.all_text(survey(tmp_path, GATE), "10.70.0.5"))
    assert set(said) == {"commune_area", "commune_hq_host", "commune_models", "commune_records", "commune_sites"}


def test_boxes_of_drawn_scenes_need_no_model(tmp_path: Path) -> None:
    path = write_sheet(
        tmp_path / "sheet.csv", {**GATE, "url": "demo_road", "backend": "rendered"}, header=[*GATE, "backend"]
    )
    found, faults = read_survey(path)
    assert faults == []
    assert "commune_models" not in yaml.safe_load(inventory.all_text(found, ""))


@pytest.mark.parametrize("name", ["Chợ 'Gốm'", 'Chợ "Gốm"', "Chợ: Gốm # 2", "Chợ {{ Gốm }}"])
def test_a_name_breaks_nothing(name: str) -> None:
    text = inventory.host_text(name, "10.70.1.11")
    assert yaml.safe_load(text) == {"ansible_host": "10.70.1.11"}
    assert inventory.variable(text, "ansible_host") == "10.70.1.11"
