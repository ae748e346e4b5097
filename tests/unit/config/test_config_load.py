"""What a good site.toml becomes."""

from __future__ import annotations

import copy
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import config, site_reference, site_toml
from agent.backdrop.settings import CameraHealthSettings
from agent.core.box import Point
from agent.core.incident import Severity
from agent.rules.settings import DEFAULTS, Window
from agent.site_faults import ConfigErrors
from agent.site_values import parse_window
from agent.watch.settings import WatchSettings

SITE: dict[str, Any] = {
    "box": {"id": "gate-01", "name": "Cổng", "area": "a", "state_dir": "state", "runtime_dir": "/run/x"},
    "uplink": {"host": "127.0.0.1"},
    "detector": {"card": "yolox-nano"},
    "camera": [
        {
            "id": "gate",
            "name": "Cổng",
            "url": "clips/a.mp4",
            "zone": [{"id": "kerb", "name": "Lề", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}],
            "mask": [{"polygon": [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]}],
            "rule": [{"rule": "intrusion", "zone": "kerb"}],
        }
    ],
}


def write(values: dict[str, Any], name: str = "") -> list[str]:
    """Write ``values`` as TOML lines: plain keys first, then tables."""
    lines = [f"{key} = {site_toml.written(value)}" for key, value in values.items() if not is_table(value)]
    for key, value in values.items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            lines += [f"[{path}]", *write(value, path)]
        elif is_table(value):
            for item in value:
                lines += [f"[[{path}]]", *write(item, path)]
    return lines


def is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and value != [] and isinstance(value[0], dict))


def load(folder: Path, values: dict[str, Any]) -> config.Site:
    path = folder / "site.toml"
    path.write_text("\n".join(write(values)), "utf-8")
    return config.load(path)


def changed(*path: str | int, to: object) -> dict[str, Any]:
    values = copy.deepcopy(SITE)
    table: Any = values
    for part in path[:-1]:
        table = table.setdefault(part, {}) if isinstance(part, str) else table[part]
    table[path[-1]] = to
    return values


def test_the_sample_loads_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(site_reference.sample(), "utf-8")
    site = config.load(path)
    assert (site.box, [camera.id for camera in site.cameras], site.warnings) == ("gate-01", ["gate"], ())
    assert site.detect.card == "yolox-nano"  # stands there live: the default would watch a real camera and see nothing


def test_every_commented_key_of_the_sample_is_a_good_one(tmp_path: Path) -> None:
    lines = site_reference.sample().splitlines()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "tls").mkdir()
    for name in ("secrets/gate.password", "secrets/broker.password", "tls/ca.pem", "tls/box.pem", "tls/box.key"):
        (tmp_path / name).write_text("x\n")
        (tmp_path / name).chmod(0o600)
    loud = [line.removeprefix("# ") if " = " in line or line.startswith("# [") else line for line in lines]
    path = tmp_path / "site.toml"
    path.write_text("\n".join(loud), "utf-8")
    site = config.load(path)
    assert site.uplink.tls is not None
    assert site.cameras[0].masks
    assert site.rulebooks[0].rules[0].dwell_s == DEFAULTS["stopped_vehicle"].dwell_s


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    site = load(tmp_path, SITE)
    assert site.state_dir == site.store.state_dir == tmp_path / "state"
    assert site.runtime_dir == Path("/run/x")
    assert site.cameras[0].url == str(tmp_path / "clips/a.mp4")
    assert site.detect.models_dir == tmp_path / "state/models"


@pytest.mark.parametrize("rule", sorted(DEFAULTS))
def test_a_rule_takes_its_own_defaults(tmp_path: Path, rule: str) -> None:
    (book,) = load(tmp_path, changed("camera", 0, "rule", to=[{"rule": rule, "zone": "kerb"}])).rulebooks
    usual = DEFAULTS[rule]
    (made,) = book.rules
    assert (made.dwell_s, made.labels, made.severity) == (usual.dwell_s, usual.labels, usual.severity)
    assert (made.schedule, made.armed) == ((), True)


