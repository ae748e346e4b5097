"""From a survey sheet to a working folder, and again after the survey has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.commands import command
from support.sheets import BRIDGE, GATE, SCHOOL, write_sheet

from agent import config
from agent.site_faults import ConfigErrors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder of two boxes with three cameras."""
    run = command("site", "new", write_sheet(tmp_path / "survey.csv", GATE, BRIDGE, SCHOOL), "-o", tmp_path / "work")
    assert (run.returncode, run.stderr) == (0, "")
    return tmp_path / "work"


def fill(folder: Path) -> None:
    """Do what the command says is next."""
    for path in folder.glob("sites/*/secrets/*.password"):
        path.write_text("s3cret\n", "utf-8")
    (folder / "models").mkdir()
    (folder / "models/yolox-nano.onnx").write_bytes(b"a model")


def prints(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_new_makes_a_folder_that_only_lacks_the_passwords(folder: Path) -> None:
    names = set(prints(folder))
    assert names == {
        "sites/cho-gom/site.toml", "sites/cho-gom/secrets/cong-cho.password",
        "sites/ben-tram/site.toml", "sites/ben-tram/secrets/cong-truong.password",
        "inventory/hosts.yml", "inventory/group_vars/all.yml",
        "inventory/host_vars/cho-gom.yml", "inventory/host_vars/ben-tram.yml",
    }  # fmt: skip
    for secrets in folder.glob("sites/*/secrets"):
        assert secrets.stat().st_mode & 0o777 == 0o700
        assert [path.stat().st_mode & 0o777 for path in secrets.iterdir()] == [0o600]


def test_a_site_lacks_nothing_but_what_only_its_box_has(folder: Path) -> None:
    fill(folder)
    path = folder / "sites/cho-gom/site.toml"
    with pytest.raises(ConfigErrors) as error:
        config.load(path)
    assert {fault.key for fault in error.value.faults} == {"uplink.tls.ca", "uplink.tls.cert", "uplink.tls.key"}
    (path.parent / "pki").mkdir()
    for name in ("ca.pem", "box.pem", "box.key"):
        (path.parent / "pki" / name).touch(mode=0o600)
    site = config.load(path)
    assert (site.box, site.name, site.area, site.uplink.port) == ("cho-gom", "Chợ Gốm", "vung-mau", 8883)
    assert [(camera.id, camera.user, camera.password) for camera in site.cameras] == [
        ("cong-cho", "viewer", "s3cret"),
        ("dau-cau", "", ""),
    ]
    assert site.page.hostnames == ("10.70.1.11",)
    assert site.detect.card == "yolox-nano"


def test_an_empty_password_is_told_before_anybody_drives_out(folder: Path) -> None:
    run = command("site", "check", folder)
    assert (run.returncode, run.stdout) == (2, "")
    lines = run.stderr.splitlines()
    assert len(lines) == 3
    assert "sites/ben-tram/site.toml:37: cameras.cong-truong.password_file: names a file that does not hold" in lines[0]
    assert "sites/cho-gom/site.toml:38: cameras.cong-cho.password_file: names a file that does not hold" in lines[1]
    assert "models/yolox-nano.onnx: is not there, and the boxes need this model" in lines[2]
    fill(folder)
    run = command("site", "check", folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "2 sites with 3 cameras" in run.stdout
    assert "ben-tram/cong-truong, cho-gom/cong-cho, cho-gom/dau-cau" in run.stdout


def test_the_same_sheet_again_changes_nothing(folder: Path) -> None:
    before = prints(folder)
    run = command("site", "new", folder.parent / "survey.csv", "-o", folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "kept as it was (2): cho-gom, ben-tram" in run.stdout
    assert prints(folder) == before


def test_what_the_sheet_says_otherwise_is_told_and_nothing_is_changed(folder: Path) -> None:
    fill(folder)
    toml = folder / "sites/cho-gom/site.toml"
    toml.write_text(toml.read_text("utf-8").replace("# [[camera.zone]]", "[[camera.zone]]").replace("# id =", "id ="))
    before = prints(folder)
    rows = [
        {**GATE, "box_name": "Chợ Gốm Mới", "url": "rtsp://192.168.1.70:554/sub", "address": "10.70.1.12"},
        {**BRIDGE, "camera": "ben-do", "user": "viewer", "place": "Cột bến đò"},
    ]
    run = command("site", "new", write_sheet(folder.parent / "again.csv", *rows), "-o", folder)
    assert (run.returncode, run.stderr) == (1, "")
    assert prints(folder) == before
    told = run.stdout.splitlines()
    expected = [
        f'{toml}:10: box.name: the sheet says "Chợ Gốm Mới" (got "Chợ Gốm"); change the one that is wrong',
        f'{toml}:26: page.hostnames: the sheet says "10.70.1.12" (got ["10.70.1.11"]); change the one that is wrong',
        f'{toml}:36: cameras.cong-cho.url: the sheet says "rtsp://192.168.1.70:554/sub"'
        f' (got "{GATE["url"]}"); change the one that is wrong',
        f"{toml}:50: cameras.dau-cau: the sheet has no such camera; add its row, or remove it here",
        f"{toml}: camera: camera ben-do of the sheet is missing; add:",
        '    id = "ben-do"',
        '    password_file = "secrets/ben-do.password"',
        f"{folder}/inventory/host_vars/cho-gom.yml: ansible_host: the sheet says 10.70.1.12 (got 10.70.1.11);"
        " change the one that is wrong",
    ]
    assert [line for line in expected if line not in told] == [], run.stdout


def test_a_second_sheet_adds_boxes_to_the_folder_and_to_the_inventory(folder: Path) -> None:
    third = {**SCHOOL, "area": "vung-mau", "hq_host": GATE["hq_host"], "box": "cau-da", "address": "10.70.3.11"}
    sheet = write_sheet(folder.parent / "second.csv", third)
    run = command("site", "new", sheet, "-o", folder, "--hq-address", "10.70.0.5")
    assert (run.returncode, run.stderr) == (0, "")
    hosts = (folder / "inventory/hosts.yml").read_text("utf-8")
    assert hosts.index("ben-tram:") < hosts.index("cau-da:") < hosts.index("cho-gom:") < hosts.index("hq-vung-mau:")
    assert 'ansible_host: "10.70.0.5"' in (folder / "inventory/host_vars/hq-vung-mau.yml").read_text("utf-8")


def test_an_inventory_that_a_person_changed_is_theirs(folder: Path) -> None:
    hosts = folder / "inventory/hosts.yml"
    hosts.write_text(hosts.read_text("utf-8") + "# mine\n", "utf-8")
    third = {**SCHOOL, "area": "vung-mau", "hq_host": GATE["hq_host"], "box": "cau-da", "address": "10.70.3.11"}
    run = command("site", "new", write_sheet(folder.parent / "second.csv", third), "-o", folder)
    assert run.returncode == 1
    assert f"{hosts}: was changed by hand and lacks cau-da; write it in, or remove the file\n" in run.stdout
    assert hosts.read_text("utf-8").endswith("# mine\n")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"area": "vung-khac"}, "survey2.csv:2: area: is another area than"),
        ({"box": "cau-da"}, "survey2.csv:2: address: is the address of cho-gom already"),
    ],
)
def test_a_sheet_that_does_not_go_with_the_folder_is_refused_whole(
    cells: dict[str, str], words: str, folder: Path
) -> None:
    before = prints(folder)
    run = command("site", "new", write_sheet(folder.parent / "survey2.csv", {**GATE, **cells}), "-o", folder)
    assert run.returncode == 2
    assert words in run.stderr
    assert prints(folder) == before


