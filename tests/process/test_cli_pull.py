"""``model pull`` and ``model verify`` as people run them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cards import CARD
from support.commands import command
from support.https_server import HttpsServer
from support.onnx_maker import grid_model


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    for name in ("tls", "models"):
        (tmp_path / name).mkdir()
    with HttpsServer(tmp_path / "tls") as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        model = grid_model(tmp_path / "street.onnx", (64, 64), 7, (8,))
        running.put("/street.onnx", model.read_bytes())
        text = CARD.format(pin=f'url = "{running.url("/street.onnx")}"')
        (tmp_path / "models" / "street.toml").write_text(text, "utf-8")
        yield running


@pytest.fixture
def words(server: HttpsServer, tmp_path: Path) -> list[str]:
    return ["model", "pull", "street", "--models-dir", str(tmp_path / "models")]


def test_what_ships_with_the_software_needs_no_pull(tmp_path: Path) -> None:
    run = command("model", "pull", "demo", "--models-dir", tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[0].endswith("(it ships with the software)")
    assert "demo.onnx: Demo detector" in run.stdout
    assert list(tmp_path.iterdir()) == []
    other = command("model", "pull", "demo", "--models-dir", tmp_path, "--sha256", "0" * 64)
    assert other.returncode != 0
    assert "is pinned in two ways" in other.stderr


def test_a_pull_and_its_verification(words: list[str], server: HttpsServer, tmp_path: Path) -> None:
    run = command(*words, "--yes", "--json")
    assert run.returncode == 0, run.stderr
    digest = hashlib.sha256((tmp_path / "street.onnx").read_bytes()).hexdigest()
    assert json.loads(run.stdout) == {
        "card": "street",
        "path": str(tmp_path / "models" / "street.onnx"),
        "sha256": digest,
        "fresh": True,
    }
    told = run.stderr.splitlines()
    assert told[0].startswith("Test network: from https://127.0.0.1:")
    assert "licence: Apache-2.0" in told
    assert any(line.startswith("street: ") and line.endswith("(100 %)") for line in told)
    again = command(*words)
    assert (again.returncode, "it was here already" in again.stdout) == (0, True)
    verified = command("model", "verify", "--models-dir", tmp_path / "models")
    assert verified.returncode == 0
    assert any(line.startswith("whole") and "street" in line for line in verified.stdout.splitlines())
    (tmp_path / "models" / "street.onnx").write_bytes(b"\x08\x08")
    broken = command("model", "verify", "--models-dir", tmp_path / "models", "--json")
    assert broken.returncode == 5
    assert [row["state"] for row in json.loads(broken.stdout) if row["card"] == "street"] == ["broken"]


def test_where_nobody_can_be_asked_it_says_so(words: list[str], server: HttpsServer) -> None:
    run = command(*words)
    assert run.returncode == 2
    assert "--yes: is needed where nobody can be asked: Take street under this licence?" in run.stderr
    assert server.requests == []


@pytest.mark.parametrize(("answers", "code"), [("yes\nyes\n", 0), ("yes\nno\n", 5), ("\n", 5)])
def test_at_a_terminal_it_asks_and_draws_a_bar(words: list[str], tmp_path: Path, answers: str, code: int) -> None:
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "agent", *words]
    with subprocess.Popen(line, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True) as program:
        os.write(ours, answers.encode())
        out, _ = program.communicate(timeout=60)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert program.returncode == code, shown
    assert b"Take street under this licence? [yes/no]" in shown
    assert ((tmp_path / "models" / "street.onnx").exists(), bool(out)) == (code == 0, code == 0)


def test_a_fault_is_one_line(words: list[str], server: HttpsServer) -> None:
    server.put("/street.onnx", status=404)
    run = command(*words, "--yes")
    assert run.returncode == 5
    assert run.stderr.splitlines()[-1].startswith("commune-agent: model https://127.0.0.1:")
    assert "the server answers 404" in run.stderr
    assert "Traceback" not in run.stderr


def test_from_a_stick(words: list[str], server: HttpsServer, tmp_path: Path) -> None:
    run = command(*words, "--yes", "--from", tmp_path, "--sha256", "0" * 64)
    assert run.returncode == 5
    run = command(*words, "--yes", "--from", tmp_path)
    assert run.returncode == 0, run.stderr
    assert server.requests == []
    assert command(*words, "--sha256", "12").returncode == 2