def test_a_rule_takes_what_is_written(tmp_path: Path) -> None:
    written = {
        "rule": "intrusion",
        "zone": "kerb",
        "dwell_s": 0,
        "labels": ["dog"],
        "severity": "urgent",
        "armed": False,
        "schedule": ["mon-fri 22:00-05:00"],
    }
    (book,) = load(tmp_path, changed("camera", 0, "rule", to=[written])).rulebooks
    (made,) = book.rules
    assert (made.dwell_s, made.labels, made.severity, made.armed) == (0, {"dog"}, Severity.URGENT, False)
    assert made.schedule == (Window(frozenset(range(5)), time(22), time(5)),)
    assert book.zones[0].polygon == (Point(0.1, 0.1), Point(0.9, 0.1), Point(0.5, 0.9))


def test_the_rooms_get_what_they_need(tmp_path: Path) -> None:
    site = load(tmp_path, SITE)
    assert isinstance(site.watch, WatchSettings)
    assert site.watch.config_hash == site.uplink.config_hash == site.hash
    assert site.page.cameras[0].zones == {"kerb": "Lề"}
    assert site.page.cameras[0].dwell_s == {("intrusion", "kerb"): DEFAULTS["intrusion"].dwell_s}


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("daily 06:00-24:00", {0, 1, 2, 3, 4, 5, 6}, time(6), time(0)),
        ("sat,sun 00:00-24:00", {5, 6}, time(0), time(0)),
        ("fri-mon 22:30-05:15", {4, 5, 6, 0}, time(22, 30), time(5, 15)),
        ("Mon, Wed-Thu 08:00 - 09:00", {0, 2, 3}, time(8), time(9)),
    ],
)
def test_windows_are_read(text: str, days: set[int], start: time, end: time) -> None:
    assert parse_window(text) == Window(frozenset(days), start, end)


def test_a_loopback_broker_needs_no_certificate_and_another_warns(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        assert load(tmp_path, changed("uplink", "host", to=host)).page.warnings == ()
    site = load(tmp_path, changed("uplink", to={"host": "198.51.100.4", "insecure": True}))
    (warning,) = site.warnings
    assert "uplink.insecure" in warning
    assert "198.51.100.4" in warning
    assert site.page.warnings == ("insecure_uplink",)


def test_ports_follow_the_kind_of_link(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("pem")
        (tmp_path / name).chmod(0o600)
    tls = {"ca": "ca", "cert": "cert", "key": "key"}
    assert load(tmp_path, SITE).uplink.port == 1883
    assert load(tmp_path, changed("uplink", to={"host": "hq.example", "tls": tls})).uplink.port == 8883
    assert load(tmp_path, changed("uplink", to={"host": "hq.example", "port": 1, "tls": tls})).uplink.port == 1


def test_a_password_in_the_path_of_a_camera_warns_and_is_veiled(tmp_path: Path) -> None:
    site = load(tmp_path, changed("camera", 0, "url", to="rtsp://192.0.2.7/user=admin&password=s3cret&channel=1"))
    (warning,) = site.warnings
    assert "s3cret" not in warning
    assert "password=***" in warning


def test_how_long_a_login_lasts_can_be_written(tmp_path: Path) -> None:
    page = load(tmp_path, changed("page", to={"idle_s": 600.0, "session_s": 3600.0})).page
    assert (page.idle_s, page.session_s) == (600.0, 3600.0)


def test_the_eye_is_told_masks_and_what_counts_as_impaired(tmp_path: Path) -> None:
    site = changed("camera", 0, "health", to={"covered_s": 20.0, "states": ["covered", "moved"]})
    (backdrop,) = load(tmp_path, site).watch.backdrops
    assert (backdrop.camera, backdrop.timezone, len(backdrop.masks)) == ("gate", "Asia/Ho_Chi_Minh", 1)
    assert backdrop.health == CameraHealthSettings(states=frozenset({"covered", "moved"}), covered_s=20.0)
    (plain,) = load(tmp_path, SITE).watch.backdrops
    assert plain.health == CameraHealthSettings()
    (deaf,) = load(tmp_path, changed("camera", 0, "health", to={"armed": False})).watch.backdrops
    assert deaf.health.states == frozenset()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"covered": 20}, r"cameras\.gate\.health\.covered: .*did you mean"),
        ({"states": ["coverd"]}, r"cameras\.gate\.health\.states"),
        ({"moved_share": 0.0}, r"cameras\.gate\.health\.moved_share"),
    ],
)
def test_a_wrong_key_of_health_is_named(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigErrors, match=said):
        load(tmp_path, changed("camera", 0, "health", to=keys))


