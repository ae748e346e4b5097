"""What a person reads when a sheet cannot be used: each row one mistake, its line, column, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sheets import BRIDGE, GATE, HEADER, SCHOOL, Cells, write_sheet

from agent.site_faults import ConfigErrors, Fault
from agent.site_shape import findings
from agent.site_toml import parse
from provisioning.site_text import site_text, values
from provisioning.survey import read_survey
from provisioning.survey_faults import faults


def told(path: Path) -> list[Fault]:
    """Everything that ``site new`` would say about a sheet."""
    try:
        survey, found = read_survey(path)
    except ConfigErrors as error:
        return list(error.faults)
    return [*found, *faults(survey)]


TABLE = [
    # what is wrong, row, its cells, column, value shown, words of problem and remedy
    ("id", 4, {"box": "Chợ Gốm"}, "box", '"Chợ Gốm"', "for example cho-gom"),
    ("camera id", 3, {"camera": "Đầu cầu"}, "camera", '"Đầu cầu"', "for example dau-cau"),
    ("id of strange letters", 4, {"box": "市场"}, "box", '"市场"', "use 1 to 32 small letters a-z, digits and -"),
    ("area id", 2, {"area": "Vùng mẫu"}, "area", '"Vùng mẫu"', "for example vung-mau"),
    ("dash", 4, {"box": "-ben-tram"}, "box", "-ben-tram", "write ben-tram"),
    ("dash of a camera", 4, {"camera": "-v"}, "camera", "-v", "write v"),
    ("HQ's name", 4, {"box": "hq-2"}, "box", "hq-2", "reserved for HQ"),
    ("HQ's own name", 4, {"box": "hq"}, "box", "hq", "reserved for HQ"),
    ("Ansible's name", 4, {"box": "localhost"}, "box", "localhost", "localhost-1"),
    ("camera twice", 3, {"camera": "cong-cho"}, "camera", "cong-cho", "stands twice in box cho-gom (line 2)"),
    ("url twice", 3, {"url": GATE["url"]}, "url", GATE["url"], "is the address of camera cong-cho too (line 2)"),
    ("address twice", 4, {"address": "10.70.1.11"}, "address", "10.70.1.11", "box cho-gom too (line 2)"),
    ("two names", 3, {"box_name": "Chợ Đá"}, "box_name", "", "described in two ways: Chợ Gốm on line 2, Chợ Đá here"),
    ("two addresses", 3, {"address": "10.70.9.9"}, "address", "", "described in two ways"),
    ("two areas", 4, {"area": "vung-khac"}, "area", "", "names two: vung-mau on line 2, vung-khac here"),
    ("no camera", 3, {"camera": ""}, "camera", "", "is empty; write for example cong-cho"),
    ("no box", 3, {"box": ""}, "box", "", "is empty; write for example cho-gom"),
    ("no url", 4, {"url": ""}, "url", "", "is empty"),
    ("no address", 4, {"address": ""}, "address", "", "is empty; write for example 10.20.1.11"),
    ("no host name", 2, {"hq_host": "mqtts://hq"}, "hq_host", '"mqtts://hq"', "carries a scheme"),
    ("host with port", 2, {"hq_host": "hq.example:8883"}, "hq_host", '"hq.example:8883"', "carries a port"),
    ("no port", 2, {"hq_port": "8.883"}, "hq_port", "8.883", "from 1 to 65535"),
    ("no such port", 2, {"hq_port": "88830"}, "hq_port", "88830", "at most 65535"),
    ("no address of a box", 4, {"address": "10.70.2.11/24"}, "address", '"10.70.2.11/24"', "no host name or address"),
    ("url without scheme", 4, {"url": "192.168.1.64:554/sub"}, "url", '"192.168.1.64:554/sub"', "rtsp://host:554/path"),
    ("blank in url", 4, {"url": "rtsp://h/a b"}, "url", '"rtsp://h/a b"', "%20"),
    ("web page", 4, {"url": "http://h/"}, "url", '"http://h/"', "use rtsp://"),
    ("long name", 4, {"box_name": "x" * 81}, "box_name", f'"{"x" * 79}…', "1 to 80"),
    ("password in url", 4, {"url": "rtsp://admin:hunter2@h/sub"}, "url", "rtsp://***@h/sub",
     "secrets/cong-truong.password"),
    ("user in url", 4, {"url": "rtsp://admin@h/sub"}, "url", "rtsp://***@h/sub", "goes into column user"),
    ("password in path", 4, {"url": "rtsp://h/user=a&password=hunter2"}, "url", "rtsp://h/user=a&password=***",
     "carries a password"),
    ("bare url with password", 4, {"url": "admin:hunter2@h:554/sub"}, "url", '"***@h:554/sub"', "has no scheme"),
    ("password beside user", 4, {"user": "admin:hunter2"}, "user", "", "more than a user name"),
    ("password beside user 2", 4, {"user": "admin / hunter2"}, "user", "", "more than a user name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "cells", "column", "got", "words"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_one_mistake_is_one_line(
    line: int, cells: dict[str, str], column: str, got: str, words: str, tmp_path: Path
) -> None:
    rows: list[Cells] = [GATE, BRIDGE, SCHOOL]
    rows[line - 2] = {**rows[line - 2], **cells}
    (fault,) = told(write_sheet(tmp_path / "sheet.csv", *rows))
    assert (fault.line, fault.key, fault.got) == (line, column, got)
    assert words in f"{fault.problem}; {fault.remedy}"
    assert "hunter2" not in str(fault)


def test_a_good_sheet_has_no_fault(tmp_path: Path) -> None:
    assert told(write_sheet(tmp_path / "sheet.csv", GATE, BRIDGE, SCHOOL)) == []


def test_an_unknown_backend_gets_the_nearest(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "sheet.csv", {**GATE, "backend": "opencvv"}, header=(*HEADER, "backend"))
    (fault,) = told(path)
    assert (fault.key, fault.remedy) == ("backend", "did you mean opencv?")


@pytest.mark.parametrize(
    ("old", "new", "column", "words"),
    [
        ("address", "adress", "adress", "did you mean address?"),
        ("camera_name", "place", "place", "stands twice"),
        ("camera_name", "Mật khẩu", "mat_khau", "remove the column"),
        ("camera_name", "password", "password", "remove the column"),
        ("area", "note", "area", "the column is missing"),
    ],
)
def test_columns_are_told_by_name(old: str, new: str, column: str, words: str, tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "sheet.csv", GATE)
    text = path.read_text("utf-8")
    path.write_text(text.replace(old, new, 1), "utf-8")
    (fault,) = told(path)
    assert (fault.line, fault.key) == (1, column)
    assert words in f"{fault.problem}; {fault.remedy}"
    assert GATE["camera_name"] not in str(fault)


def test_a_cell_under_no_column_is_named_as_the_spreadsheet_names_it(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "sheet.csv", {**GATE, "place": ""})
    path.write_text(path.read_text("utf-8").rstrip("\n") + ",cao 5 m\n", "utf-8")
    (fault,) = told(path)
    assert "cell L lies under no column" in fault.problem
    assert fault.line == 2


def test_every_fault_is_told_in_one_pass(tmp_path: Path) -> None:
    rows = [{**GATE, "camera": "A", "url": "x@y:z/"}, {**BRIDGE, "camera": ""}, {**SCHOOL, "address": "10.70.1.11"}]
    header = ["nota" if column == "place" else column for column in HEADER]
    found = told(write_sheet(tmp_path / "sheet.csv", *rows, header=header))
    assert {(fault.line, fault.key) for fault in found} == {
        (1, "nota"), (2, "camera"), (2, "url"), (3, "camera"), (4, "address"),
    }  # fmt: skip


def test_what_the_whole_sheet_shares_is_told_once(tmp_path: Path) -> None:
    found = told(write_sheet(tmp_path / "sheet.csv", {**GATE, "hq_host": "a b"}, SCHOOL))
    assert [(fault.line, fault.key) for fault in found] == [(2, "hq_host")]
    found = told(write_sheet(tmp_path / "sheet.csv", {**GATE, "area": ""}, SCHOOL))
    assert [(fault.line, fault.key) for fault in found] == [(2, "area")]


def test_a_box_may_reach_hq_by_another_name_but_must_say_by_which(tmp_path: Path) -> None:
    third = {**SCHOOL, "box": "cau-da", "address": "10.70.3.11"}
    path = tmp_path / "sheet.csv"
    assert told(write_sheet(path, GATE, {**SCHOOL, "hq_host": "10.70.0.5"}, {**third, "hq_host": "10.70.0.5"})) == []
    (fault,) = told(write_sheet(path, GATE, {**SCHOOL, "hq_host": "10.70.0.5"}, third))
    assert (fault.line, fault.key) == (4, "hq_host")
    assert "several (hq.vung-mau.example, 10.70.0.5)" in fault.problem


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "box": st.sampled_from(["cho-gom", "ben-tram"]),
                "camera": st.sampled_from(["gate", "bridge", "yard", "x"]),
                "url": st.sampled_from(["rtsp://10.1.1.1/a", "rtsp://10.1.1.2/a?x=1", "clip ở chợ.mp4", "/dev/video0"]),
                "box_name": CELL, "camera_name": CELL, "user": CELL, "place": CELL,
            }
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_whatever_a_sheet_says_is_refused_or_becomes_a_site_that_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    addresses = {"cho-gom": "10.70.1.11", "ben-tram": "10.70.2.11"}
    full = [{**row, "area": "a", "hq_host": "hq.example", "address": addresses[row["box"]]} for row in rows]
    path = write_sheet(tmp_path_factory.mktemp("sheet") / "sheet.csv", *full)
    survey, found = read_survey(path)
    if found or faults(survey):
        return
    for box in survey.boxes:
        document = parse(site_text(box, path))
        assert document.values == values(box)
        assert findings(document.values, path.parent, passwords=False) == []