def test_a_bad_sheet_makes_nothing(tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "survey.csv", {**GATE, "camera": "Cổng chợ"})
    run = command("site", "new", sheet, "-o", tmp_path / "work")
    assert run.returncode == 2
    assert run.stderr == (
        f'commune-agent: {sheet}:2: camera: is no id (got "Cổng chợ"); use 1 to 32 small letters a-z, digits and -,'
        " for example cong-cho\n"
    )
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda work: (work / "sites/cho-gom").rename(work / "sites/cho-da"), "box.id: is not the name of its folder"),
        (lambda work: (work / "sites/cho-gom/secrets/cong-cho.password").chmod(0o640), "can be read by others"),
        (lambda work: (work / "sites/cho-gom/secrets/cong-cho.password").chmod(0o604), "everybody on this machine"),
        (lambda work: (work / "sites/cho-gom/secrets/cong-cho.password").unlink(), "is not there"),
        (lambda work: (work / "sites/cho-gom/site.toml").write_text("[box"), "is no TOML"),
        (lambda work: (work / "inventory/hosts.yml").unlink(), "hosts.yml: is not there"),
        (lambda work: (work / "inventory/hosts.yml").write_text("ben-tram:\n"), "lacks box cho-gom"),
        (
            lambda work: (work / "inventory/host_vars/cho-gom.yml").write_text("ansible_host: 10.70.2.11\n"),
            "cho-gom.yml: ansible_host: is the address of ben-tram too (got 10.70.2.11)",
        ),
    ],
)  # fmt: skip
def test_check_names_what_is_wrong(change, words: str, folder: Path) -> None:
    fill(folder)
    change(folder)
    run = command("site", "check", folder)
    assert run.returncode == 2
    assert words in run.stderr


def test_check_finds_a_copied_site(folder: Path) -> None:
    fill(folder)
    text = (folder / "sites/cho-gom/site.toml").read_text("utf-8").replace("vung-mau", "vung-khac", 1)
    (folder / "sites/ben-tram/site.toml").write_text(text, "utf-8")
    run = command("site", "check", folder)
    assert run.returncode == 2
    assert "ben-tram/site.toml: box.id: is not the name of its folder (got cho-gom)" in run.stderr
    assert "cho-gom/site.toml: box.id: is the id of" in run.stderr
    assert "is another area than in" in run.stderr


def test_check_of_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    run = command("site", "check", tmp_path)
    assert run.returncode == 2
    assert "commune-agent site new" in run.stderr


def test_the_template_can_be_filled_and_is_never_overwritten(tmp_path: Path) -> None:
    assert command("site", "new", "--template", "t.csv", folder=tmp_path).returncode == 0
    assert command("site", "new", "t.csv", "-o", "work", folder=tmp_path).returncode == 0
    run = command("site", "new", "--template", "t.csv", folder=tmp_path)
    assert run.returncode == 2
    assert "exists already" in run.stderr


@pytest.mark.parametrize("words", [[], ["survey.csv"], ["-o", "work"]])
def test_new_says_what_it_needs(words: list[str]) -> None:
    run = command("site", "new", *words)
    assert run.returncode == 2
    assert "name the sheet and, after -o, the folder" in run.stderr


def test_an_hq_address_that_is_none_is_refused(tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "survey.csv", GATE)
    run = command("site", "new", sheet, "-o", tmp_path / "work", "--hq-address", "10.0.0.5:22")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "carries a port" in run.stderr
    assert not (tmp_path / "work").exists()
