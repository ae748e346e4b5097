"""What a person reads when site.toml cannot be used: each row one mistake, its line, key, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import config
from agent.site_faults import ConfigErrors, Fault

GOOD = """\
[box]
id = "gate-01"
name = "Cổng chào"
area = "commune-a"

[uplink]
host = "127.0.0.1"

[[camera]]
id = "gate"
name = "Camera cổng"
url = "rtsp://192.0.2.7:554/sub"

[[camera.zone]]
id = "kerb"
name = "Lề đường"
polygon = [[0.1, 0.6], [0.5, 0.6], [0.5, 0.9], [0.1, 0.9]]

[[camera.rule]]
rule = "stopped_vehicle"
zone = "kerb"
"""

OWN_MODEL = '\n[detector]\ncard = "yolox-nano"\n'
CAMERA, ZONE, RULE = "[[camera]]\n", "[[camera.zone]]\n", "[[camera.rule]]\n"
URL = 'url = "rtsp://192.0.2.7:554/sub"'
POLYGON = "polygon = [[0.1, 0.6], [0.5, 0.6], [0.5, 0.9], [0.1, 0.9]]"

TABLE = [
    # what was done, old text, new text, line, key, value shown, words of the remedy
    ("unknown key", URL, URL.replace("url", "ulr"), 12, "cameras.gate.ulr", "", "did you mean url?"),
    ("unknown table", "[uplink]", "[uplnk]", 6, "uplnk", "", "did you mean uplink?"),
    ("missing key", 'area = "commune-a"\n', "", 1, "box.area", "", 'write for example area = "commune-a"'),
    ("no camera at all", GOOD[GOOD.index("[[camera]]") :], "", 1, "camera", "", "write a table [[camera]]"),
    ("single brackets", CAMERA, "[camera]\n", 9, "camera", "", "write a table [[camera]]"),
    ("text for number", URL, f'{URL}\nfps = "5"', 13, "cameras.gate.fps", '"5"', "write for example fps = 5.0"),
    ("true for number", URL, f"{URL}\nfps = true", 13, "cameras.gate.fps", "true", "write for example fps = 5.0"),
    ("too fast", URL, f"{URL}\nfps = 60", 13, "cameras.gate.fps", "60", "write for example fps = 5.0"),
    ("too seldom", URL, f"{URL}\nfps = 0.9", 13, "cameras.gate.fps", "0.9", "write for example fps = 5.0"),
    ("not a number", URL, f"{URL}\nfps = nan", 13, "cameras.gate.fps", "nan", "write for example fps = 5.0"),
    ("unknown backend", URL, f'{URL}\nbackend = "opencvv"', 13,
     "cameras.gate.backend", '"opencvv"', "did you mean opencv?"),
    ("no scheme", URL, 'url = "192.0.2.7:554/sub"', 12, "cameras.gate.url", '"192.0.2.7:554/sub"', "rtsp://host:554/path"),
    ("no host", URL, 'url = "rtsp:///sub"', 12, "cameras.gate.url", '"rtsp:///sub"', "rtsp://host:554/path"),
    ("http", URL, 'url = "http://192.0.2.7/"', 12, "cameras.gate.url", '"http://192.0.2.7/"', "use rtsp://"),
    ("a # cuts", URL, 'url = "rtsp://192.0.2.7/a#b"', 12, "cameras.gate.url", '"rtsp://192.0.2.7/a#b"', "%23"),
    ("a blank", URL, 'url = "rtsp://192.0.2.7/a b"', 12, "cameras.gate.url", '"rtsp://192.0.2.7/a b"', "%20"),
    ("file on jetson", URL, 'url = "clip.mp4"\nbackend = "jetson"', 12,
     "cameras.gate.url", '"clip.mp4"', 'use backend = "opencv"'),
    ("file:// on jetson", URL, 'url = "file:///clip.mp4"\nbackend = "jetson"', 12,
     "cameras.gate.url", '"file:///clip.mp4"', "use rtsp:// or csi:// or v4l2:// or /dev/videoN"),
    ("quote on jetson", URL, """url = "rtsp://192.0.2.7/a'b"\nbackend = "jetson\"""", 12,
     "cameras.gate.url", '"rtsp://192.0.2.7/a\'b"', "percent-encode it"),
    ("port", URL, 'url = "rtsp://192.0.2.7:99999/"', 12, "cameras.gate.url", '"rtsp://192.0.2.7:99999/"', "1 to 65535"),
    ("bad id", 'id = "gate"', 'id = "Gate 1"', 10, "cameras.Gate 1.id", '"Gate 1"', "small letters a-z"),
    ("reserved id", 'id = "gate-01"', 'id = "hq"', 2, "box.id", '"hq"', "give the box another id"),
    ("HQ's client id", 'id = "gate-01"', 'id = "hq-demo"', 2, "box.id", '"hq-demo"', "give the box another id"),
    ("bow tie", POLYGON, "polygon = [[0.1, 0.6], [0.5, 0.9], [0.5, 0.6], [0.1, 0.9]]", 17,
     "cameras.gate.zones.kerb.polygon", "[[0.1, 0.6], [0.5, 0.9], [0.5, 0.6], [0.1, 0.9]]", "--grid"),
    ("pixels", POLYGON, "polygon = [[64, 200], [300, 200], [300, 300]]", 17,
     "cameras.gate.zones.kerb.polygon", "[[64, 200], [300, 200], [300, 300]]", "--grid"),
    ("two corners", POLYGON, "polygon = [[0.1, 0.6], [0.5, 0.6]]", 17,
     "cameras.gate.zones.kerb.polygon", "[[0.1, 0.6], [0.5, 0.6]]", "--grid"),
    ("a corner of three", POLYGON, "polygon = [[0.1, 0.6], [0.5, 0.6, 1], [0.5, 0.9]]", 17,
     "cameras.gate.zones.kerb.polygon", "[[0.1, 0.6], [0.5, 0.6, 1], [0.5, 0.9]]", "[x, y]"),
    ("text in a corner", POLYGON, 'polygon = [\n  [0.1, 0.6],\n  [0.5, "0.6"],\n  [0.5, 0.9]]', 19,
     "cameras.gate.zones.kerb.polygon[2][2]", '"0.6"', "write for example polygon ="),
    ("unknown zone", 'zone = "kerb"', 'zone = "kreb"', 21,
     "cameras.gate.rules.stopped_vehicle@kreb.zone", '"kreb"', "did you mean kerb?"),
    ("unknown rule", "stopped_vehicle", "stoped_vehicle", 20,
     "cameras.gate.rules.stoped_vehicle@kerb.rule", '"stoped_vehicle"', "did you mean stopped_vehicle?"),
    ("schedule", 'zone = "kerb"', 'zone = "kerb"\nschedule = ["22:00-05:00"]', 22,
     "cameras.gate.rules.stopped_vehicle@kerb.schedule[1]", '"22:00-05:00"', '"mon-fri 22:00-05:00"'),
    ("day", 'zone = "kerb"', 'zone = "kerb"\nschedule = ["mon-fry 22:00-05:00"]', 22,
     "cameras.gate.rules.stopped_vehicle@kerb.schedule[1]", '"mon-fry 22:00-05:00"', "did you mean fri?"),
    ("hour", 'zone = "kerb"', 'zone = "kerb"\nschedule = ["mon 22:00-25:00"]', 22,
     "cameras.gate.rules.stopped_vehicle@kerb.schedule[1]", '"mon 22:00-25:00"', "00:00 to 24:00"),
    ("severity", 'zone = "kerb"', 'zone = "kerb"\nseverity = "urgnt"', 22,
     "cameras.gate.rules.stopped_vehicle@kerb.severity", '"urgnt"', "did you mean urgent?"),
    ("time zone", 'area = "commune-a"', 'area = "commune-a"\ntimezone = "Asia/Ho_Chi_Min"', 5,
     "box.timezone", '"Asia/Ho_Chi_Min"', "did you mean Asia/Ho_Chi_Minh?"),
    ("camera twice", GOOD[GOOD.index(ZONE) :], f'{CAMERA}id = "gate"\nname = "b"\n{URL}\n', 15,
     "cameras.gate.id", '"gate"', "change or remove one"),
    ("zone twice", RULE, f'{ZONE}id = "kerb"\nname = "b"\n{POLYGON}\n{RULE}', 20,
     "cameras.gate.zones.kerb.id", '"kerb"', "change or remove one"),
    ("rule twice", RULE, f'{RULE}rule = "stopped_vehicle"\nzone = "kerb"\n{RULE}', 23,
     "cameras.gate.rules.stopped_vehicle@kerb.rule", '"stopped_vehicle"', "change or remove one"),
    ("plain MQTT", '"127.0.0.1"', '"198.51.100.4"', 7, "uplink.host", '"198.51.100.4"', "insecure = true"),
    ("broker as URL", '"127.0.0.1"', '"mqtt://127.0.0.1"', 7, "uplink.host", '"mqtt://127.0.0.1"', "bare host name"),
    ("broker's port", '"127.0.0.1"', '"127.0.0.1:1883"', 7, "uplink.host", '"127.0.0.1:1883"', "bare host name"),
    ("no certificate", '"127.0.0.1"',
     '"127.0.0.1"\ntls.ca = "ca.pem"\ntls.cert = "good.password"\ntls.key = "good.password"',
     8, "uplink.tls.ca", '"ca.pem"', "put it there"),
    ("open page", "[uplink]", '[page]\nhost = "0.0.0.0"\n[uplink]', 7,
     "page.host", '"0.0.0.0"', "commune-agent password"),
    ("privacy hole", "[uplink]", "[detector]\nmin_score = 0.3\n[uplink]", 7,
     "detector.min_score", "0.3", "write min_score = 0.15 or less"),
    ("scores swapped", "[uplink]", "[tracker]\nlow_score = 0.6\n[uplink]", 7,
     "tracker.low_score", "0.6", "0.4 or less"),
    ("no password", URL, f'{URL}\nuser = "v"\npassword_file = "gate.password"', 14,
     "cameras.gate.password_file", '"gate.password"', "write the password into it, then: chmod 600"),
    ("password without user", URL, f'{URL}\npassword_file = "good.password"', 13,
     "cameras.gate.password_file", '"good.password"', "write user = beside it"),
    ("open password", URL, f'{URL}\nuser = "v"\npassword_file = "open.password"', 14,
     "cameras.gate.password_file", '"open.password"', "chmod 600"),
    ("empty password", URL, f'{URL}\nuser = "v"\npassword_file = "empty.password"', 14,
     "cameras.gate.password_file", '"empty.password"', "alone on its first line"),
    ("no TOML: quotes", '"gate-01"', "gate-01", 2, "", "", '"double quotes"'),
    ("no TOML: twice", 'id = "gate-01"', 'id = "gate-01"\nid = "gate-02"', 3, "", "", "keep one"),
    ("no TOML: list", POLYGON, POLYGON[:-1], 19, "", "", "close the list with ]"),
    ("no TOML: backslash", URL, 'url = "C:\\clips\\a.mp4"', 12, "", "", "'single quotes'"),
]  # fmt: skip