def test_the_hash_names_the_effective_configuration(tmp_path: Path) -> None:
    plain = load(tmp_path, SITE).hash
    assert len(plain) == 16
    assert int(plain, 16) >= 0
    assert load(tmp_path, changed("page", to={"language": "vi"})).hash == plain  # the default, written out
    assert load(tmp_path, dict(reversed(SITE.items()))).hash == plain
    assert load(tmp_path, changed("page", to={"language": "en"})).hash != plain


KEYS = st.text("abcdefgh-_", min_size=1, max_size=6) | st.text(min_size=1, max_size=6).map(lambda word: f"é{word}")
SCALARS = (
    st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text(max_size=12)
)
LISTS = st.lists(SCALARS | st.lists(SCALARS, max_size=3), max_size=4)
TABLES = st.recursive(
    st.dictionaries(KEYS, SCALARS | LISTS, max_size=4),
    lambda inner: st.dictionaries(KEYS, SCALARS | LISTS | inner | st.lists(inner, min_size=1, max_size=3), max_size=4),
    max_leaves=12,
)


def spread(values: dict[str, Any], path: tuple[str | int, ...] = (), name: str = "") -> list[tuple[Any, str]]:
    """Write ``values`` as TOML with each key's path beside its text; lists go over several lines with comments."""
    rows: list[tuple[Any, str]] = []
    for key, value in values.items():
        here = (*path, key)
        if is_table(value):
            continue
        if isinstance(value, list) and value:
            rows.append((here, f"{site_toml.written(key)} = [ # ] not the end"))
            rows += [((*here, i), f'  {site_toml.written(item)}, # "') for i, item in enumerate(value)]
            rows.append((None, "]"))
        else:
            rows.append((here, f"{site_toml.written(key)} = {site_toml.written(value)} # = ["))
    for key, value in values.items():
        whole = f"{name}.{site_toml.written(key)}" if name else site_toml.written(key)
        if isinstance(value, dict):
            rows += [((*path, key), f"[ {whole} ]"), (None, ""), *spread(value, (*path, key), whole)]
        elif is_table(value):
            for i, item in enumerate(value):
                rows += [((*path, key, i), f"[[{whole}]]"), *spread(item, (*path, key, i), whole)]
    return rows


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_every_value_is_read_back_and_found_on_its_line(values: dict[str, Any]) -> None:
    rows = spread(values)
    document = site_toml.parse("\n".join(text for _, text in rows))
    assert document.values == values
    for number, (path, _) in enumerate(rows, 1):
        if path is not None:
            assert document.lines[path] == number


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a.b.c = 1", ("a", "b", "c"), 1),
        ("x = 1\n[t]\n\na = {b = 1, c = {d = [1,\n2]}}", ("t", "a", "c", "d", 1), 5),
        ('a = """\n] [x]\nb = 1 \\" \n"""\nc = 2', ("c",), 5),
        ("a = '''\n'''''\nb = 1979-05-27 07:32:00Z\nc = 2", ("c",), 4),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), 6),
        ("# only\n\n[a]\nb = 1", ("a", "missing"), 3),
    ],
)
def test_lines_of_rarer_forms(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert site_toml.parse(text).line(path) == line
