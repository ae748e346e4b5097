"""The broker's files follow from the registry, and a registry that cannot be trusted writes none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import ConfigError
from hq.registry import load_registry
from provisioning.broker import access_list, broker_config
from provisioning.registry import registered

KEYS = {"watch": "11" * 32, "page": "22" * 32, "uplink": "33" * 32}
GOOD = {"box": "gate-01", "area": "demo", "name": "Cổng chợ", "keys": KEYS}
OTHER_KEYS = {"watch": "44" * 32, "page": "55" * 32, "uplink": "66" * 32}


def entry(folder: Path, name: str = "gate-01.json", **changes: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(GOOD | changes), "utf-8")
    return path


def blocks(text: str) -> dict[str, list[str]]:
    """User to lines of an access list."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("user "):
            lines = found[line.removeprefix("user ")] = []
        elif line and not line.startswith("#"):
            lines.append(line)  # a line before the first user would be for everybody: UnboundLocalError
    return found


def test_the_access_list_has_exactly_the_registered_boxes(tmp_path: Path) -> None:
    entry(tmp_path)
    entry(tmp_path, "gate-02.json", box="gate-02", keys=OTHER_KEYS)
    (tmp_path / "notes.txt").write_text("no box")
    (tmp_path / ".gate-03.json.part").write_text("half")
    boxes = [box.id for box in registered(tmp_path, "demo")]
    assert set(blocks(access_list("demo", boxes))) == {"hq-demo", "gate-01", "gate-02"}
    assert sorted(boxes) == sorted(load_registry(tmp_path)._boxes), "HQ reads other boxes than the access list knows"


def test_a_copied_disk_is_told_by_its_keys(tmp_path: Path) -> None:
    entry(tmp_path)
    entry(tmp_path, "gate-02.json", box="gate-02", keys=OTHER_KEYS | {"page": KEYS["page"]})
    with pytest.raises(ConfigError, match=r"gate-02\.json: has a signing key of box gate-01 too: a disk was copied"):
        registered(tmp_path, "demo")


def test_a_box_may_use_its_own_topics_and_nothing_else() -> None:
    mine = "commune/v1/demo/gate-01"
    assert blocks(access_list("demo", ["gate-01"])) == {
        "hq-demo": [
            "topic read commune/v1/demo/#",
            "topic write commune/v1/demo/+/ack",
            "topic write commune/v1/demo/+/cmd/#",
            "topic write commune/v1/demo/hq/s",
        ],
        "gate-01": [
            *(f"topic write {mine}/{leaf}" for leaf in ("e", "i", "s", "h", "hello")),
            f"topic read {mine}/ack",
            f"topic read {mine}/cmd/#",
            "topic read commune/v1/demo/hq/s",
        ],
    }


def test_the_same_registry_gives_the_same_bytes(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        keys = {name: key[:-1] + str(number) for name, key in KEYS.items()}
        entry(tmp_path, f"gate-{number}.json", box=f"gate-{number}", keys=keys)
    assert [box.id for box in registered(tmp_path, "demo")] == ["gate-1", "gate-2", "gate-3"]


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("gate-02.json", {}, "is of box 'gate-01'; call it gate-01.json"),
        ("gate-01.json", {"area": "other"}, "is of area 'other', not demo"),
        ("gate-01.json", {"keys": {}}, "lacks the public key of page, uplink, watch"),
        ("gate-01.json", {"keys": KEYS | {"page": "22"}}, "a public key has 64 hex digits"),
        ("gate-01.json", {"keys": KEYS | {"page": "g" * 64}}, "is no box of the registry"),
        ("gate-01.json", {"keys": None}, "is no box of the registry"),
        ("hq-demo.json", {"box": "hq-demo"}, "is reserved for HQ"),
        ("a b.json", {"box": "a b"}, "is no box id"),
        ("#.json", {"box": "#"}, "is no box id"),
    ],
)
def test_an_entry_that_cannot_be_trusted_is_named(
    name: str, changes: dict[str, object], problem: str, tmp_path: Path
) -> None:
    entry(tmp_path, "gate-00.json", box="gate-00")
    path = entry(tmp_path, name, **changes)
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as told:
        registered(tmp_path, "demo")
    assert str(told.value).startswith(f"{path}: ")
    assert problem in str(told.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"box": 1}', "\x00"])
def test_a_file_that_is_no_entry_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "gate-01.json").write_text(content)
    with pytest.raises(ConfigError, match=f"^{tmp_path / 'gate-01.json'}: is no box of the registry"):
        registered(tmp_path, "demo")


def test_a_registry_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no directory"):
        registered(tmp_path / "nowhere", "demo")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pki": Path("pki")}, "--pki: 'pki' is no absolute path"),
        ({"acl": Path("/etc/a\nallow_anonymous true")}, "--acl: "),
        ({"port": 0}, "--port: must be 1 to 65535"),
        ({"port": 70_000}, "--port: "),
        ({"address": "0.0.0.0\nallow_anonymous true"}, "is no host name"),
        ({"address": ""}, "is no host name"),
    ],
)
def test_what_cannot_stand_in_a_configuration_is_refused(changes: dict[str, object], problem: str) -> None:
    good: dict[str, object] = {"pki": Path("/etc/pki"), "acl": Path("/etc/acl"), "address": "0.0.0.0", "port": 8883}
    assert "listener 8883 0.0.0.0\n" in broker_config(**good)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=problem):
        broker_config(**good | changes)  # type: ignore[arg-type]