def write(folder: Path, text: str) -> Path:
    """Lay a site.toml with the secrets that the rows name."""
    for name, content, mode in (("good", "s3cret\n", 0o600), ("open", "s3cret\n", 0o644), ("empty", "", 0o600)):
        (folder / f"{name}.password").write_text(content)
        (folder / f"{name}.password").chmod(mode)
    path = folder / "site.toml"
    path.write_text(text, "utf-8")
    return path


def faults_of(folder: Path, text: str) -> tuple[Fault, ...]:
    with pytest.raises(ConfigErrors) as caught:
        config.load(write(folder, text))
    return caught.value.faults


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "got", "remedy"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_one_mistake_gives_one_message(
    tmp_path: Path, old: str, new: str, line: int, key: str, got: str, remedy: str
) -> None:
    assert GOOD.count(old) >= 1
    (fault,) = faults_of(tmp_path, GOOD.replace(old, new, 1))
    assert (fault.line, fault.key, fault.got) == (line, key, got)
    assert remedy in fault.remedy
    assert "\n" not in str(fault)
    assert str(fault).startswith(f"{tmp_path / 'site.toml'}:{line}: ")


def test_the_good_one_is_good(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, GOOD + OWN_MODEL)).warnings == ()


@pytest.mark.parametrize(("more", "line"), [("", 1), ("\n[detector]\n", 23), ('\n[detector]\ncard = "demo"\n', 24)])
def test_the_demo_model_on_a_real_camera_warns_at_every_start(tmp_path: Path, more: str, line: int) -> None:
    (warning,) = config.load(write(tmp_path, GOOD + more)).warnings
    assert warning.startswith(f"{tmp_path / 'site.toml'}:{line}: ")
    assert "no use on camera gate" in warning
    assert 'commune-agent model add FILE --card yolox-nano, then write [detector] card = "yolox-nano"' in warning


