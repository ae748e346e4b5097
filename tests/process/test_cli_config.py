"""From an empty folder to a good site.toml, and what the command line says on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import command

from agent.config import version


def test_init_writes_a_site_that_only_lacks_the_world_around_it(tmp_path: Path) -> None:
    assert command("init", "box", folder=tmp_path).returncode == 0
    assert (tmp_path / "box" / "secrets").stat().st_mode & 0o777 == 0o700
    run = command("register", "box/site.toml", folder=tmp_path)  # loads it, then finds no keys
    assert run.returncode == 6
    assert "commune-agent migrate" in run.stderr


def test_init_changes_nothing_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("mine")
    run = command("init", folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr == "commune-agent: site.toml: exists already; name another folder or move it away\n"
    assert (tmp_path / "site.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'url = "rtsp://192.168.1.64:554/Streaming/Channels/102"',
            'ulr = "rtsp://192.168.1.64:554/Streaming/Channels/102"',
            "cameras.gate.ulr: unknown key; did you mean url?",
        ),
        ('host = "127.0.0.1"', 'host = "198.51.100.4"', 'uplink.host: plain MQTT to another machine is refused'),
        ('zone = "kerb"', 'zone = "curb"', 'cameras.gate.rules.stopped_vehicle@curb.zone: names no zone'),
        ('id = "gate-01"', "id = gate-01", 'is no TOML: Invalid value; text stands in "double quotes"'),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_and_exit_code_2(tmp_path: Path, old: str, new: str, message: str) -> None:
    command("init", folder=tmp_path)
    path = tmp_path / "site.toml"
    lines = path.read_text("utf-8").splitlines()
    assert lines.count(old) == 1
    number = lines.index(old) + 1
    path.write_text("\n".join(lines).replace(f"\n{old}\n", f"\n{new}\n"), "utf-8")
    run = command("check", "site.toml", folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"commune-agent: site.toml:{number}: ")
    assert message in line


def test_the_command_line_needs_no_installed_package() -> None:
    program = "from agent.cli.commands import build; print(build(None).format_help())"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, cwd=root, check=False)
    assert run.returncode == 0, run.stderr
    assert "test-alert" in run.stdout


def test_the_version_is_told() -> None:
    run = command("--version")
    assert (run.returncode, run.stdout) == (0, f"{version()}\n")


@pytest.mark.parametrize("name", ["run", "watch", "page", "migrate", "register", "events"])
def test_no_command_goes_on_with_a_bad_site(tmp_path: Path, name: str) -> None:
    (tmp_path / "site.toml").write_text('[box]\nid = "hq"\nstate_dir = "state"\nruntime_dir = "runtime"\n')
    run = command(name, "site.toml", *(["list"] if name == "events" else []), folder=tmp_path)
    assert run.returncode == 2
    assert 'commune-agent: site.toml:2: box.id: is reserved for HQ\'s own topics (got "hq"); give the box' in run.stderr
    assert "Traceback" not in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["site.toml"]


def test_faults_as_json(tmp_path: Path) -> None:
    command("init", folder=tmp_path)
    path = tmp_path / "site.toml"
    path.write_text(path.read_text("utf-8").replace('id = "gate-01"', 'id = "hq"'), "utf-8")
    run = command("check", "site.toml", "--json", folder=tmp_path)
    assert (run.returncode, run.stderr) == (2, "")
    (fault,) = json.loads(run.stdout)["faults"]
    assert (fault["key"], fault["got"]) == ("box.id", '"hq"')
    assert fault["remedy"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("chek", "site.toml"),
            "commune-agent: unknown command 'chek'; did you mean check?; see: commune-agent --help",
        ),
        (("check", "gone.toml"), "commune-agent: gone.toml: is not there; make one with: commune-agent init"),
        (
            ("migrate",),
            "commune-agent migrate: the following arguments are required: CONFIG; see: commune-agent migrate",
        ),
        (
            ("run", "site.toml", "--only", "wach"),
            "commune-agent run: argument --only: takes watch, uplink, page, parted by commas",
        ),
        (
            ("test-alert", "site.toml", "--timeout", "-1"),
            "commune-agent test-alert: argument --timeout: takes seconds above 0; got '-1'",
        ),
        (
            ("events", "site.toml", "list", "--limit", "1.5"),
            "commune-agent events CONFIG list: argument --limit: takes a whole number above 0; got '1.5'",
        ),
        (("demo", "--seconds", "inf"), "commune-agent demo: argument --seconds: takes seconds above 0; got 'inf'"),
        (("demo", "--dir", "/proc/no/demo"), "commune-agent: --dir: /proc/no/demo cannot be used (No such file"),
        (("demo", "--dir", "taken/demo"), "commune-agent: --dir: "),
        (("demo", "--model", "gone.onnx"), "commune-agent: --model: gone.onnx is no file; name an .onnx file"),
    ],
)
def test_a_command_line_that_cannot_be_read(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    (tmp_path / "taken").touch()
    run = command(*words, folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith(message)
    assert len(run.stderr.splitlines()) == 1


def test_passwords_are_kept_as_hashes(tmp_path: Path) -> None:
    command("init", folder=tmp_path)
    run = command("password", "site.toml", "lan", "--stdin", given="correct horse\n", folder=tmp_path)
    assert run.returncode == 2
    assert "page.password_file: is not set" in run.stderr
    path = tmp_path / "site.toml"
    path.write_text(path.read_text("utf-8").replace("[page]", '[page]\npassword_file = "secrets/page"'), "utf-8")
    run = command("password", "site.toml", "lan", "--stdin", given="correct horse\n", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    kept = (tmp_path / "secrets/page").read_text()
    assert kept.startswith("lan:$argon2id$")
    assert "correct" not in kept + run.stdout + run.stderr
    assert (tmp_path / "secrets/page").stat().st_mode & 0o777 == 0o600
    run = command("password", "site.toml", "lan", "--stdin", given="short\n", folder=tmp_path)
    assert run.returncode == 2
    assert (tmp_path / "secrets/page").read_text() == kept


def test_register_prints_what_hq_reads(tmp_path: Path) -> None:
    from hq.registry import load_registry

    command("init", folder=tmp_path)
    path = tmp_path / "site.toml"
    path.write_text(path.read_text("utf-8").replace("[box]", '[box]\nstate_dir = "state"'), "utf-8")
    assert command("migrate", "site.toml", folder=tmp_path).returncode == 0
    (tmp_path / "registry").mkdir()
    run = command("register", "site.toml", "-o", "registry/gate-01.json", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    box = load_registry(tmp_path / "registry").box("gate-01")
    assert (box.area, box.name) == ("commune-a", "Cổng chào thôn 1")
    assert box.cameras["gate"].zones == {"kerb": "Lề đường phía chợ"}
    assert {name: len(key) for name, key in box.keys.items()} == {"watch": 32, "page": 32, "uplink": 32}
    again = command("register", "site.toml", folder=tmp_path)
    assert json.loads(again.stdout) == json.loads((tmp_path / "registry/gate-01.json").read_text("utf-8"))