def test_the_demo_model_on_a_drawn_camera_is_right(tmp_path: Path) -> None:
    drawn = GOOD.replace(URL, 'backend = "rendered"\nurl = "street"')
    assert config.load(write(tmp_path, drawn)).warnings == ()


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("gate-01", "hq").replace('host = "127.0.0.1"', 'hots = "127.0.0.1"')
    text = text.replace(URL, f"{URL}\nfps = 0").replace('zone = "kerb"', 'zone = "road"\ndwell = 5')
    keys = [fault.key for fault in faults_of(tmp_path, text)]
    rule = "cameras.gate.rules.stopped_vehicle@road"
    assert keys == ["box.id", "uplink.hots", "cameras.gate.fps", f"{rule}.zone", f"{rule}.dwell"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (URL, 'url = "rtsp://admin:s3cret@192.0.2.7/sub"'),
        (URL, 'url = "rtsp://admin:s3c/re@s3cret@192.0.2.7/sub"'),
        (URL, 'url = "http://192.0.2.7/user=admin&password=s3cret&x"'),
        (URL, f'{URL}\nuser = "v"\npassword = "s3cret"'),
        (URL, f'{URL}\nuser = "v"\npassword_file = "s3cret"'),
        (URL, f'{URL}\nuser = "v"\npassword_file = ["s3cret"]'),
        ('"127.0.0.1"', '"mqtt://admin:s3cret@127.0.0.1"'),
        ('"gate-01"', '"gate-01\npassword = s3cret'),
    ],
)
def test_a_secret_is_never_repeated(tmp_path: Path, old: str, new: str) -> None:
    faults = faults_of(tmp_path, GOOD.replace(old, new, 1))
    assert faults
    assert "s3c" not in str(ConfigErrors(faults)) + repr(faults)


def test_a_secret_is_not_in_the_settings_repr(tmp_path: Path) -> None:
    text = GOOD.replace(URL, f'{URL}\nuser = "v"\npassword_file = "good.password"')
    text = text.replace('host = "127.0.0.1"', 'host = "127.0.0.1"\nusername = "b"\npassword_file = "good.password"')
    site = config.load(write(tmp_path, text))
    assert (site.cameras[0].password, site.uplink.password) == ("s3cret", "s3cret")
    assert "s3cret" not in repr(site) + repr(site.watch)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [(None, 0, "commune-agent init"), (b"[box]\nname = \"\xff\"\n", 2, "UTF-8"), ("folder", 0, "name a file")],
)  # fmt: skip
def test_a_file_that_is_none(tmp_path: Path, content: bytes | str | None, line: int, words: str) -> None:
    path = tmp_path / "site.toml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    with pytest.raises(ConfigErrors) as caught:
        config.load(path)
    (fault,) = caught.value.faults
    assert fault.line == line
    assert words in str(fault)
